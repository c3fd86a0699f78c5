"""What Tab offers: nbconvex.notebook.completion."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%convex st", ["status"]),
        ("%convex r", ["reset", "restore", "resume", "routes", "run"]),
        ("%convex logs --", ["--errors", "--fn", "--follow", "--help", "--limit", "--static"]),
        ("%convex run mess", ["messages:fail", "messages:newest", "messages:send"]),
        ("%convex run messages:send b", ["body="]),
        ("%convex run --as ada messages:send b", ["body="]),
        ("%convex data me", ["messages"]),
        ("%convex env s", ["set"]),
        ("%convex doctor c", ["cors"]),
        ("%convex jobs --state f", ["failed"]),
        ("%convex restore fi", ["file.zip"]),
        ("%convex restore folder/", ["folder/inside.zip"]),
        ("%convex backup .h", [".hidden"]),
        ("%live messages:", ["messages:newest"]),
        ("%live messages:newest c", ["channel="]),
        ("%live messages:newest --ch", ["--chart"]),
        ("%live messages:newest --chart s", ["scatter"]),
        ("%%query --i", ["--internal"]),
        ("%%query mess", ["messages"]),
        ("%%schema --c", ["--check-only"]),
        ("%convex help lo", ["logs"]),
        ("%convex logs --fn hid", ["hidden", "hidden:count"]),
    ],
)
def test_tab_offers_what_fits(app, line, expected, tmp_path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("file.zip", "fine words.zip", ".hidden", "folder/inside.zip"):
        (tmp_path / name).touch()
    before = line[: line.rindex(" ") + 1]
    assert sorted(app.complete(line)) == [before + word for word in expected]


def test_tab_opens_no_store(stored_shell, tmp_path) -> None:
    stored_shell.complete("%convex run ")
    stored_shell.complete("%live me")
    stored_shell.complete("api.me")
    assert list(tmp_path.iterdir()) == []


def test_tab_on_api_offers_modules_and_functions(app) -> None:
    assert "api.messages" in app.complete("api.me")
    assert "api.messages.newest" in app.complete("api.messages.ne")
