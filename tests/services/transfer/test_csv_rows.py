"""CSV files: nbconvex.services.transfer.csv_rows."""

from __future__ import annotations

import csv
import io

import pytest

from nbconvex.errors import DataRefusedError, NbconvexError
from nbconvex.limits import Limits
from nbconvex.services.transfer.cells import columns_of
from nbconvex.services.transfer.csv_rows import csv_rows
from nbconvex.values.validators import v


def rows(text: str | bytes, validator=None, **more):
    data = text.encode() if isinstance(text, str) else text
    source = csv_rows(io.BytesIO(data), "f.csv", len(data), columns_of(validator), Limits(), **more)
    batches = list(source.batches)
    return [(number, row) for batch in batches for number, row in zip(batch.numbers, batch.rows, strict=True)]


def test_cells_are_numbers_or_texts_and_lines_are_counted_as_an_editor_does() -> None:
    text = 'name,people\nUlm,128000\n\n"Two\nlines, ""quoted""",\nAulne,x\n'
    assert rows(text) == [
        (2, {"name": "Ulm", "people": 128000.0}),
        (4, {"name": 'Two\nlines, "quoted"', "people": ""}),
        (6, {"name": "Aulne", "people": "x"}),
    ]


def test_a_schema_says_what_cells_are() -> None:
    validator = v.object({"zip": v.string(), "n": v.optional(v.number())})
    assert rows("zip,n\n07,1\n08,\n", validator) == [(2, {"zip": "07", "n": 1.0}), (3, {"zip": "08"})]


def test_line_ends_of_windows_a_byte_order_mark_and_tabs() -> None:
    assert rows(b"\xef\xbb\xbfa,b\r\n1,2\r\n") == [(2, {"a": 1.0, "b": 2.0})]
    assert rows("a\tb\n1\t2,3\n", delimiter="\t") == [(2, {"a": 1.0, "b": "2,3"})]


def test_a_row_of_another_length_stands_as_an_error_in_its_place() -> None:
    (_, good), (number, error) = rows("a,b\n1,2\n1,2,3\n")
    assert good == {"a": 1.0, "b": 2.0}
    assert number == 3
    assert isinstance(error, NbconvexError)
    assert str(error) == "it has 3 cells, and the first line names 2"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: it is empty"),
        ("a,a\n1,2\n", 'line 1: two columns have the name "a"'),
        ("größe\n1\n", "line 1, which names the fields: .*not made of printable ASCII"),
        ("_x\n1\n", "starts with an underscore"),
        ("a;b\n1;2\n", r"duckdb\.read_csv"),
        ('a\n"never closed\n', "line 2: this is not CSV"),
        ('a\n"x"y\n', "line 2: this is not CSV"),
    ],
)
def test_what_is_no_csv_file_is_refused(text, said) -> None:
    with pytest.raises(DataRefusedError, match=said):
        rows(text)


def test_a_cell_may_be_long_and_the_csv_module_is_left_as_it_was() -> None:
    before = csv.field_size_limit()
    ((_, row),) = rows("a\n" + "x" * 300_000 + "\n")
    assert len(row["a"]) == 300_000
    with pytest.raises(DataRefusedError):
        rows('a\n"')
    assert csv.field_size_limit() == before


def test_many_rows_come_in_batches_that_say_how_far_they_are() -> None:
    text = "a\n" + "1\n" * 2_500
    source = csv_rows(io.BytesIO(text.encode()), "f.csv", len(text), {}, Limits())
    batches = list(source.batches)
    assert [len(batch.rows) for batch in batches] == [1_000, 1_000, 500]
    assert batches[-1].done == source.total == len(text)
