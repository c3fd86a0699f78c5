"""The site: put together from the pages and the code, and built by Sphinx without a warning."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import nbconvex

ROOT = Path(__file__).parents[2]
SITE = ROOT / "docs" / "site"


@pytest.fixture
def site(monkeypatch):
    """The modules that build the site."""
    monkeypatch.syspath_prepend(str(SITE))
    import build
    import reference

    yield build, reference
    for name in ("build", "reference", "map"):
        sys.modules.pop(name, None)


@pytest.mark.timeout(300)
def test_every_page_builds_without_a_warning_and_is_in_the_navigation(tmp_path):
    pytest.importorskip("myst_nb")
    # Notebooks are executed by the tests of the notebook room; `make docs` executes them for the site.
    built = subprocess.run(
        [sys.executable, str(SITE / "build.py"), "--no-notebooks", "--into", str(tmp_path)],
        capture_output=True, text=True, timeout=280, cwd=ROOT, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    pages = {each.relative_to(tmp_path / "html").as_posix() for each in (tmp_path / "html").rglob("*.html")}
    expected = {page.relative_to(ROOT).with_suffix(".html").as_posix() for page in ROOT.glob("docs/**/*.md")}
    expected |= {f"notebooks/{each.stem}.html" for each in (ROOT / "notebooks").glob("*.ipynb")}
    assert expected <= pages
    home = (tmp_path / "html/docs/index.html").read_text()
    assert all(f"sections/{name}.html" in home for name in ("tutorial", "how-to", "reference", "explanation"))


def test_the_reference_has_every_public_name_with_its_signature_and_words(site):
    _, reference = site
    page = "\n".join(reference.names_page())
    for name in nbconvex.__all__:
        assert f"## `{name}`\n" in page
    assert "open(\n    path: str | os.PathLike[str] = ':memory:',\n" in page
    assert "**Raises:** StorageError" in page


def test_every_public_method_of_the_reference_says_what_it_does(site):
    _, reference = site
    silent = [
        f"{kind.__name__}.{name}"
        for _, _, _, classes in reference.CLASSES
        for kind in classes
        for name, member in reference.public_members(kind)
        if not inspect.getdoc(getattr(member, "__func__", member))
    ]
    assert not silent
    context = "\n".join(reference.class_part(nbconvex.Backend, level=2))
    assert "### `Backend.run_query`" in context


def test_a_signature_is_written_as_it_is_read_in_the_source(site):
    _, reference = site

    def short(ctx: str, *, count: int = 1) -> list[str]: ...
    async def long(first: dict[str, int] | None = None, second: tuple[int, ...] = (1, 2), **more: str) -> None: ...

    assert list(reference.signature_part("short", short))[1] == "short(ctx: str, *, count: int = 1) -> list[str]"
    reference.LINE_MAX, before = 40, reference.LINE_MAX
    assert list(reference.signature_part("long", long))[1] == (
        "await long(\n    first: dict[str, int] | None = None,\n    second: tuple[int, ...] = (1, 2),\n"
        "    **more: str,\n) -> None"
    )
    reference.LINE_MAX = before


def test_pages_are_turned_into_what_sphinx_reads(site):
    build, _ = site
    page = (
        "```python raises=KeyError\n%%query\n```\n[the folder](../tests/) [one](../notebooks/01-tour.ipynb) [a](adr/)\n"
    )
    assert build.as_sphinx_reads(page) == (
        "```ipython3\n%%query\n```\nthe folder [one](../notebooks/01-tour.ipynb) [a](adr/)\n"
    )
    assert build.as_sphinx_reads("[why](docs/adr/)") == "[why](docs/adr/README.md)"
    shown_by = build.as_sphinx_reads("[pigs fly](../tests/a/test_b.py) [x](../tests/a/b.py)")
    assert shown_by == '[pigs fly]{.nbc-test title="test_b.py"} x'
    picture = (
        '<picture>\n  <source media="(prefers-color-scheme: dark)" srcset="a-dark.png">\n'
        '  <img alt="A table" src="a-light.png" width="700">\n</picture>\n'
    )
    light, dark = build.as_sphinx_reads(picture).split("```\n\n", 1)
    assert light == "```{image} a-light.png\n:alt: A table\n:width: 700px\n:class: only-light\n"
    assert dark == "```{image} a-dark.png\n:alt: A table\n:width: 700px\n:class: only-dark\n```\n\n"


@cache
def ours_in(module: str) -> set[str]:
    """The names in a module that are classes of ours: defined there, or imported, if only for annotations."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    imports = [each for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)]
    imported = {name.name for each in imports if (each.module or "").startswith("nbconvex") for name in each.names}
    return imported | {each.name for each in ast.walk(tree) if isinstance(each, ast.ClassDef)}


def given_by(reference, kind) -> dict[str, str]:
    """The classes of ours that a class's members give, and which member that is."""
    found = {}
    for name, member in reference.public_members(kind):
        function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        words = re.findall(r"[A-Z]\w+", str(getattr(function, "__annotations__", {}).get("return", "")))
        found |= dict.fromkeys(ours_in(function.__module__) & set(words), f"{kind.__name__}.{name}")
    return found


def test_what_methods_give_is_in_the_reference_too(site):
    _, reference = site
    shown = {kind for _, _, _, classes in reference.CLASSES for kind in classes}
    names = {kind.__name__ for kind in shown} | set(nbconvex.__all__) | reference.OPAQUE
    given = {word: place for kind in shown for word, place in given_by(reference, kind).items()}
    assert {word: place for word, place in given.items() if word not in names} == {}
    assert given["Outcome"].startswith("Backend.run_outcome")


def test_parts_of_a_backend_that_pages_name_are_in_the_reference(site):
    _, reference = site
    texts = [
        ROOT / "README.md",
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("docs/how-to/*.md"),
        *ROOT.glob("notebooks/*.ipynb"),
    ]
    named = {
        found
        for page in texts
        for found in re.findall(r"\bbackend\.(\w+)\.(\w+)\(", page.read_text(encoding="utf-8"))
        if found[0] not in {"api", "internal"}
    }
    assert ("env", "set") in named
    assert {each for each in named if each[1] not in reference.PARTS.get(each[0], (None, ()))[1]} == set()
    for attribute, (kind, names) in reference.PARTS.items():
        with nbconvex.open() as backend:
            assert type(getattr(backend, attribute)) is kind
        there = {name for name, _ in reference.public_members(kind)}
        assert set(names) <= there, f"backend.{attribute}"
    page = "\n".join(reference.parts_part())
    assert "#### `backend.migrations.run_all`" in page


def test_names_that_hold_other_names_are_shown_with_them(site):
    _, reference = site
    page = "\n".join(reference.names_page())
    for name in ("v.string", "cron.daily", "http.post"):
        assert f"### `{name}`\n" in page
    assert "MutationCtx(run" not in page, "nobody makes one"
    assert "With its methods: [In functions: `ctx`](context.md#mutationctx)." in page
