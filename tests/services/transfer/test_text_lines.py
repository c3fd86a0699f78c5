"""Lines of text files: nbconvex.services.transfer.text_lines."""

from __future__ import annotations

import io

import pytest

from nbconvex.errors import DataRefusedError, LimitExceededError
from nbconvex.services.transfer.text_lines import text_lines


def lines(data: bytes, most: int = 100) -> list[bytes]:
    return list(text_lines(io.BytesIO(data), "f.csv", most))


def test_lines_come_with_their_ends_and_without_a_byte_order_mark() -> None:
    assert lines("\ufeffä\r\nb\n\nc".encode()) == ["ä\r\n".encode(), b"b\n", b"\n", b"c"]
    assert lines(b"") == []


def test_a_line_may_be_as_long_as_the_limit() -> None:
    assert lines(b"x" * 99 + b"\n") == [b"x" * 99 + b"\n"]
    with pytest.raises(
        LimitExceededError, match=r"f\.csv was not imported: line 2 is longer .*limit import_line_bytes"
    ):
        lines(b"a\n" + b"x" * 101)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a\nb\xe4\n", r"line 2: byte 2 \(0xe4\) is not UTF-8"),
        ("a\nb".encode("utf-16"), "line 1: .*not UTF-8|line 1: it holds a NUL byte"),
        ("ab,cd\n".encode("utf-16-le"), "line 1: it holds a NUL byte\nIt looks like UTF-16"),
        (b"a\nsome text with\0one\n", "line 2: it holds a NUL byte\nText has none"),
    ],
)
def test_what_is_no_text_is_refused_with_its_line(data, said) -> None:
    with pytest.raises(DataRefusedError, match=said):
        lines(data)
