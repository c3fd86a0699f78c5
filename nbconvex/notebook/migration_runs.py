"""Running a migration under a cell: its bar while it runs, and what is said afterwards.

Owns:  `carry_out` and `rehearse`; the lines about a run, the listings of a dry run.
Must not know: which magic asked for it; how a migration is run.
Invariant: the bar says how it ended, whatever ended it.
Threads: the kernel's main thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nbconvex.errors import MigrationFailedError
from nbconvex.notebook.card import Lines, Listing
from nbconvex.notebook.migration_progress import MigrationProgress
from nbconvex.notebook.shell_words import display

if TYPE_CHECKING:
    from nbconvex.notebook.session import Session
    from nbconvex.services.migrations.batch import Change
    from nbconvex.services.migrations.migrations import DryRun, MigrationReport
    from nbconvex.services.migrations.records import MigrationStatus

#: Documents that a dry run shows.
_SAMPLES: Final = 5
#: Characters of a value in a sample.
_VALUE_MAX: Final = 80


def carry_out(session: Session, name: str, *, reset: bool = False) -> bool:
    """Run a migration with a bar; whether it is done.

    Raises:  as `Migrations.run`.
    """
    __tracebackhide__ = True
    migrations = session.backend.migrations
    bar = MigrationProgress(session, f"migration {name}")
    has_begun = False

    def told(status: MigrationStatus) -> None:
        nonlocal has_begun
        has_begun = True
        bar.told(status.visited, status.total)

    try:
        report = migrations.run(name, reset=reset, on_progress=told)
    except MigrationFailedError as error:
        bar.end(f"stopped at document {error.document_id}", visited=error.visited, total=error.total)
        raise
    except BaseException as error:
        if has_begun:
            # What is committed counts: an interrupt may have come behind the last word of it.
            status = migrations.status(name) if not session.backend.is_closed else None
            said = "interrupted" if isinstance(error, KeyboardInterrupt) else "stopped"
            at = {} if status is None else {"visited": status.visited, "total": status.total}
            bar.end(f"{said}: run the cell again to go on", **at)
        raise
    if has_begun:
        bar.end(report.status.state, visited=report.status.visited, total=report.status.total)
    display(report_lines(report))
    return report.status.state == "done"


def report_lines(report: MigrationReport) -> Lines:
    """What a run did, or why it did nothing."""
    # Not at the top: loading the extension is to stay quick.
    from nbconvex.notebook.cron_cells import moment

    status = report.status
    counts = f"{_documents(status.visited)} of {status.table} visited, {status.changed:,} changed"
    if report.was_done:
        lines = [("✓", f"{status.name} was done before ({moment(status.updated_ms)}): {counts}. Nothing was done.")]
        if status.is_edited:
            lines.append(("!", "Its text is another one now than when it ran."))
        return Lines([*lines, ("", "--reset runs it again from the first document.")])
    if status.state != "done":
        return Lines([("!", f"{status.name} is {status.state}: {counts}. Run it again to go on.")])
    batches = f"{status.batches:,} batch{'es' if status.batches != 1 else ''}"
    resumed = f", {report.resumed_at:,} of them before" if report.resumed_at else ""
    return Lines([("✓", f"{status.name} is done: {counts}{resumed}, in {batches}, {report.duration_s:,.1f} s")])


def rehearse(session: Session, name: str) -> None:
    """Run a migration without keeping anything, and show what it would do.

    Raises:  as `Migrations.dry_run`.
    """
    __tracebackhide__ = True
    bar = MigrationProgress(session, f"dry run of {name}")
    try:
        found = session.backend.migrations.dry_run(name, samples=_SAMPLES, on_progress=bar.told)
    except BaseException:
        bar.end("stopped; nothing was kept")
        raise
    bar.end("nothing was kept", visited=found.visited, total=found.visited)
    display(dry_run_lines(found))
    if found.changes:
        display(sample_listing(found))
    if found.failures:
        display(failure_listing(found))


def dry_run_lines(found: DryRun) -> Lines:
    """What a dry run counted."""
    of = f"of {_documents(found.visited)} of {found.table}"
    behind = f" behind the {found.resumed_at:,} that are done" if found.resumed_at else ""
    parts = [f"{found.changed:,} {of}{behind} would change"]
    parts += [
        f"{_documents(count)} of {table} would be {verb}" for (table, verb), count in sorted(found.others.items())
    ]
    if found.scheduled:
        parts.append(f"{found.scheduled:,} functions would be scheduled")
    lines = [("?", f"{found.name}: {'; '.join(parts)}. Nothing was kept.")]
    if found.failed:
        lines.append(("!", f"{_documents(found.failed)} would fail: a run stops at the first of them."))
    return Lines(lines)


def sample_listing(found: DryRun) -> Listing:
    """The first documents that would change, field by field."""
    rows: list[list[str]] = []
    for change in found.changes:
        rows += _sample_rows(change)
    title = f"the first of {found.changed:,} changes" if found.changed > len(found.changes) else "what would change"
    return Listing(title, ["document", "field", "before", "after"], rows)


def _sample_rows(change: Change) -> list[list[str]]:
    if change.after is None:
        return [[change.document, "", "", "deleted"]]
    return [[change.document, name, _shown(change.before, name), _shown(change.after, name)] for name in change.fields]


def _shown(document: dict[str, object], name: str) -> str:
    from nbconvex.values.validator_report import show_value

    return show_value(document[name], characters_max=_VALUE_MAX) if name in document else "–"


def failure_listing(found: DryRun) -> Listing:
    """The first documents that would fail."""
    rows = [[each.document, f"{type(each.error).__name__}: {each.error}".partition("\n")[0]] for each in found.failures]
    title = f"the first of {found.failed:,} failures" if found.failed > len(rows) else "what would fail"
    return Listing(title, ["document", "error"], rows)


def _documents(count: int) -> str:
    return f"{count:,} document{'' if count == 1 else 's'}"
