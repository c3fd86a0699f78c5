"""The DuckDB store keeps the port's promises, and what it says about files that it cannot use."""

from __future__ import annotations

import pytest

from nbconvex.storage.duckdb import DuckdbPersistence
from tests.storage.persistence_suite import PersistenceSuite


class TestDuckdbPersistence(PersistenceSuite):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path):
        self.path = tmp_path / "app.duckdb"

    def open(self) -> DuckdbPersistence:
        return DuckdbPersistence.open(self.path)
