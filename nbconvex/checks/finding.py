"""What a check found.

Owns:  `Finding`, `CheckLine`, and what either says in words.
Must not know: how anything is found; where it is shown.
Threads: values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

#: A line's mark: all well, worth a look, wrong.
FINE, LOOK, WRONG = "✓", "!", "✗"
#: How many of those that have one fault in common are named.
_NAMED_MAX: Final = 6


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to change.

    Shapes:  `owner` is a function's path, a route's name, an index or a cron; `place` says where it is written, as far
    as that is known; `cure` is what to write; `is_grave` tells what is wrong from what is worth a look.
    """

    owner: str
    place: str
    problem: str
    cure: str
    is_grave: bool = True

    @property
    def where(self) -> str:
        """The owner, with its place."""
        return f"{self.owner} ({self.place})" if self.place else self.owner


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One line of the checklist. `key` is the word for a comment that silences it; `fine` is said where all is well."""

    key: str
    title: str
    fine: str
    findings: tuple[Finding, ...] = ()

    @property
    def mark(self) -> str:
        """How the line came out."""
        if not self.findings:
            return FINE
        return WRONG if any(each.is_grave for each in self.findings) else LOOK

    @property
    def found(self) -> str:
        """What was found, in a few words."""
        count = len(self.findings)
        return f"{count:,} {'place' if count == 1 else 'places'} to change" if count else self.fine

    def details(self) -> list[tuple[str, str]]:
        """A sentence and a cure for each finding; those that have both in common are told together."""
        together: dict[tuple[str, str], list[str]] = {}
        for each in self.findings:
            together.setdefault((each.problem, each.cure), []).append(each.where)
        told = []
        for (problem, cure), owners in together.items():
            more = f" and {len(owners) - _NAMED_MAX:,} more" if len(owners) > _NAMED_MAX else ""
            told.append((f"{', '.join(owners[:_NAMED_MAX])}{more}: {problem}", cure))
        return told


def is_wrong(lines: Sequence[CheckLine]) -> bool:
    """Whether anything is wrong, and not only worth a look."""
    return any(line.mark == WRONG for line in lines)


def summary(lines: Sequence[CheckLine]) -> str:
    """How a whole list came out."""
    counts = {mark: sum(line.mark == mark for line in lines) for mark in (WRONG, LOOK, FINE)}
    parts = [
        f"{counts[mark]} {word}"
        for mark, word in ((WRONG, "wrong"), (LOOK, "worth a look"), (FINE, "fine"))
        if counts[mark]
    ]
    return ", ".join(parts)


def plain_text(lines: Sequence[CheckLine]) -> str:
    """A whole list as lines of text, the cures below what they cure."""
    told = []
    for line in lines:
        told.append(f"{line.mark} {line.title}: {line.found}")
        for problem, cure in line.details():
            told += [f"    {problem}", *([f"      Write:  {cure}"] if cure else [])]
    return "\n".join([*told, "", f"{summary(lines)}."])
