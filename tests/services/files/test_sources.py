"""What `store` takes: nbconvex.services.files.sources."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pandas as pd
import pytest

from nbconvex.errors import CallerError, ValueInvalidError
from nbconvex.services.files.sources import PIECE_BYTES, Source, source_of


def told(source: Source) -> tuple[bytes, int | None, str | None]:
    return b"".join(source.pieces()), source.size, source.content_type


@pytest.mark.parametrize("data", [b"abc", bytearray(b"abc"), memoryview(b"abc"), b""])
def test_bytes(data) -> None:
    assert told(source_of(data)) == (bytes(data), len(data), None)


def test_paths_are_read_in_pieces_and_their_names_tell_the_type(tmp_path) -> None:
    data = os.urandom(PIECE_BYTES * 2 + 5)
    (tmp_path / "a.png").write_bytes(data)
    for path in (tmp_path / "a.png", str(tmp_path / "a.png")):
        source = source_of(path)
        assert (source.size, source.content_type) == (len(data), "image/png")
        pieces = list(source.pieces())
        assert [len(each) for each in pieces] == [PIECE_BYTES, PIECE_BYTES, 5]
        assert b"".join(pieces) == data
        assert source.file.closed


def test_open_files_are_read_from_where_they_stand_and_left_open(tmp_path) -> None:
    (tmp_path / "a.csv").write_bytes(b"0123456789")
    with (tmp_path / "a.csv").open("rb") as file:
        file.seek(4)
        assert told(source_of(file)) == (b"456789", 6, "text/csv")
        assert not file.closed
    assert told(source_of(io.BytesIO(b"abc"))) == (b"abc", 3, None)


def test_a_pipe_has_no_size() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"abc")
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        assert told(source_of(file)) == (b"abc", None, None)


def test_a_data_frame_becomes_parquet() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    data, size, content_type = told(source_of(frame))
    assert (size, content_type) == (len(data), "application/vnd.apache.parquet")
    assert pd.read_parquet(io.BytesIO(data)).equals(frame)


class Polars:
    def write_parquet(self, file) -> None:
        file.write(b"PAR1")


class Figure:
    def savefig(self, file) -> None:
        file.write(b"figure")


class Picture:
    def getbands(self) -> tuple[str, ...]:
        return ("R", "G", "B")

    def save(self, file, format) -> None:
        file.write(format.encode())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Polars(), (b"PAR1", 4, "application/vnd.apache.parquet")),
        (Figure(), (b"figure", 6, "image/png")),
        (Picture(), (b"PNG", 3, "image/png")),
    ],
)
def test_what_can_write_itself(given, expected) -> None:
    assert told(source_of(given)) == expected


def test_what_has_no_bytes_is_told_what_has(tmp_path) -> None:
    with pytest.raises(ValueInvalidError, match=r"takes bytes, a path, .* not dict\n  Write instead: .*json.dumps"):
        source_of({"a": 1})
    with pytest.raises(ValueInvalidError, match="not int"):
        source_of(5)
    with pytest.raises(CallerError, match=r"no file 'just some text'. A str is a path"):
        source_of("just some text")
    with pytest.raises(CallerError, match="cannot be read"):
        source_of(tmp_path)
    with Path(__file__).open(encoding="utf-8") as file, pytest.raises(ValueInvalidError, match="opened for text"):
        source_of(file)


class Liar:
    def read(self, size: int) -> str:
        return "text"


def test_a_file_object_that_gives_text_is_refused() -> None:
    with pytest.raises(ValueInvalidError, match="gives str, not bytes"):
        list(source_of(Liar()).pieces())


class Failing:
    def to_parquet(self, file) -> None:
        raise ZeroDivisionError


def test_an_error_while_something_writes_itself_is_its_own() -> None:
    with pytest.raises(ZeroDivisionError):
        source_of(Failing())
