"""Which acceptance cases are covered: `make cases`.

Reads the cases (cases.jsonl), the tests' `@pytest.mark.case("area/name")` markers as pytest collects them, and the
cases that were declined with a reason (cases_declined.toml). Prints a report an area. Ends with status 1 where a marker
or a declined entry names a case that does not exist, where a declined case is covered all the same, or where the tests
could not be collected.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import textwrap
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
WIDTH = 118
PAGE = TESTS.parent / "docs" / "convex-compatibility.md"
#: The end of what that page says in its own words.
COUNTED = "and `make cases` counts."


@dataclass(frozen=True)
class Cases:
    """What is asked for, what tests say they cover, and what was declined, by "area/name"."""

    known: tuple[str, ...]
    covered: Mapping[str, tuple[str, ...]]
    declined: Mapping[str, str]

    @property
    def problems(self) -> list[str]:
        known = set(self.known)
        return [
            *(
                f'{test}: there is no case "{case}"'
                for case in sorted(self.covered.keys() - known)
                for test in self.covered[case]
            ),
            *(f'cases_declined.toml: there is no case "{case}"' for case in sorted(self.declined.keys() - known)),
            *(
                f'cases_declined.toml: "{case}" is covered by {self.covered[case][0]}; take it out'
                for case in sorted(self.declined.keys() & self.covered.keys())
            ),
            *(
                f'cases_declined.toml: "{case}" has no reason'
                for case, why in sorted(self.declined.items())
                if not why.strip()
            ),
        ]

    @property
    def areas(self) -> dict[str, list[str]]:
        areas: dict[str, list[str]] = {}
        for case in self.known:
            areas.setdefault(case.split("/", 1)[0], []).append(case)
        return dict(sorted(areas.items()))


class MarkerCollector:
    """A pytest plugin: the `case` markers of all tests, of which none is run.

    A test that is expected to fail covers nothing.
    """

    def __init__(self) -> None:
        self.covered: dict[str, list[str]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            if item.get_closest_marker("xfail"):
                continue
            for marker in item.iter_markers("case"):
                for case in marker.args:
                    self.covered.setdefault(str(case), []).append(item.nodeid)


def read_known(path: Path) -> tuple[str, ...]:
    """The cases of a file of JSON lines, in its order."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return tuple(f"{row['area']}/{row['name']}" for row in rows)


def read_declined(path: Path) -> dict[str, str]:
    """Reasons by case, from a TOML file with one table an area."""
    areas = tomllib.loads(path.read_text(encoding="utf-8"))
    return {f"{area}/{name}": str(why) for area, names in areas.items() for name, why in names.items()}


def collect_covered(paths: Iterable[Path]) -> dict[str, tuple[str, ...]]:
    """Tests by the case that they cover.

    Raises:  RuntimeError, with pytest's own words, where a file can't be collected.
    """
    collector, said = MarkerCollector(), io.StringIO()
    settings = ["-c", str(TESTS.parent / "pyproject.toml"), "--rootdir", str(TESTS.parent)]
    quietly = ["--collect-only", "-q", "-p", "no:cacheprovider"]
    with contextlib.redirect_stdout(said):
        status = pytest.main([*settings, *quietly, *map(str, paths)], plugins=[collector])
    if status not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        raise RuntimeError(said.getvalue())
    return {case: tuple(tests) for case, tests in collector.covered.items()}


def _names(title: str, cases: list[str]) -> list[str]:
    if not cases:
        return []
    names = ", ".join(case.split("/", 1)[1] for case in cases)
    return textwrap.wrap(f"{title}: {names}", WIDTH, initial_indent="    ", subsequent_indent="        ")


def render(cases: Cases, *, brief: bool = False, area: str | None = None) -> str:
    """The report: a line an area, and below it the names, unless `brief`."""
    lines = [f"{'area':<20} {'covered':>8} {'not yet':>8} {'declined':>9} {'of':>5}"]
    total = [0, 0, 0, 0]
    for name, members in cases.areas.items():
        covered = [case for case in members if case in cases.covered]
        declined = [case for case in members if case in cases.declined and case not in cases.covered]
        missing = [case for case in members if case not in cases.covered and case not in cases.declined]
        row = [len(covered), len(missing), len(declined), len(members)]
        total = [a + b for a, b in zip(total, row, strict=True)]
        if area is not None and name != area:
            continue
        lines.append(f"{name:<20} {row[0]:>8} {row[1]:>8} {row[2]:>9} {row[3]:>5}")
        if not brief:
            lines += _names("covered", covered) + _names("not yet", missing)
            for case in declined:
                text = f"declined: {case.split('/', 1)[1]}: {cases.declined[case]}"
                lines += textwrap.wrap(text, WIDTH, initial_indent="    ", subsequent_indent="        ")
    lines.append(f"{'all':<20} {total[0]:>8} {total[1]:>8} {total[2]:>9} {total[3]:>5}")
    return "\n".join(lines)


def page_part(cases: Cases) -> str:
    """What docs/convex-compatibility.md says of the report: a table, what is missing, and what was declined and why."""
    rows, missing = [], []
    total = [0, 0, 0, 0]
    for name, members in cases.areas.items():
        covered = sum(case in cases.covered for case in members)
        declined = sum(case in cases.declined and case not in cases.covered for case in members)
        row = [len(members), covered, len(members) - covered - declined, declined]
        total = [a + b for a, b in zip(total, row, strict=True)]
        rows.append(f"| {name} | {' | '.join(map(str, row))} |")
        missing += [case for case in members if case not in cases.covered and case not in cases.declined]
    reasons: dict[str, list[str]] = {}
    for case, why in cases.declined.items():
        reasons.setdefault(why.replace("product.md has no", "There are no"), []).append(case)
    lines = [
        "| Area | Cases | Shown | Not yet | Declined |", "|---|---|---|---|---|", *rows,
        f"| **all** | {' | '.join(f'**{each}**' for each in total)} |", "",
        f"Not yet: {', '.join(f'`{case}`' for case in missing)}.", "", "Declined:", "",
        *(f"* {', '.join(f'`{case}`' for case in found)}: {why}" for why, found in reasons.items()),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Print the report; 0 where every marker and every refusal names a real case."""
    parser = argparse.ArgumentParser(prog="make cases", description="Which acceptance cases the tests cover.")
    parser.add_argument("--brief", action="store_true", help="counts only, no names")
    parser.add_argument("--area", help="one area only")
    parser.add_argument("--write-docs", action="store_true", help="put the counts into docs/convex-compatibility.md")
    options = parser.parse_args(arguments)
    try:
        covered = collect_covered([TESTS])
    except RuntimeError as problem:
        print(f"{problem}\nThe tests could not be collected; mend that first.")
        return 1
    cases = Cases(read_known(TESTS / "cases.jsonl"), covered, read_declined(TESTS / "cases_declined.toml"))
    print(render(cases, brief=options.brief, area=options.area))
    problems = cases.problems
    said = PAGE.read_text(encoding="utf-8")
    meant = said.partition(COUNTED)[0] + COUNTED + "\n\n" + page_part(cases)
    if options.write_docs:
        PAGE.write_text(meant, encoding="utf-8")
    elif said != meant:
        problems.append(f"{PAGE.name} counts otherwise: make cases ARGS=--write-docs")
    for problem in problems:
        print(f"PROBLEM  {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
