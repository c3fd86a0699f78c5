"""Values as cells: nbconvex.values.cells."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from nbconvex.values.cells import CELL_KINDS, cell_of, cell_text, is_numeric


@dataclass(frozen=True)
class Case:
    name: str
    value: Any
    cell: str
    column: str = ""


CELLS = [
    Case("none", None, "z"),
    Case("true_is_no_number", True, "btrue"),
    Case("int_stays_int", 5, "n5"),
    Case("float_stays_float", 5.0, "n5.0"),
    Case("infinity", float("inf"), "ninf"),
    Case("text", "hi", "shi"),
    Case("text_that_looks_like_a_kind", "n5", "sn5"),
    Case("empty_text", "", "s"),
    Case("id_by_column", "abc", "iabc", "_id"),
    Case("id_by_shape", "jd7" + "0" * 29, "ijd7" + "0" * 29),
    Case("creation_time", 1_700_000_000_000.5, "t1700000000000.5", "_creationTime"),
    Case("time_by_name", 1_700_000_000_000, "t1700000000000", "created_at"),
    Case("time_in_camel_case", 1_700_000_000_000.5, "t1700000000000.5", "dueAt"),
    Case("number_of_that_size", 1_700_000_000_000, "n1700000000000", "gdp"),
    Case("name_that_only_ends_so", 1_700_000_000_000, "n1700000000000", "combat"),
    Case("number_that_is_no_time", 1_700, "n1700", "created_at"),
    Case("datetime", datetime(2026, 1, 31, 12, tzinfo=UTC), "t1769860800000.0"),
    Case("datetime_inside", [datetime(2026, 1, 31, 12, tzinfo=UTC)], 'j["2026-01-31 12:00:00+00:00"]'),
    Case("nested", {"a": [1, "ü"]}, 'j{"a": [1, "ü"]}'),
    Case("bytes_short", b"\x00\xff", "y2 bytes: 00 ff"),
    Case("long_text_is_cut", "x" * 500, "s" + "x" * 400 + "… (500 characters)"),
]


@pytest.mark.parametrize("case", CELLS)
def test_cell_says_kind_and_text(case: Case) -> None:
    assert cell_of(case.value, column=case.column) == case.cell


def test_every_cell_begins_with_a_kind_that_is_listed() -> None:
    assert {case.cell[0] for case in CELLS} <= CELL_KINDS.keys()


def test_a_cell_is_cut_where_its_reader_wants() -> None:
    assert cell_of("x" * 50, characters_max=10) == "sxxxxxxxxxx… (50 characters)"
    assert cell_of(["x" * 50], characters_max=4) == 'j["xx… (54 characters)'


def test_a_column_is_numeric_if_it_holds_numbers_and_nothing_else() -> None:
    assert is_numeric(["n1", "u", "z"])
    assert not is_numeric(["n1", "sa"])
    assert not is_numeric(["u"])


def test_times_are_readable_without_a_script() -> None:
    assert cell_text("t1700000000000.0") == "2023-11-14 22:13:20 UTC"
    assert cell_text("t1e300") == "1e300"


def test_long_fractions_are_shortened_for_reading() -> None:
    assert cell_text(cell_of(1 / 3)) == "0.33333333"
    assert cell_text(cell_of(2**53)) == "9007199254740992"
