"""What a path means: nbconvex.storage.location."""

from __future__ import annotations

import pytest

from nbconvex.clock import ManualClock
from nbconvex.errors import CallerError, StoragePathError
from nbconvex.storage.location import memory_budget, persistence_at
from nbconvex.storage.memory import MemoryPersistence


def test_path_means_a_file_and_the_word_for_memory_means_memory(tmp_path) -> None:
    assert isinstance(persistence_at(":memory:", clock=ManualClock()), MemoryPersistence)
    file = persistence_at(tmp_path / "app.duckdb", clock=ManualClock())
    try:
        assert file.name == str(tmp_path / "app.duckdb")
    finally:
        file.close()


def test_what_cannot_be_opened_is_refused_with_a_way_out() -> None:
    with pytest.raises(StoragePathError, match="name a file"):
        persistence_at(" ", clock=ManualClock())
    with pytest.raises(CallerError, match="redis:// is no store"):
        persistence_at("redis://here", clock=ManualClock())


def test_memory_budget_is_a_part_of_the_machine() -> None:
    assert memory_budget() > 0
