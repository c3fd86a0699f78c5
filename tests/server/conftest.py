"""What tests with the official clients ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server.served import Served


@pytest.fixture
def served() -> Iterator[Served]:
    """The clients' backend in memory, served by this process."""
    with Served() as served:
        yield served
