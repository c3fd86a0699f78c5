"""Rows that do not fit: nbconvex.services.transfer.misfits."""

from __future__ import annotations

import pytest

from nbconvex.errors import DataRefusedError, DocumentInvalidError, LimitExceededError, ValueInvalidError
from nbconvex.services.transfer import misfits as misfits_module
from nbconvex.services.transfer.misfits import Misfits


def raised(misfits: Misfits) -> DataRefusedError:
    with pytest.raises(DataRefusedError) as caught:
        misfits.raise_if_any()
    return caught.value


def test_rows_with_the_same_problem_are_counted_and_some_are_named() -> None:
    misfits = Misfits("cities.csv", "line")
    misfits.raise_if_any()
    for line in range(2, 9):
        report = f'Value does not match validator.\nPath: .people\nValue: "x{line}"\nValidator: v.float64()'
        misfits.add(line, DocumentInvalidError("cities", report, path=".people"))
    misfits.add(20, DocumentInvalidError("cities", "Value does not match validator.", path=".name"))
    misfits.add(21, DocumentInvalidError("cities", 'Object is missing the required field "a".'))
    misfits.add(22, DocumentInvalidError("cities", 'Object is missing the required field "b".'))
    error = raised(misfits)
    assert error.source == "cities.csv"
    assert len(error.problems) == 4
    assert error.problems[0] == (
        'line 2: it does not match the schema: Value does not match validator.\nPath: .people\nValue: "x2"\n'
        "Validator: v.float64()\n(7 lines have this problem: 2, 3, 4, 5, 6 and more.)"
    )
    assert str(error).startswith("cities.csv was not imported; nothing was changed.\nline 2: it does not match")


def test_values_in_a_sentence_do_not_make_kinds_of_it() -> None:
    misfits = Misfits("f", "row")
    misfits.add(1, ValueInvalidError("9,007,199,254,740,993 is beyond ±2**53", path=".a"))
    misfits.add(2, ValueInvalidError("9,007,199,254,740,995 is beyond ±2**53", path=".a"))
    misfits.add(3, LimitExceededError("document_bytes", "a document has 5 bytes", maximum=4))
    assert len(raised(misfits).problems) == 2


def test_there_is_an_end_to_kinds_and_to_looking(monkeypatch) -> None:
    monkeypatch.setattr(misfits_module, "MISFITS_MAX", 30)
    misfits = Misfits("f", "row")
    for row in range(30):
        misfits.add(row, ValueInvalidError("bad", path=f".a{row}"))
    assert misfits.is_full
    problems = raised(misfits).problems
    assert problems[-2:] == (
        "... and 10 more kinds of problem.",
        "The rest was not looked at after 30 rows that do not fit.",
    )
