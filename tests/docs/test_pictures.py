"""The pictures of the pages: each is there in both themes, is shown somewhere, and is small."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from tests.architecture.house import DOCS, ROOT
from tests.pictures import FOLDER, THEMES, Pictures

PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
ALL_BYTES_MAX = 1_000_000
#: Of each page: its pictures, as `<picture>` elements in the one form that the site understands too.
SHOWN = re.compile(
    r'<picture>\n  <source media="\(prefers-color-scheme: dark\)" srcset="([^"]+)-dark\.png">\n'
    r'  <img alt="([^"]+)" src="([^"]+)-light\.png" width="(\d+)">\n</picture>\n'
)


def shown(text: str) -> list[tuple[str, str, str, str]]:
    """The pictures of a page: path of the dark one, words, path of the light one, width."""
    return SHOWN.findall(text)


def size_of(png: bytes) -> tuple[int, int]:
    """Source: the PNG specification, IHDR."""
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_every_picture_is_shown_and_there_in_both_themes() -> None:
    names = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        found = shown(text)
        assert text.count("<picture>") == len(found), f"{page.name}: a picture is written in another form"
        for dark, words, light, width in found:
            assert dark == light
            path = page.parent / f"{light}-light.png"
            assert path.resolve().parent == FOLDER, f"{page.name}: {light}"
            names.add(path.stem.removesuffix("-light"))
            assert len(words) > 20, "words for whoever does not see it"
            assert size_of(path.read_bytes())[0] >= int(width), f"{page.name}: {light} is blurred"
    assert {each.name for each in FOLDER.iterdir()} == {f"{name}-{theme}.png" for name in names for theme in THEMES}


def test_pictures_are_small() -> None:
    assert sum(each.stat().st_size for each in FOLDER.iterdir()) < ALL_BYTES_MAX


def test_the_checks_of_pictures_can_fail(tmp_path: Path) -> None:
    page = (DOCS / "how-to" / "live-views.md").read_text(encoding="utf-8")
    assert len(shown(page)) == 1
    assert shown(page.replace(' alt="', ' title="')) == []
    assert shown(page.replace("-dark.png", ".png")) == []


def test_what_is_kept_is_smaller_and_the_same_to_the_eye(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="only `make pictures` needs Pillow")
    drawn = image.linear_gradient("L").convert("RGB").resize((300, 200))
    drawn.save(tmp_path / "full.png")
    pictures = Pictures(tmp_path / "kept")
    pictures.keep("gradient", "dark", (tmp_path / "full.png").read_bytes())
    kept = image.open(tmp_path / "kept" / "gradient-dark.png")
    assert (kept.size, kept.mode) == ((300, 200), "P")
    before, after = drawn.load(), kept.convert("RGB").load()
    assert max(abs(before[x, y][0] - after[x, y][0]) for x in range(0, 300, 7) for y in range(0, 200, 7)) < 6
    Pictures(None).keep("gradient", "dark", b"nothing is read where nothing is kept")
