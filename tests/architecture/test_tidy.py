"""The house rules, as tests. Each failure lists every place and says what to do instead."""

from __future__ import annotations

import ast
import dataclasses
import re

from nbconvex.limits import UNLIMITED, Limits
from tests.architecture.house import (
    DOCS,
    PACKAGE,
    ROOT,
    TESTS,
    drafted_row,
    functions,
    is_described,
    is_documented,
    modules,
    public_definitions,
    sources,
    table_rows,
)

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
FORBIDDEN_NAMES = {"base", "common", "core", "helper", "helpers", "manager", "misc", "util", "utils"}

# Modules without a test file of their own, each with the test that stands in for it.
TESTED_ELSEWHERE = {
    "__main__": "tests/cli/test_main.py",
    "services/transfer/files_port": "tests/services/files/test_transferred.py",
    "storage/persistence": "tests/storage/persistence_suite.py",
}

# Test files in a room that are about a theme, not about one module, each with the theme.
THEMES: dict[str, str] = {
    "tests/database/test_model.py": "the whole room against a naive model",
    "tests/server/test_fuzz_bodies.py": "the whole room against any request",
    "tests/server/test_fuzz_sockets.py": "the whole room against anything that comes over a socket",
    "tests/server/test_hostile_clients.py": "the whole room against clients that flood, stall and never read",
    "tests/storage/test_faulty.py": "the store that fails on purpose, for other rooms' tests",
    "tests/storage/test_power_loss.py": "the journal, on a machine whose power may go at any moment",
    "tests/storage/test_unusable_files.py": "what is said about a file that cannot be used",
    "tests/notebook/test_browser.py": "the whole room as a person sees it, in JupyterLab",
    "tests/notebook/test_files_notebook.py": "the notebook about files, in a real kernel",
    "tests/notebook/test_search_notebook.py": "the notebook about search, in a real kernel",
    "tests/notebook/test_web_page.py": "the notebook with a web page, in JupyterLab",
    "tests/server/test_npm_client.py": "the whole server as the npm client sees it",
    "tests/server/test_npm_files.py": "files as the npm client's users upload them",
    "tests/server/test_npm_http_client.py": "the same over HTTP",
    "tests/server/test_npm_pagination.py": "pages as the npm client keeps them",
    "tests/server/test_npm_reconnect.py": "the npm client and connections that are lost",
    "tests/server/test_pypi_client.py": "the whole server as the official Python clients see it",
    "tests/server/test_react_app.py": "a React app, a browser and a notebook",
    "tests/server/test_script_tag.py": "the npm client's bundle on a page in a browser",
    "tests/notebook/test_kernel.py": "the whole room in a real kernel: restarts, interrupts, views while cells run",
}

# What betrays one machine or one network. Written so that no line of this file matches.
MACHINE_TRACES = re.compile(
    r"""(?<![\w.<>$}{~])/(?:home|Users|root|work|mnt|srv)/\w   # an absolute path of somebody's machine
      | \bpypi\.or[g]\b | pythonhosted\.or[g] | \bregistry\.npmj[s] | \bartifactor[y]\b
      | (?:extra-)?index-ur[l] | \bfind-link[s]\b
      | (?<!==)\b(?:10|192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2,3}\b""",
    re.VERBOSE,
)
TEXT_SUFFIXES = {
    ".cfg",
    ".css",
    ".csv",
    ".html",
    ".ipynb",
    ".js",
    ".json",
    ".jsonl",
    ".md",
    ".py",
    ".toml",
    ".txt",
    ".yaml",
    ".yml",
}
TEXT_NAMES = {"LICENSE", "Makefile", "postBuild", "run"}
NOT_OURS = {".git", ".venv", ".build", "__pycache__", "node_modules", "dist", "build"}


def fail_on(problems: list[str], cure: str) -> None:
    assert not problems, "\n".join([*problems, "", cure])


def test_no_file_outgrows_its_room() -> None:
    long = [
        f"{each.path}: {each.lines} lines"
        for each in sources("nbconvex", "tests", "benchmarks")
        if each.lines > FILE_LINES_MAX
    ]
    fail_on(long, f"A file has at most {FILE_LINES_MAX} lines: find the second noun in it and give that a module.")


def test_no_function_outgrows_a_screen() -> None:
    long = [
        f"{each.path}:{node.lineno} {node.name}: {node.end_lineno - node.lineno + 1} lines"
        for each in sources("nbconvex", "tests")
        for node in functions(each)
        if node.end_lineno is not None and node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX
    ]
    fail_on(long, f"A function has at most {FUNCTION_LINES_MAX} lines: let it decide, and small functions below it do.")


def test_module_names_are_nouns_that_say_something() -> None:
    vague = [each.path for each in sources("nbconvex", "tests", "benchmarks") if each.stem in FORBIDDEN_NAMES]
    fail_on(vague, "A module is named by what it owns. What has no noun has no home yet.")


def test_every_module_says_what_it_owns() -> None:
    silent = [each.path for each in modules() if "Owns:" not in (ast.get_docstring(each.tree) or "")]
    fail_on(
        silent, "A module's docstring says what it owns ('Owns:  ...'), must not know, its invariants, its threads."
    )


