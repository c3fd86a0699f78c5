"""What the live queries are made of."""

from __future__ import annotations

from nbconvex.functions.live_query import LiveQuery, LiveUpdate, Subscriber, Subscription


def test_subscription_shows_the_newest_results_and_closes_once() -> None:
    subscriber = Subscriber(None, None, is_single=False)
    queries = [LiveQuery((path, b"", False), path, {}, None) for path in ("m:a", "m:b")]
    subscriber.queries.update(enumerate(queries))
    closed = []

    def close(each: Subscriber) -> None:
        each.is_closed = True
        closed.append(each)

    updates = [LiveUpdate(1, "a", None, ()), LiveUpdate(1, "b", None, ())]
    with Subscription(subscriber, close) as subscription:
        assert subscription.updates == ()
        for live, update in zip(queries, updates, strict=True):
            live.update = update
        assert subscription.latest is updates[0]
        assert subscription.updates == tuple(updates)
        assert not subscription.is_closed
    subscription.close()
    assert closed == [subscriber]
    assert subscription.is_closed
