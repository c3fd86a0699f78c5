"""W11 and S5: how soon clients of the network have what a commit has changed for them."""

from __future__ import annotations

from benchmarks.children import Child
from benchmarks.machine import Probe
from benchmarks.race import Contestant, Settings, race
from benchmarks.results import Result, Row, Verdict
from benchmarks.spread import Spread
from benchmarks.workloads.commits import verdict_of

SOCKETS = 1_000


def broadcast(settings: Settings, probe: Probe) -> Result:
    """W11."""
    result = Result("W11", f"1 kB until the last of {SOCKETS:,} sockets has it", "ms")
    calls = 10 if settings.quick else 30

    def prepare(child: Child) -> None:
        child.ask("gather_audience", sockets=SOCKETS)

    def measure(child: Child) -> float:
        return float(child.ask("broadcast_until_all_have", calls=calls)["p50"]) / 1000

    peers = ("nbconvex", "websockets", "websockets-broadcast", "starlette")
    race(result, [Contestant(name, measure, prepare) for name in peers], settings, probe)
    ours = result.row("nbconvex")
    verdict_of(result, "× websockets, send", ours, result.row("websockets, send"), limit=3.0, goal=1.3)
    verdict_of(result, "× websockets, broadcast", ours, result.row("websockets, broadcast"), limit=3.0, goal=1.3)
    result.notes.append(
        "nbconvex: from the call of a mutation, with its durable commit; the others: from the call that sends."
    )
    return result


def five_each(settings: Settings, probe: Probe) -> Result:
    """S5."""
    result = Result("S5", f"{SOCKETS:,} sockets, each following one query of all and four of its own", "ms")
    calls = 10 if settings.quick else 30
    besides: list[float] = []
    first: list[dict[str, float]] = []

    def prepare(child: Child) -> None:
        first.append(child.ask("gather_followers", sockets=SOCKETS))

    def one(child: Child) -> float:
        answer = child.ask("touch_one", calls=calls)
        besides.append(float(answer["besides"]))
        return float(answer["p50"]) / 1000

    def shared(child: Child) -> float:
        return float(child.ask("touch_all", calls=calls)["p50"]) / 1000

    def each(child: Child) -> float:
        return float(child.ask("touch_each", calls=max(3, calls // 5))["p50"]) / 1000

    race(
        result,
        [
            Contestant("nbconvex", one, prepare, ", a commit that touches one"),
            Contestant("nbconvex", shared, prepare, ", a commit that touches what all share"),
            Contestant("nbconvex", each, prepare, ", a commit that touches one of each"),
        ],
        settings, probe,
    )  # fmt: skip
    for row in result.rows:
        # Steps of one program: their ratios say nothing.
        row.label = row.label.removeprefix("nbconvex, ")
    if besides:
        result.verdicts.append(Verdict("messages to clients that are not concerned", Spread.of(besides), 0.0, 0.0))
    if first:
        connected = Row("connect all until each has its first results (s)", [each["seconds"] for each in first])
        memory = Row("memory of the server's process a socket (kB)", [each["kb_each"] for each in first])
        result.rows += [connected, memory]
    return result
