"""Interleaved rounds: A B C, A B C, … with a probe of the machine beside each figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.children import Child, PeerFailedError, work_folder
from benchmarks.machine import Probe
from benchmarks.peers.contract import PeerMissingError
from benchmarks.results import Result, Row


@dataclass(frozen=True, slots=True)
class Settings:
    """How long and how large."""

    rounds: int = 5
    quick: bool = False
    million: bool = False
    only_ours: bool = False
    peers: frozenset[str] = frozenset()

    def wants(self, short_name: str) -> bool:
        if self.only_ours:
            return short_name == "nbconvex"
        return not self.peers or short_name in self.peers or short_name == "nbconvex"


def _nothing(_: Child) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Contestant:
    """One peer in one race. `measure` gives one figure a round; `prepare` runs once and is not timed."""

    short_name: str
    measure: Callable[[Child], float]
    prepare: Callable[[Child], object] = _nothing
    suffix: str = ""
    warm_up: bool = True


class _Runner:
    def __init__(self, contestant: Contestant, child: Child) -> None:
        self.contestant = contestant
        self.child = child
        self.row = Row(child.title + contestant.suffix, [], child.durable, child.version)


def race(result: Result, contestants: Sequence[Contestant], settings: Settings, probe: Probe) -> None:
    """Run every contestant in its own process, round by round, and add its row to `result`."""
    with work_folder() as folder, ExitStack() as stack:
        runners = []
        for place, contestant in enumerate(contestants):
            if settings.wants(contestant.short_name):
                runner = _start(contestant, folder / f"{place:02d}", result, stack)
                if runner is not None:
                    runners.append(runner)
        for turn in range(settings.rounds):
            # The order turns, so that nobody always runs after the same neighbour.
            shift = turn % max(1, len(runners))
            for runner in runners[shift:] + runners[:shift]:
                if runner.row.label in result.missing:
                    continue
                probe.take()
                try:
                    runner.row.figures.append(runner.contestant.measure(runner.child))
                except (PeerFailedError, PeerMissingError) as problem:
                    result.missing[runner.row.label] = f"failed: {problem}"
        for runner in runners:
            if runner.row.label not in result.missing:
                _check_count(runner)
                result.rows.append(runner.row)


def _start(contestant: Contestant, folder: Path, result: Result, stack: ExitStack) -> _Runner | None:
    from benchmarks.catalogue import title_of

    try:
        child = Child(contestant.short_name, folder)
        stack.callback(child.close)
        child.open()
        contestant.prepare(child)
        if contestant.warm_up:
            contestant.measure(child)
        return _Runner(contestant, child)
    except PeerMissingError as reason:
        result.missing[title_of(contestant.short_name) + contestant.suffix] = str(reason)
    except PeerFailedError as problem:
        result.missing[title_of(contestant.short_name) + contestant.suffix] = f"failed: {problem}"
    return None


def _check_count(runner: _Runner) -> None:
    """Note when a store holds another number of documents than it acknowledged."""
    try:
        counts = runner.child.ask("count")
    except (PeerFailedError, PeerMissingError) as problem:
        runner.row.note = f"count failed: {problem}"
        return
    difference = counts["acknowledged"] - counts["stored"]
    if difference:
        runner.row.note = f"LOST {difference} of {counts['acknowledged']} acknowledged inserts"
