"""How functions fare, from the log of calls."""

from __future__ import annotations

import contextlib

import pytest

from nbconvex.checks.insights import function_stats, percentile, read_stats


@pytest.mark.case("tooling/function_stats")
def test_a_hundred_calls_are_counted_with_errors_cache_hits_and_percentiles(app) -> None:
    app.define("query", "def f(ctx, n: int):\n    if n < 10:\n        raise ValueError(f'no {n}')\n    return n")
    for number in range(50):
        for _ in range(2):
            with contextlib.suppress(ValueError):
                app.backend.run("posts:f", {"n": number})
    (stats,) = function_stats(app.backend)
    assert (stats.calls, stats.errors, stats.cache_hits) == (100, 20, 40)
    assert str(stats.newest_error.error) == "no 9"
    durations = sorted(record.duration_ms for record in app.backend.logs)
    assert (stats.p50_ms, stats.p95_ms) == (durations[49], durations[94])


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.95), percentile([], 0.5)) == (50.0, 95.0, 0.0)
    assert percentile([3.0], 0.95) == 3.0


def test_full_scans_and_filters_that_drop_nearly_all_are_remarked(app) -> None:
    app.fill(200)
    app.define(
        "query", 'def f(ctx):\n    return ctx.db.query("posts").filter(lambda q: q.eq(q.field("n"), 3)).collect()'
    )
    app.backend.run("posts:f")
    (stats,) = function_stats(app.backend, "posts:f")
    assert stats.remarks == ("full scan of posts, filter drops 99%",)
    (read,) = read_stats(app.backend, "posts")
    assert (read.fields, read.queries, read.looked_at, read.given) == (("n",), 1, 200, 1)


def test_an_index_that_was_read_is_named_without_remark(app) -> None:
    app.schema('posts = table({"author": v.string(), "n": v.number()}).index("by_n", ["n"])')
    app.fill(10)
    app.define("query", 'def f(ctx):\n    return ctx.db.query("posts").with_index("by_n", n=3).first()')
    app.backend.run("posts:f")
    (read,) = read_stats(app.backend, "posts:f")
    assert (read.table, read.index, read.remark) == ("posts", "by_n", "")
