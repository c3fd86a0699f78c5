"""Sizes of files as people read them: nbconvex.notebook.sizes."""

from __future__ import annotations

import pytest

from nbconvex.notebook.sizes import shown_size


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (9_999, "9,999 bytes"),
        (10_000, "10.0 kB"),
        (999_949, "999.9 kB"),
        (999_951, "1.0 MB"),
        (123_456_789, "123.5 MB"),
        (2**31, "2.1 GB"),
        (5e12, "5,000.0 GB"),
    ],
)
def test_sizes_are_short(size, shown) -> None:
    assert shown_size(size) == shown
