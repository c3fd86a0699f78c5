"""What the pages show is true: their Python runs, and their lists of magics, settings and errors are complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nbconvex import errors
from nbconvex.notebook.convex_commands import COMMANDS
from nbconvex.notebook.options import NbConvex
from tests.architecture.house import DOCS, ROOT
from tests.docs.page import blocks_of, run_page

HOW_TO = DOCS / "how-to"
ALL_PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
PAGES_WITH_PYTHON = [page for page in ALL_PAGES if blocks_of(page.read_text(encoding="utf-8"))]


def rows(page: Path) -> list[list[str]]:
    """The cells of all rows of all tables of a page."""
    text = page.read_text(encoding="utf-8")
    return [line.strip("| \n").split(" | ") for line in re.findall(r"^\| `.*$", text, re.MULTILINE)]


def words_of_page(page: Path) -> dict[str, set[str]]:
    """What the page says each magic takes: from its name to the names of its arguments and options."""
    found = {}
    for usage, _, *options in rows(page):
        name, _, arguments = usage.strip("`").partition(" ")
        if name == "%convex" and arguments[:1].isalpha():
            command, _, arguments = arguments.partition(" ")
            name = f"{name} {command}"
        found[name] = set(re.findall(r"[\w=]+", arguments)) | set(re.findall(r"`(--[\w-]+)", "".join(options)))
    return {name: words for name, words in found.items() if name.startswith("%") and name != "%config"}


def words_of_help(text: str) -> set[str]:
    """The names of arguments and options in what `--help` prints."""
    _, _, positional = text.partition("positional arguments:\n")
    lines = positional.partition("\n\n")[0].splitlines()
    arguments = {found[1] for line in lines if (found := re.match(r" {2}(\S+)", line))}
    return arguments | set(re.findall(r"--[\w-]+", text)) - {"--help"}


@pytest.mark.parametrize("page", PAGES_WITH_PYTHON, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_python_block_of_a_page_does_what_the_page_says(page: Path, bare_shell, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("NBCONVEX_LIVE", "widget")  # as in a notebook
    monkeypatch.syspath_prepend(tmp_path)
    problems = list(run_page(page, bare_shell, tmp_path))
    assert not problems, "\n\n".join(problems)


def test_a_page_that_is_wrong_is_caught(bare_shell, tmp_path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```python\nx = 1\nx\n```\n```output\n2\n```\n"
        "```python\n1 / 0\n```\n"
        "```python raises=ZeroDivisionError\nx\n```\n"
        "```python no-run: it would fail\n1 / 0\n```\n"
        "```python file=test_x.py\ndef test_x():\n    assert False\n```\n",
        encoding="utf-8",
    )
    problems = [problem.splitlines()[0] for problem in run_page(page, bare_shell, tmp_path)]
    assert problems == [
        "page.md:1: shows",
        "page.md:8: raises ZeroDivisionError, not NoneType: division by zero",
        "page.md:11: raises NoneType, not ZeroDivisionError: None",
        "page.md: the tests that it shows fail:",
    ]


def test_the_page_of_magics_lists_exactly_what_there_is_with_all_options(bare_shell) -> None:
    before = {kind: set(magics) for kind, magics in bare_shell.ipython.magics_manager.magics.items()}
    bare_shell.run("%load_ext nbconvex")
    ours = {kind: set(magics) - before[kind] for kind, magics in bare_shell.ipython.magics_manager.magics.items()}
    names = [f"%%{name}" for name in ours["cell"]] + [f"%{name}" for name in ours["line"] - ours["cell"]]
    names += [f"%convex {command}" for command in COMMANDS]
    there = {name: words_of_help(bare_shell.run(f"%{name.lstrip('%')} --help").stdout) for name in names}
    there["%convex"] = {"command", "words"}  # its own --help is that of all commands
    assert words_of_page(HOW_TO / "magics.md") == there


def test_the_page_of_magics_lists_exactly_the_names_and_settings_there_are(bare_shell) -> None:
    text = (HOW_TO / "magics.md").read_text(encoding="utf-8")
    bare_shell.run("%load_ext nbconvex")
    session = bare_shell.ipython.nbconvex_extension.session
    bound = re.search(r"^Bound where .*?: (.*?)\. They", text, re.MULTILINE | re.DOTALL)
    assert bound is not None
    assert set(re.findall(r"`(\w+)`", bound[1])) == set(session.names(None))
    settings = [cells for cells in rows(HOW_TO / "magics.md") if "`NBCONVEX_" in cells[1]]
    assert {name.strip("`"): variable.strip("`") for name, variable, _ in settings} == {
        name: f"NBCONVEX_{name.upper()}" for name in NbConvex.class_own_traits(config=True)
    }


def test_the_page_of_errors_lists_every_error_with_its_code() -> None:
    listed = {cells[0].strip("`"): cells[1].strip("`") for cells in rows(HOW_TO / "errors.md")}
    there = {
        each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.NbconvexError)
    }
    families = {errors.NbconvexError, errors.CallerError, errors.TransientError, errors.StorageError}
    assert listed == {each.__name__: each.code for each in there - families}


#: A test that a page names: what it shows, as a sentence, and the file that it stands in.
SHOWN_BY = re.compile(r"\[([^\]]+)\]\((?:\.\./)*(tests/[\w/]+/test_\w+\.py)\)")


def missing_tests(text: str) -> list[str]:
    """The sentences of a page that are no test of the file that they link to."""
    return [
        sentence
        for sentence, file in SHOWN_BY.findall(text)
        if f"def test_{'_'.join(sentence.lower().split())}(" not in (ROOT / file).read_text(encoding="utf-8")
    ]


@pytest.mark.parametrize("name", ["guarantees", "security"])
def test_tests_that_a_page_names_are_there(name: str) -> None:
    text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    assert len(SHOWN_BY.findall(text)) > 40
    assert missing_tests(text) == []
    assert missing_tests(f"{text} [pigs fly](../tests/acceptance/test_kill.py)") == ["pigs fly"]


def test_every_guarantee_names_a_test() -> None:
    text, _, _ = (DOCS / "guarantees.md").read_text(encoding="utf-8").partition("## What is not promised")
    bullets = re.findall(r"^\* \*\*.*?(?=^[^ \n])", text, re.MULTILINE | re.DOTALL)
    lines = re.findall(r"^\| (?!What|-).*$", text, re.MULTILINE)
    assert len(bullets) > 15
    assert len(lines) == 10
    assert [each for each in (*bullets, *lines) if not SHOWN_BY.search(each)] == []


def test_the_map_of_pages_leads_to_every_page() -> None:
    text = (DOCS / "index.md").read_text(encoding="utf-8")
    pages = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md") if page.parent.name != "adr"}
    assert pages - set(re.findall(r"\]\(([^)]+)\)", text)) == {"index.md"}
