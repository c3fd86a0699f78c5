"""Apps that close themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.checks.apps import App


@pytest.fixture
def app() -> Iterator[App]:
    """An app with one table and no function."""
    made = App()
    yield made
    made.backend.close()
