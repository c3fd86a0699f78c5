from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.cases_report import (
    COUNTED,
    PAGE,
    Cases,
    MarkerCollector,
    collect_covered,
    page_part,
    read_declined,
    read_known,
    render,
)

TESTS = Path(__file__).parent


def make_cases(**changes: object) -> Cases:
    facts = {"known": ("ids/short", "ids/long", "values/nan"), "covered": {"ids/short": ("t.py::a",)}, "declined": {}}
    return Cases(**{**facts, **changes})


def test_cases_of_the_specification_have_unique_names() -> None:
    known = read_known(TESTS / "cases.jsonl")
    assert len(known) == len(set(known)) > 600


def test_declined_cases_have_reasons_and_exist() -> None:
    declined = read_declined(TESTS / "cases_declined.toml")
    assert make_cases(known=read_known(TESTS / "cases.jsonl"), covered={}, declined=declined).problems == []


def test_report_counts_and_names_each_kind() -> None:
    assert render(make_cases(declined={"values/nan": "floats only"})).splitlines() == [
        "area                  covered  not yet  declined    of",
        "ids                         1        1         0     2",
        "    covered: short",
        "    not yet: long",
        "values                      0        0         1     1",
        "    declined: nan: floats only",
        "all                         1        1         1     3",
    ]


def test_brief_report_of_one_area_has_one_row_and_the_total() -> None:
    assert render(make_cases(), brief=True, area="values").splitlines()[1:] == [
        "values                      0        1         0     1",
        "all                         1        2         0     3",
    ]


def test_unknown_marker_is_a_problem_that_names_the_test() -> None:
    assert make_cases(covered={"ids/shrot": ("t.py::a",)}).problems == ['t.py::a: there is no case "ids/shrot"']


def test_declined_case_must_exist_be_uncovered_and_have_a_reason() -> None:
    assert make_cases(declined={"ids/nope": "x", "ids/short": "y", "ids/long": " "}).problems == [
        'cases_declined.toml: there is no case "ids/nope"',
        'cases_declined.toml: "ids/short" is covered by t.py::a; take it out',
        'cases_declined.toml: "ids/long" has no reason',
    ]


def test_declined_file_is_one_table_an_area(tmp_path: Path) -> None:
    file = tmp_path / "declined.toml"
    file.write_text('[ids]\nlong = "because"\n', encoding="utf-8")
    assert read_declined(file) == {"ids/long": "because"}


class FakeItem:
    def __init__(self, nodeid: str, *marks: tuple[str, tuple[str, ...]]) -> None:
        self.nodeid, self.marks = nodeid, marks

    def get_closest_marker(self, name: str) -> object:
        return next((mark for mark in self.marks if mark[0] == name), None)

    def iter_markers(self, name: str) -> list[object]:
        return [type("Mark", (), {"args": args}) for kind, args in self.marks if kind == name]


def test_markers_are_collected_and_an_expected_failure_covers_nothing() -> None:
    items = [
        FakeItem("a", ("case", ("ids/short", "ids/long"))),
        FakeItem("b", ("case", ("ids/short",))),
        FakeItem("c", ("case", ("values/nan",)), ("xfail", ())),
    ]
    collector = MarkerCollector()
    collector.pytest_collection_finish(type("Session", (), {"items": items}))  # type: ignore[arg-type]
    assert collector.covered == {"ids/short": ["a", "b"], "ids/long": ["a"]}


def test_collection_runs_no_test_and_reads_its_markers(tmp_path: Path) -> None:
    file = tmp_path / "test_generated.py"
    file.write_text(
        'import pytest\n\n@pytest.mark.case("ids/short")\ndef test_it(): raise SystemExit\n', encoding="utf-8"
    )
    covered = collect_covered([file])
    assert list(covered) == ["ids/short"]
    assert covered["ids/short"][0].endswith("::test_it")


def test_every_marker_of_the_whole_suite_names_a_case() -> None:
    program = [sys.executable, "-m", "tests.cases_report", "--brief"]
    done = subprocess.run(program, cwd=TESTS.parent, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1].startswith("all ")


def test_page_counts_every_area_and_gives_the_reasons() -> None:
    assert page_part(make_cases(declined={"values/nan": "product.md has no floats."})).splitlines() == [
        "| Area | Cases | Shown | Not yet | Declined |",
        "|---|---|---|---|---|",
        "| ids | 2 | 1 | 1 | 0 |",
        "| values | 1 | 0 | 0 | 1 |",
        "| **all** | **3** | **1** | **1** | **1** |",
        "",
        "Not yet: `ids/long`.",
        "",
        "Declined:",
        "",
        "* `values/nan`: There are no floats.",
    ]


def test_the_page_of_the_project_knows_every_case_and_every_refusal() -> None:
    counted = PAGE.read_text(encoding="utf-8").partition(COUNTED)[2]
    assert f"| **all** | **{len(read_known(TESTS / 'cases.jsonl'))}** |" in counted
    for case in read_declined(TESTS / "cases_declined.toml"):
        assert f"`{case}`" in counted