def test_every_room_has_a_charter_and_no_code() -> None:
    wrong = [
        each.path
        for each in sources("nbconvex")
        if each.stem == "__init__"
        and each.path != "nbconvex/__init__.py"
        and (ast.get_docstring(each.tree) is None or len(each.tree.body) != 1)
    ]
    fail_on(wrong, "A room's __init__.py is one paragraph: what belongs here, what must not. Code goes into a module.")


def test_every_public_name_is_documented() -> None:
    bare = [
        f"{each.path}:{node.lineno} {name}"
        for each in sources("nbconvex")
        for name, node, owner in public_definitions(each)
        if not is_documented(node) and not (owner is not None and is_described(node.name, owner))
    ]
    fail_on(bare, "A public name has a docstring: what it is or returns, as a fact, then what its signature can't say.")


def test_architecture_page_lists_exactly_the_modules_there_are() -> None:
    listed = {
        name
        for name in table_rows(DOCS / "architecture.md")
        if (PACKAGE / name.split("/")[0]).is_dir() or "/" not in name
    }
    there = {each.module for each in modules()}
    problems = [f"missing on the page: {drafted_row(each)}" for each in modules() if each.module not in listed]
    problems += [f"on the page, but no such module: {name}" for name in sorted(listed - there)]
    fail_on(problems, "docs/architecture.md has one row a module: | `room/module` | owns | must not know |.")


def test_limits_page_lists_every_limit_with_its_value() -> None:
    rows = table_rows(DOCS / "limits.md")
    limits = {field.name: getattr(Limits(), field.name) for field in dataclasses.fields(Limits)}
    problems = [f"missing on the page: {name}" for name in limits if name not in rows]
    problems += [f"on the page, but no such limit: {name}" for name in rows if name not in limits]
    problems += [
        f"{name} is {limit:,}, the page says {rows[name][0]}"
        for name, limit in limits.items()
        if name in rows and rows[name][0] != ("none" if limit == UNLIMITED else f"{limit:,}")
    ]
    fail_on(problems, "docs/limits.md has one row a limit: | `name` | value | why |.")


def test_every_module_has_its_own_test_file() -> None:
    expected = {each.module: TESTS / each.module.rpartition("/")[0] / f"test_{each.stem}.py" for each in modules()}
    missing = {name for name, file in expected.items() if not file.exists()}
    problems = [
        f"{name}: no {expected[name].relative_to(ROOT).as_posix()}"
        for name in sorted(missing - TESTED_ELSEWHERE.keys())
    ]
    problems += [
        f"TESTED_ELSEWHERE: {name} has its own test file, or is gone"
        for name in sorted(TESTED_ELSEWHERE.keys() - missing)
    ]
    problems += [f"TESTED_ELSEWHERE: no {file}" for file in TESTED_ELSEWHERE.values() if not (ROOT / file).exists()]
    fail_on(problems, "Every module has tests/<room>/test_<module>.py, or a stand-in named in TESTED_ELSEWHERE.")


def test_every_test_file_of_a_room_belongs_to_a_module() -> None:
    rooms = {each.module.partition("/")[0] for each in modules() if "/" in each.module}
    known = {each.module for each in modules()}
    strays = []
    for file in (each.path for each in sources("tests")):
        _, room, *rest = file.removesuffix(".py").split("/")
        if room not in rooms or len(rest) != 1 or not rest[0].startswith("test_") or file in THEMES:
            continue
        words = rest[0].removeprefix("test_").split("_")
        if not any(f"{room}/{'_'.join(words[:n])}" in known for n in range(1, len(words) + 1)):
            strays.append(file)
    strays += [f"THEMES: there is no {file}" for file in THEMES if not (ROOT / file).exists()]
    fail_on(
        strays,
        "A room's test file is test_<module>.py or test_<module>_<theme>.py; name it in THEMES if it is neither.",
    )


def test_no_file_betrays_a_machine_or_a_network() -> None:
    files = (file for file in ROOT.rglob("*") if not NOT_OURS.intersection(file.relative_to(ROOT).parts))
    texts = (file for file in files if file.is_file() and (file.suffix in TEXT_SUFFIXES or file.name in TEXT_NAMES))
    traces = [
        f"{file.relative_to(ROOT).as_posix()}:{number}: {match[0]}"
        for file in sorted(texts)
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if (match := MACHINE_TRACES.search(line))
    ]
    fail_on(traces, "Nothing here may name a path of one machine or the address of a registry.")


def test_changelog_fragments_are_named_by_number_and_kind() -> None:
    kinds = "security|removed|deprecated|added|changed|fixed"
    wrong = [
        file.relative_to(ROOT).as_posix()
        for file in sorted((ROOT / "changes").iterdir())
        if file.name != "README.md" and not re.fullmatch(rf"\d+(-[a-z0-9-]+)?\.({kinds})\.md", file.name)
    ]
    fail_on(
        wrong, f"A change is told in changes/NNN.kind.md or NNN-word.kind.md, kind one of {kinds.replace('|', ', ')}."
    )


def test_every_decision_record_has_its_four_parts() -> None:
    problems = []
    for file in sorted((DOCS / "adr").glob("[0-9]*.md")):
        text = file.read_text(encoding="utf-8")
        missing = [part for part in ("Context", "Decision", "Consequences", "Anchors") if f"\n## {part}\n" not in text]
        problems += [f"docs/adr/{file.name}: no section {part!r}" for part in missing]
    fail_on(problems, "A decision record has the sections Context, Decision, Consequences and Anchors.")
