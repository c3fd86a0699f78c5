"""What somebody wants imported into one table, as rows.

Owns:  telling sources apart: paths by their endings, tables by how they give their rows, lists of dicts.
Must not know: how a format is read; what becomes of rows.
Threads: the caller's.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Generator, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, cast

from nbconvex.errors import CallerError
from nbconvex.limits import Limits
from nbconvex.services.transfer.cells import Column
from nbconvex.services.transfer.csv_rows import csv_rows
from nbconvex.services.transfer.json_rows import json_array_rows, json_line_rows
from nbconvex.services.transfer.rows import Batch, Rows
from nbconvex.services.transfer.table_rows import table_rows, wishes_of

_BATCH_ROWS: Final = 1_000
#: Endings of files and what is in them.
FORMATS: Final[Mapping[str, str]] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".zip": "zip",
}
_GZIP: Final = ".gz"
_TAKES: Final = (
    "a path, a data frame, an Arrow table or reader, a relation of DuckDB, or an iterable of dicts, one a document"
)


def path_of(source: Any) -> Path | None:
    """The path that a source is; None for what is none.

    Raises:  CallerError where there is no such file.
    """
    if not isinstance(source, str | os.PathLike):
        return None
    path = Path(source).expanduser()
    if path.is_dir():
        raise CallerError(f"{path} is a folder. Name a file in it.")
    if not path.exists():
        raise CallerError(f"there is no file {path}; looked for it in {Path.cwd()}." if not path.is_absolute() else
                          f"there is no file {path}.")  # fmt: skip
    if not path.is_file():
        raise CallerError(f"{path} is no ordinary file.")
    return path


def format_of(path: Path, wanted: str | None) -> str:
    """What is in a file: what somebody says, or its ending.

    Raises:  CallerError.
    """
    known = tuple(dict.fromkeys(FORMATS.values()))
    if wanted is not None:
        if wanted not in known:
            raise CallerError(f"there is no format {wanted!r}; there are {', '.join(known)}.")
        return wanted
    suffixes = [each.lower() for each in path.suffixes]
    if suffixes and suffixes[-1] == _GZIP:
        suffixes.pop()
    found = FORMATS.get(suffixes[-1] if suffixes else "")
    if found is None:
        raise CallerError(
            f"{path} has no ending that says what is in it: {', '.join(FORMATS)}. Say it with format=... (--format), "
            f"one of {', '.join(known)}. DuckDB reads more: import_data(duckdb.sql(\"FROM '{path.name}'\"), table=...)."
        )
    return found


def opened(source: Any, path: Path | None, format: str | None) -> AbstractContextManager[Any]:
    """The file behind a source, to be closed; or the source."""
    if path is None or format == "parquet":
        return nullcontext(source)
    if path.suffix.lower() == _GZIP:
        return cast("AbstractContextManager[Any]", gzip.open(path, "rb"))
    return path.open("rb")


def rows_of(source: Any, path: Path | None, format: str | None, columns: Mapping[str, Column], limits: Limits) -> Rows:
    """The rows of a source. `source` is the open file where there is a path and the format is text.

    Raises:  CallerError; DataRefusedError and LimitExceededError, also while rows are read.
    """
    from nbconvex.storage import arrow_rows

    if path is not None:
        if format == "parquet":
            return table_rows(path.name, arrow_rows.columns_of_file(path, wishes_of(columns)), columns)
        return _file_rows(source, path, format or "", columns, limits)
    if arrow_rows.is_columnar(source):
        name = f"the {type(source).__name__}"
        return table_rows(name, arrow_rows.columns_of(source, wishes_of(columns)), columns)
    if isinstance(source, Mapping | bytes | str) or not isinstance(source, Iterable):
        hint = "nbconvex.import_data([document], table=...)" if isinstance(source, Mapping) else None
        raise CallerError(f"{type(source).__name__} cannot be imported; give {_TAKES}.", hint=hint)
    total = len(source) if isinstance(source, list | tuple) else None
    return Rows("the list" if total is not None else "the iterable", "row", total, _batches(source))


def _file_rows(file: IO[bytes], path: Path, format: str, columns: Mapping[str, Column], limits: Limits) -> Rows:
    name = path.name
    size = None if path.suffix.lower() == _GZIP else path.stat().st_size
    file = cast("IO[bytes]", _Bounded(file, name, limits))
    if format in {"csv", "tsv"}:
        return csv_rows(file, name, size, columns, limits, delimiter="\t" if format == "tsv" else ",")
    if format == "jsonl":
        return json_line_rows(file, name, size, limits)
    return json_array_rows(file, name, size, limits)


class _Bounded:
    """A file of which no more is read than one import may be: what is compressed may be a bomb."""

    def __init__(self, file: IO[bytes], name: str, limits: Limits) -> None:
        self._file = file
        self._name = name
        self._max = limits.import_bytes
        self._done = 0

    def read(self, size: int) -> bytes:
        return self._counted(self._read(self._file.read, size))

    def readline(self, size: int) -> bytes:
        return self._counted(self._read(self._file.readline, size))

    def tell(self) -> int:
        return self._done

    def _read(self, read: Any, size: int) -> bytes:
        from nbconvex.services.transfer.rows import refused

        try:
            data: bytes = read(size)
        except (EOFError, OSError, ValueError) as error:  # what gzip and zlib say of a damaged file
            raise refused(self._name, f"after {self._done:,} bytes", f"it is damaged: {error}") from error
        except Exception as error:
            if type(error).__module__ == "zlib":
                raise refused(self._name, f"after {self._done:,} bytes", f"it is damaged: {error}") from error
            raise
        return data

    def _counted(self, data: bytes) -> bytes:
        from nbconvex.errors import LimitExceededError

        self._done += len(data)
        if self._done > self._max:
            raise LimitExceededError(
                "import_bytes", f"{self._name} was not imported: there is more in it than one import may read",
                maximum=self._max, cure="Import it in parts.",
            )  # fmt: skip
        return data


def _batches(source: Iterable[Any]) -> Generator[Batch, None, None]:
    done = 0
    rows = iter(source)
    while part := list(islice(rows, _BATCH_ROWS)):
        first, done = done + 1, done + len(part)
        yield Batch(range(first, done + 1), [dict(row) if _is_mapping(row) else row for row in part], done)


def _is_mapping(row: Any) -> bool:
    return type(row) is not dict and isinstance(row, Mapping)
