"""What Tab offers after our magics.

Owns:  the candidates for a line, and telling IPython about them.
Must not know: what the words do.
Invariants: completion opens no store and never fails; a line that is not ours is left to others.
Threads: the kernel's main thread, possibly while a cell runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from nbconvex.functions.http_routes import METHODS
from nbconvex.notebook.session import Session

_LINE: Final = re.compile(r"\s*(%{1,2})(\w+)\s+(.*)\Z", re.DOTALL)
_KINDS: Final = ("query", "mutation", "action")
#: A cell whose body is SQL.
_SQL: Final = re.compile(r"\s*%%(convex_sql\b|query\s[^\n]*--sql\b)")
#: Files of one folder that are looked at.
_FILES_MAX: Final = 1_000
#: What the first word of some commands may be.
_FIRST_WORDS: Final = {
    "env": ("list", "set", "get", "remove"),
    "auth": ("list", "add", "remove", "explain"),
    "doctor": ("cors", "http", "auth"),
}
_CHARTS: Final = ("line", "bar", "scatter", "area")
_LIVE_OPTIONS: Final = ("--table", "--json", "--chart", "--x", "--y", "--color", "--static", "--help")
_HTTP_OPTIONS: Final = (
    "--no-cors", "--origins", "--headers", "--credentials", "--max-age", "--enforce", "--auth", "--help",
)  # fmt: skip


def candidates(session: Session, line: str) -> list[str] | None:
    """What may stand at the end of `line`; None where the line is not ours."""
    found = _LINE.match(line)
    if found is None:
        return None
    sign, magic, rest = found.groups()
    if magic == "convex" and sign == "%":
        return _of_convex(session, rest)
    if magic == "live" and sign == "%":
        return _of_live(session, rest)
    if magic == "schema":
        return _starting(rest, ["--check-only", "--no-validation", "--help"])
    if magic == "convex_sql":
        return _starting(rest, [*_tables(session), "--into", "--help"])
    if magic == "migration":
        if rest.split(" ")[-2:-1] == ["--table"]:
            return _starting(rest, _tables(session))
        return _starting(rest, ["--table", "--batch", "--dry-run", "--reset", "--help"])
    if magic == "http":
        return _starting(rest, _HTTP_OPTIONS if " " in rest else METHODS)
    if magic == "trigger":
        return _starting(rest, [*_tables(session), "--help"])
    if magic == "exercise":
        return _starting(rest, [*session.exercises, "--help"])
    if magic in _KINDS:
        options = ["--internal", "--help", *(["--live", "--sql", "--args"] if magic == "query" else [])]
        return _starting(rest, [*_modules(session), *options])
    return None


def _of_convex(session: Session, rest: str) -> list[str]:
    # Not at the top: loading the extension is to stay quick.
    from nbconvex.notebook.convex_commands import COMMANDS

    word, space, after = rest.partition(" ")
    if not space:
        return _starting(word, COMMANDS)
    command = COMMANDS.get(word)
    if command is None:
        return []
    words = after.split(" ")
    options = command.parser.option_names
    if words[-1].startswith("-"):
        return _starting(words[-1], options)
    if words[-2:-1] == ["--fn"]:
        return _starting(words[-1], [*_modules(session), *_paths(session)])
    if len(words) == 1 and word in _FIRST_WORDS:
        return _starting(words[-1], [*_FIRST_WORDS[word], *options])
    values = command.parser.choices_of(words[-2]) if len(words) > 1 else []
    if values:
        return _starting(words[-1], values)
    called = next((each for each in words[:-1] if ":" in each and not each.startswith("-")), None)
    if called is not None and command.takes == "function":
        return _starting(words[-1], _arguments(session, called))
    if command.name == "help":
        return _starting(words[-1], COMMANDS)
    if command.takes == "file" or words[-2:-1] == ["--from-file"]:
        return _starting(words[-1], [*_files(words[-1]), *options])
    named = {"function": _paths, "table": _tables, "exercise": _exercises}.get(command.takes)
    return _starting(words[-1], [*(named(session) if named else []), *options])


def _of_live(session: Session, rest: str) -> list[str]:
    words = rest.split(" ")
    if len(words) == 1:
        return _starting(words[0], _paths(session, kind="query"))
    if words[-2] == "--chart":
        return _starting(words[-1], _CHARTS)
    return _starting(words[-1], [*_arguments(session, words[0]), *_LIVE_OPTIONS])


def _starting(beginning: str, words: Iterable[str]) -> list[str]:
    last = beginning.rpartition(" ")[2]
    return [word for word in words if word.startswith(last)]


def _paths(session: Session, kind: str | None = None) -> list[str]:
    if not session.is_open:
        return []
    functions = session.backend.registry.functions.values()
    return sorted(each.name for each in functions if kind is None or each.kind == kind)


def _modules(session: Session) -> list[str]:
    return sorted({path.partition(":")[0] for path in _paths(session)})


def _exercises(session: Session) -> Iterable[str]:
    return session.exercises


def _files(beginning: str) -> list[str]:
    """The files and folders whose path begins so; those with a name that would have to be quoted are left out."""
    folder, separator, name = beginning.rpartition("/")
    try:
        found = sorted(Path(f"{folder}{separator}").expanduser().iterdir())[:_FILES_MAX]
    except OSError:
        return []
    names = [f"{each.name}/" if each.is_dir() else each.name for each in found]
    return [
        f"{folder}{separator}{each}"
        for each in names
        if each.startswith(name) and each.startswith(".") <= name.startswith(".") and " " not in each
    ]


def _tables(session: Session) -> list[str]:
    if not session.is_open:
        return []
    return sorted(
        each.name for each in session.backend.database.snapshot.tables.values() if not each.name.startswith("_")
    )


def _arguments(session: Session, path: str) -> list[str]:
    if not session.is_open:
        return []
    definition = session.backend.registry.get(path)
    return [] if definition is None else [f"{name}=" for name in sorted(definition.parameters or ())]


class Completion:
    """Our matcher in a shell's completer, until `remove`."""

    def __init__(self, session: Session) -> None:
        self._matchers: list[Any] = getattr(getattr(session.shell, "Completer", None), "custom_matchers", [])
        self._matcher = _matcher(session)
        if self._matcher is not None:
            self._matchers.append(self._matcher)

    def remove(self) -> None:
        """Take the matcher out again. Twice is fine."""
        if self._matcher in self._matchers:
            self._matchers.remove(self._matcher)


def _matcher(session: Session) -> Callable[..., Any] | None:
    try:
        from IPython.core.completer import SimpleCompletion, context_matcher
    except ImportError:  # before IPython 8.6 there is nothing to plug into that sees the whole line
        return None

    def nbconvex_matcher(context: Any) -> dict[str, Any]:
        try:
            found = candidates(session, context.text_until_cursor)
            if found is None and _SQL.match(context.full_text):
                found = _starting(context.text_until_cursor, _tables(session))
        except Exception:
            # Whatever is wrong will be said when the line is run.
            found = None
        words = [SimpleCompletion(text=word, type="param") for word in found or ()]
        return {
            "completions": words,
            "suppress": bool(words),
            "matched_fragment": context.text_until_cursor.rpartition(" ")[2],
        }

    decorated: Callable[..., Any] = context_matcher()(nbconvex_matcher)
    return decorated
