"""The project's own files, parsed once, for the tests that hold it to its rules."""

from __future__ import annotations

import ast
import gc
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "nbconvex"
TESTS = ROOT / "tests"
DOCS = ROOT / "docs"

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One Python file: where it is (from the root, with slashes), its text and its tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def module(self) -> str:
        """As the architecture page writes it: `values/codec`, `errors`."""
        return self.path.removeprefix("nbconvex/").removesuffix(".py")

    @property
    def stem(self) -> str:
        return self.path.rsplit("/", 1)[-1].removesuffix(".py")

    @property
    def lines(self) -> int:
        return self.text.count("\n")


def sources(*folders: str) -> tuple[Source, ...]:
    """Every Python file below these folders of the repository, in order of path."""
    return tuple(each for folder in folders for each in _sources_of(folder))


@cache
def _sources_of(folder: str) -> tuple[Source, ...]:
    files = sorted((ROOT / folder).rglob("*.py"))
    texts = [(file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")) for file in files]
    parsed = tuple(Source(path, text, ast.parse(text, path)) for path, text in texts)
    # These trees are millions of objects, and stay: every later garbage collection would go through them.
    gc.freeze()
    return parsed


def modules() -> tuple[Source, ...]:
    """The package's modules, without the `__init__` files."""
    return tuple(source for source in sources("nbconvex") if source.stem != "__init__")


def functions(source: Source) -> Iterator[Function]:
    """Every function of a file, however deep."""
    return (node for node in ast.walk(source.tree) if isinstance(node, Function))


def public_definitions(source: Source) -> Iterator[tuple[str, Definition, ast.ClassDef | None]]:
    """(dotted name, definition, the class it stands in) of what a user of the module can reach by public names."""

    def walk(owner: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[str, Definition, ast.ClassDef | None]]:
        for node in owner.body:
            if isinstance(node, Definition) and not node.name.startswith("_"):
                yield prefix + node.name, node, owner if isinstance(owner, ast.ClassDef) else None
                if isinstance(node, ast.ClassDef):
                    yield from walk(node, f"{prefix}{node.name}.")

    return walk(source.tree, "")


def is_documented(node: Definition | ast.Module) -> bool:
    """Whether it has a docstring, or is one of several `@overload` signatures of something that has."""
    decorators = getattr(node, "decorator_list", [])
    repeats = any(
        re.search(r"\boverload\b|\.setter\b|\.deleter\b|\boverride\b", ast.unparse(each)) for each in decorators
    )
    return repeats or ast.get_docstring(node) is not None


@cache
def _described_by_class() -> tuple[frozenset[str], dict[str, frozenset[str]]]:
    """Names of documented methods: those of all ports together, and those of each class by its name."""
    by_class = {}
    ports: set[str] = set()
    owners = (node for each in sources("nbconvex") for node in ast.walk(each.tree) if isinstance(node, ast.ClassDef))
    for owner in owners:
        methods = [node for node in owner.body if isinstance(node, Function)]
        by_class[owner.name] = frozenset(node.name for node in methods if ast.get_docstring(node) is not None)
        if any(re.match(r"(typing\.)?(Protocol|ABC)\b", ast.unparse(base)) for base in owner.bases):
            ports |= by_class[owner.name]
    return frozenset(ports), by_class


def is_described(name: str, owner: ast.ClassDef) -> bool:
    """Whether a port, or a class that `owner` extends, already says what the method `name` promises."""
    ports, by_class = _described_by_class()
    bases = [ast.unparse(base).split("[")[0].rpartition(".")[2] for base in owner.bases]
    return name in ports or any(name in by_class.get(base, ()) for base in bases)


def drafted_row(source: Source) -> str:
    """A row for the architecture page, made of what the module says of itself."""
    said = ast.get_docstring(source.tree) or ""
    first = re.sub(r"\s+", " ", said.partition("\n\n")[0]).strip().rstrip(".")
    found = re.search(r"Must not know:\s*(.*?)(?=\n[A-Z][a-z]*:|\n\n|\Z)", said, re.DOTALL)
    unknown = re.sub(r"\s+", " ", found[1]).strip().rstrip(".") if found else "—"
    return f"| `{source.module}` | {first} | {unknown[:1].upper()}{unknown[1:]} |"


def table_rows(page: Path) -> dict[str, list[str]]:
    """Rows of a Markdown page's tables whose first cell is a name in backticks: the other cells by that name."""
    rows = {}
    for line in page.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"\|\s*`([^`]+)`\s*\|(.*)\|\s*$", line):
            cells = re.split(r"(?<!\\)\|", match[2])
            rows[match[1]] = [cell.strip() for cell in cells]
    return rows
