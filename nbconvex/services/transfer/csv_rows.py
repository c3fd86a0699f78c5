"""Rows of a CSV file.

Owns:  the header, the cells of a row, line numbers.
Must not know: what a cell becomes; that is `cells`.
Threads: one thread reads.
Source: RFC 4180; wire-protocol 7.
"""

from __future__ import annotations

import csv
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, Final

from nbconvex.errors import NbconvexError
from nbconvex.limits import Limits
from nbconvex.services.transfer.cells import Column
from nbconvex.services.transfer.rows import Batch, Rows, refused
from nbconvex.services.transfer.text_lines import text_lines
from nbconvex.values.normalization import normalize_document
from nbconvex.values.scalars import UNSET

_BATCH_ROWS: Final = 1_000
_UNKNOWN: Final = Column()


def csv_rows(
    file: IO[bytes], name: str, size: int | None, columns: Mapping[str, Column], limits: Limits, *, delimiter: str = ","
) -> Rows:
    """The rows of an open file; its first line names the fields.

    Raises:  DataRefusedError, LimitExceededError, now or while rows are read.
    """
    return Rows(name, "line", size, _batches(file, name, columns, limits, delimiter))


class CellsDiffer(NbconvexError):
    """A row has more or fewer cells than the header; stands in the row's place until it is reported."""


def _batches(
    file: IO[bytes], name: str, columns: Mapping[str, Column], limits: Limits, delimiter: str
) -> Generator[Batch, None, None]:
    lines = (line.decode() for line in text_lines(file, name, limits.import_line_bytes))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    with _cells_of_any_length(limits.import_line_bytes):
        try:
            header = _header(next(reader, []), name, limits, delimiter)
            fields = [(field, columns.get(field, _UNKNOWN).reader()) for field in header]
            numbers: list[int] = []
            rows: list[Any] = []
            line = reader.line_num + 1
            for cells in reader:
                if cells:
                    numbers.append(line)
                    rows.append(_row(fields, cells))
                    if len(rows) >= _BATCH_ROWS:
                        yield Batch(numbers, rows, file.tell())
                        numbers, rows = [], []
                line = reader.line_num + 1
            yield Batch(numbers, rows, file.tell())
        except csv.Error as error:
            raise refused(name, f"line {reader.line_num:,}", f"this is not CSV: {error}") from error


def _row(fields: list[tuple[str, Any]], cells: list[str]) -> Any:
    if len(cells) != len(fields):
        return CellsDiffer(f"it has {len(cells)} cells, and the first line names {len(fields)}")
    row = {}
    for (field, read), cell in zip(fields, cells, strict=True):
        value = read(cell)
        if value is not UNSET:
            row[field] = value
    return row


def _header(cells: list[str], name: str, limits: Limits, delimiter: str) -> list[str]:
    if not cells:
        raise refused(name, "line 1", "it is empty, and should name the fields")
    if len(set(cells)) < len(cells):
        twice = next(cell for cell in cells if cells.count(cell) > 1)
        raise refused(name, "line 1", f'two columns have the name "{twice}"; a document has one field of a name')
    try:
        normalize_document(dict.fromkeys(cells), limits=limits)
    except NbconvexError as error:
        cure = ""
        if len(cells) == 1 and ";" in cells[0]:
            cure = 'Its cells are parted by ";": nbconvex.import_data(duckdb.read_csv(path), table=...) reads it.'
        raise refused(name, "line 1, which names the fields", str(error), cure) from None
    return cells


@contextmanager
def _cells_of_any_length(characters: int) -> Iterator[None]:
    """The csv module has one limit for the whole process; it is put back."""
    before = csv.field_size_limit(characters)
    try:
        yield
    finally:
        csv.field_size_limit(before)
