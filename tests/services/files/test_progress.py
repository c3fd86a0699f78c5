"""How far a `store` has come: nbconvex.services.files.progress."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType, SimpleNamespace

import pytest

from nbconvex.errors import CallerError
from nbconvex.services.files.progress import BAR_BYTES, followed

PIECES = [b"a" * 10, b"b" * 10, b"c" * 5]


@pytest.fixture
def bars(monkeypatch) -> list[SimpleNamespace]:
    """The bars that a stand-in for tqdm was asked for."""
    made = []

    class Bar(SimpleNamespace):
        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.closed = True

        def update(self, count):
            self.seen.append(count)

    def tqdm(**settings):
        made.append(Bar(**settings, seen=[], closed=False))
        return made[-1]

    auto = ModuleType("tqdm.auto")
    auto.tqdm = tqdm
    monkeypatch.setitem(sys.modules, "tqdm", ModuleType("tqdm"))
    monkeypatch.setitem(sys.modules, "tqdm.auto", auto)
    has(monkeypatch, tqdm=True)
    return made


def has(monkeypatch, *, tqdm: bool) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: (object() if tqdm else None) if name == "tqdm" else find(name)
    )


@pytest.mark.case("storage/upload_progress", "guide/wf4_progress")
def test_a_callback_hears_growing_counts_up_to_the_total() -> None:
    told = []
    assert list(followed(iter(PIECES), 25, lambda done, total: told.append((done, total)))) == PIECES
    assert told == [(0, 25), (10, 25), (20, 25), (25, 25)]


def test_a_bar_is_shown_when_asked_for_or_worth_it(bars) -> None:
    assert list(followed(iter(PIECES), 25, True)) == PIECES
    assert (bars[0].total, bars[0].seen, bars[0].closed) == (25, [10, 10, 5], True)
    for size, progress in ((25, None), (None, None), (BAR_BYTES, False)):
        assert list(followed(iter(PIECES), size, progress)) == PIECES
    assert len(bars) == 1
    list(followed(iter(PIECES), BAR_BYTES, None))
    assert len(bars) == 2


def test_without_tqdm_there_is_no_bar_and_only_who_insists_is_told(monkeypatch) -> None:
    has(monkeypatch, tqdm=False)
    assert list(followed(iter(PIECES), BAR_BYTES, None)) == PIECES
    with pytest.raises(CallerError, match="pip install tqdm"):
        followed(iter(PIECES), 25, True)
