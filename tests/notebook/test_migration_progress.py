"""The bar of a migration: nbconvex.notebook.migration_progress."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from nbconvex.notebook.migration_progress import MigrationProgress, Passage


class Publisher:
    def __init__(self) -> None:
        self.sent: list[tuple[dict[str, Any], bool, str | None]] = []

    def publish(self, data, metadata=None, *, transient=None, update=False) -> None:
        self.sent.append((data, update, (transient or {}).get("display_id")))


class Painter:
    def __init__(self) -> None:
        self.wanted: list[Any] = []

    def want(self, view) -> None:
        self.wanted.append(view)

    def forget(self, view) -> None:
        self.wanted = [each for each in self.wanted if each is not view]

    def submit(self, job) -> None:
        job()


def session(*, can_follow=True, has_widgets=False) -> Any:
    return SimpleNamespace(
        shell=SimpleNamespace(display_pub=Publisher()), painter=Painter(), can_follow=can_follow,
        has_widgets=has_widgets, options=SimpleNamespace(live="auto"),
    )  # fmt: skip


def test_counts_in_words_and_as_a_share():
    assert Passage(5, 10).share == 0.5
    assert Passage(5, 10, "x").text == "5 of 10 documents · x"
    assert Passage(0, 0).share == 0
    assert (Passage(12, 10).share, Passage(12, 10).text) == (1.0, "12 of 12 documents")


def test_html_is_drawn_again_in_the_same_place_and_its_last_state_stays():
    s = session()
    bar = MigrationProgress(s, "migration <b>")
    bar.told(0, 1_001)
    bar.told(3, 10)
    [view] = s.painter.wanted
    view.paint()
    bar.end("done", visited=10)
    view.paint()
    sent = s.shell.display_pub.sent
    assert [update for _, update, _ in sent] == [False, True, True]
    assert len({display_id for *_, display_id in sent}) == 1
    assert "3 of 10 documents" in sent[1][0]["text/plain"]
    assert "100% · 10 of 10 documents · done" in sent[2][0]["text/html"]
    assert "<b>migration &lt;b&gt;</b>" in sent[2][0]["text/html"]


def test_terminal_shows_the_end_only():
    s = session(can_follow=False)
    bar = MigrationProgress(s, "m")
    bar.told(0, 1_001)
    bar.told(3, 10)
    bar.end("interrupted")
    [(data, update, display_id)] = s.shell.display_pub.sent
    assert data["text/plain"] == f"m {'█' * 12}{'░' * 28} 30% · 3 of 10 documents · interrupted"
    assert (update, display_id) == (False, None)
    assert s.painter.wanted == []


def test_what_is_over_soon_shows_the_end_only():
    s = session()
    bar = MigrationProgress(s, "m")
    bar.told(0, 10)
    bar.told(5, 10)
    bar.end("done", visited=10)
    assert [update for _, update, _ in s.shell.display_pub.sent] == [False]
    slow = MigrationProgress(s, "m")
    slow._begun_s -= 1
    slow.told(0, 10)
    assert "0 of 10" in s.shell.display_pub.sent[-1][0]["text/plain"]


def test_widget_follows_and_a_picture_takes_its_place():
    pytest.importorskip("anywidget")
    s = session(has_widgets=True)
    bar = MigrationProgress(s, "m")
    bar.told(0, 1_001)
    first = s.shell.display_pub.sent[0][0]
    assert "application/vnd.jupyter.widget-view+json" in first
    assert "text/html" in first
    widget = bar._widget
    bar.told(3, 10)
    bar.paint()
    bar.end("done", visited=10)
    assert widget.comm is None or bar._widget is None
    last = s.shell.display_pub.sent[-1][0]
    assert set(last) == {"text/html", "text/plain"}
