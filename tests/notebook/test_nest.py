"""The opt-in for nested loops: nbconvex.notebook.nest. What it does in a kernel stands in test_kernel.py."""

from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace

import pytest

from nbconvex.notebook.nest import allow_nested_run, old_package_applied


@pytest.fixture
def applied(monkeypatch) -> list:
    """A stand-in for the package: the real one would patch asyncio for every test after this one."""
    applied: list = []
    monkeypatch.setitem(sys.modules, "nest_asyncio2", SimpleNamespace(apply=applied.append))
    return applied


def test_running_loop_is_patched(applied) -> None:
    async def cell() -> tuple[str, object]:
        return allow_nested_run(), asyncio.get_running_loop()

    answer, loop = asyncio.run(cell())
    assert "works in cells now" in answer
    assert applied == [loop]


def test_without_a_running_loop_the_package_decides(applied) -> None:
    allow_nested_run()
    assert applied == [None]


def test_old_package_is_found_and_not_mixed_with(applied, monkeypatch) -> None:
    assert not old_package_applied()
    monkeypatch.setattr(asyncio, "_nest_patched", True, raising=False)
    assert old_package_applied()
    assert "Restart the kernel" in allow_nested_run()
    assert applied == []
    monkeypatch.setattr(asyncio, "_nest_asyncio2", object(), raising=False)
    assert not old_package_applied()


def test_card_warns_of_the_old_package(bare_shell, monkeypatch) -> None:
    monkeypatch.setattr(asyncio, "_nest_patched", True, raising=False)
    assert "nest_asyncio is applied" in bare_shell.run("%load_ext nbconvex").plain[0]
