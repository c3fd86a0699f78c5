"""Sizes and durations as people read them: nbconvex.notebook.sizes."""

from __future__ import annotations

import pytest

from nbconvex.notebook.sizes import shown_ms, shown_size


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


@pytest.mark.parametrize(
    ("duration_ms", "shown"),
    [(0.04, "0.0 ms"), (9.94, "9.9 ms"), (9.96, "10 ms"), (983.0, "983 ms"), (1_234, "1.2 s"), (3.6e6, "3,600.0 s")],
)
def test_durations_have_the_digits_that_somebody_compares(duration_ms, shown) -> None:
    assert shown_ms(duration_ms) == shown
