"""Soft notes: what is worth telling an author once, when a function is defined or has run.

Owns:  `Note`, `Notes`: which were told.
Must not know: where notes are shown; whether somebody wants them.
Invariants: each kind of note is given once for each function. Where nothing was defined and nothing remarkable ran
since the last time, looking costs a comparison.
Threads: one, that of the cells.
Source: semantics 12.1 (lint rules), 14 row 5, 15.2, 15.5.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nbconvex.checks.access import validator_findings
from nbconvex.checks.finding import Finding
from nbconvex.checks.indexes import index_findings
from nbconvex.checks.source import Code, FileName, arguments_text, code_of_function, dotted

if TYPE_CHECKING:
    from nbconvex.backend import Backend

_LOOPS: Final = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_RUNS: Final = ("ctx.run_mutation", "ctx.run_query")


@dataclass(frozen=True, slots=True)
class Note:
    """One note. `key` is the word for a comment that silences it."""

    key: str
    finding: Finding


class Notes:
    """The notes about the functions of one backend."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._told: set[tuple[str, str]] = set()
        self._seen = (0, 0)
        self._generation = 0

    def fresh(self, file_name: FileName | None = None) -> list[Note]:
        """What has become worth telling since the last time."""
        registry, plans = self.backend.registry, self.backend.runner.plans
        seen = registry.version, plans.count
        if seen == self._seen or self.backend.production:
            return []
        newest, self._seen = self._generation, seen
        found = []
        for definition in sorted(registry.functions.values(), key=lambda each: each.path):
            self._generation = max(self._generation, definition.generation)
            if definition.generation <= newest and not plans.of(definition.path, definition).scans:
                continue
            code = code_of_function(definition, file_name)
            for note in self._about(code):
                told = (note.finding.owner, note.key)
                if told not in self._told and note.key not in code.allowed:
                    self._told.add(told)
                    found.append(note)
        return found

    def _about(self, code: Code) -> Iterator[Note]:
        for finding in validator_findings([code]):
            yield Note("validators", finding)
        for finding in index_findings([code], self.backend.runner.plans, self.backend.schema):
            # What has cost nothing yet is for the checklist.
            if finding.is_grave:
                yield Note("scan", finding)
        for finding in _collected(code, self.backend):
            yield Note("collect", finding)
        for finding in loop_findings(code):
            yield Note("loop", finding)


def _collected(code: Code, backend: Backend) -> Iterator[Finding]:
    """Lists so long that nobody wants all of them."""
    assert code.definition is not None, code.owner
    for key, (queries, _, given) in backend.runner.plans.scans(code.definition.path, code.definition).items():
        if key.is_list:
            problem = f"collects {given // queries:,} documents of {key.table} at once."
            yield Finding(code.owner, code.place, problem, ".take(100)   or   .paginate(...)   instead of .collect()")


def loop_findings(code: Code) -> Iterator[Finding]:
    """Actions that call functions in a loop: each call is a transaction of its own."""
    if code.kind != "action" or not code.trees:
        return
    for loop in (node for node in ast.walk(code.trees[0]) if isinstance(node, _LOOPS)):
        for node in ast.walk(loop):
            if isinstance(node, ast.Call) and dotted(node.func) in _RUNS and node.args:
                verb, target = dotted(node.func), ast.unparse(node.args[0])
                kind = verb.rpartition("_")[2]
                problem = f"calls the {kind} {target} in a loop: each call is a transaction of its own."
                given = arguments_text(node, 1)
                yield Finding(
                    code.owner,
                    code.place,
                    problem,
                    f"{verb}({target}_all, items=[...])   with one {kind} that loops over what is here ({given})",
                )
                return
