"""The checklist of the notebook's app, and notes, as a cell displays them.

Owns:  `Checklist`, `NoteLines`, `checklist_of`.
Must not know: how anything is found.
Invariant: the plain form says everything that the HTML form says.
Threads: the kernel's main thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nbconvex.checks.checklist import checklist
from nbconvex.checks.finding import CheckLine, plain_text, summary
from nbconvex.notebook.html import checks_html
from nbconvex.notebook.tracebacks import file_name

if TYPE_CHECKING:
    from nbconvex.checks.notes import Note
    from nbconvex.notebook.session import Session

_SILENCE: Final = (
    "Shown once. %config NbConvex.notes = False silences notes;  # nbconvex: allow {keys}  in a function, one."
)


@dataclass(frozen=True)
class Checklist:
    """The lines of the checklist."""

    lines: Sequence[CheckLine]

    def _repr_html_(self) -> str:
        told = [(line.mark, line.title, line.found, line.details()) for line in self.lines]
        return checks_html("checklist", told, note=f"{summary(self.lines)}.")

    def __repr__(self) -> str:
        return plain_text(self.lines)


@dataclass(frozen=True)
class NoteLines:
    """Soft notes under a cell, each with its cure."""

    notes: Sequence[Note]

    @property
    def _silence(self) -> str:
        return _SILENCE.format(keys=", ".join(dict.fromkeys(each.key for each in self.notes)))

    def _repr_html_(self) -> str:
        told = [("ℹ", each.finding.where, each.finding.problem, [("Write:", each.finding.cure)]) for each in self.notes]
        return checks_html("", told, note=self._silence)

    def __repr__(self) -> str:
        lines = []
        for each in self.notes:
            lines += [f"ℹ {each.finding.where} {each.finding.problem}", f"    Write:  {each.finding.cure}"]
        return "\n".join([*lines, f"  {self._silence}"])


def checklist_of(session: Session) -> Checklist:
    """The checklist of the notebook's app as it is now."""
    return Checklist(checklist(session.backend, file_name=file_name))
