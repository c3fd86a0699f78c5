"""`%convex codegen`: types for a web app, written once or after every cell that changes them.

Owns:  what the command answers, and what is said below a cell after which types were written.
Must not know: IPython; what stands in the files.
Invariant: the types never fail a cell: where they cannot be written, that is said below it.
Threads: the kernel's main thread.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nbconvex.errors import CallerError
from nbconvex.functions.command_words import unquoted
from nbconvex.notebook.card import Card, Lines
from nbconvex.notebook.server_commands import seen_addresses

if TYPE_CHECKING:
    from nbconvex.codegen.generated_folder import TypesReport
    from nbconvex.codegen.types_watch import TypesWatch
    from nbconvex.notebook.session import Session

#: Names of functions without types that a card shows.
_UNTYPED_SHOWN: Final = 5


def write_types_for(session: Session, options: Namespace) -> Card | Lines:
    """The answer to `%convex codegen`, when it has done what was asked for.

    Raises:  CallerError.
    """
    # Not at the top: loading the extension is to stay quick.
    from nbconvex.codegen.generated_folder import write_types
    from nbconvex.codegen.types_watch import TypesWatch

    watch = session.types_watch
    if options.stop:
        session.types_watch = None
        return Lines(
            [
                ("", "No folder was followed.")
                if watch is None
                else ("✓", f"{_shown(watch.folder)} is left as it is now.")
            ]
        )
    if options.folder is None and watch is None:
        raise CallerError(
            "codegen wants the folder of a web app in which _generated is to stand.",
            hint="%convex codegen ../my-app/convex",
        )
    folder = watch.folder if options.folder is None and watch is not None else Path(unquoted(options.folder))
    if options.openapi:
        return _openapi(session, folder)
    if options.watch:
        watch = TypesWatch(session.backend, folder)
        report = watch.refresh()
        assert report is not None, "the first look at a folder always writes"
        session.types_watch = watch
    else:
        report = write_types(session.backend, folder)
    is_followed = session.types_watch is not None and session.types_watch.folder == folder.expanduser().absolute()
    return _card(report, is_followed=is_followed)


def _openapi(session: Session, folder: Path) -> Lines:
    from nbconvex.codegen.generated_folder import write_openapi

    session.serve()
    seen = seen_addresses(session)
    assert seen is not None
    file = write_openapi(session.backend, folder, site_url=seen.site, api_url=seen.api)
    return Lines([("✓", f"{_shown(file.absolute())} describes the endpoints and the functions for clients.")])


def refresh_types(watch: TypesWatch) -> Lines | None:
    """What is to be said after a cell; None where no types have changed."""
    try:
        report = watch.refresh()
    except CallerError as error:
        return Lines([("!", f"The types were not written: {error}"), ("", "%convex codegen --stop ends this.")])
    return Lines([("✓", f"types: {_changes(report)}")]) if report is not None and report.has_changed else None


def _card(report: TypesReport, *, is_followed: bool) -> Card:
    pairs = [
        ("folder", _shown(report.folder)),
        ("files", _changes(report)),
        ("functions", f"{report.functions:,}"),
        ("tables", f"{report.tables:,}"),
    ]
    if report.untyped:
        pairs.append(("any", _shortened(report.untyped)))
    note = "Written after each cell that changes them, until %convex codegen --stop." if is_followed else ""
    return Card("types", pairs, note=note)


def _changes(report: TypesReport) -> str:
    parts = [
        f"{word} {', '.join(names)}"
        for word, names in (("written", report.written), ("removed", report.removed), ("same", report.unchanged))
        if names
    ]
    return " · ".join(parts)


def _shortened(names: Sequence[str]) -> str:
    more = len(names) - _UNTYPED_SHOWN
    return ", ".join(names[:_UNTYPED_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _shown(folder: Path) -> str:
    """A folder as people write it: relative where that is shorter."""
    try:
        return str(folder.relative_to(Path.cwd()))
    except ValueError:
        return str(folder)
