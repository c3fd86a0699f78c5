"""The checklist: what has to hold before an app is considered complete, a line each.

Owns:  `checklist`: which checks there are, their order and their words.
Must not know: how a line is shown.
Invariants: the ten lines of the guide, then three of good practice; a check that a comment in a function allows leaves
that function out. Nothing runs and nothing is sent.
Threads: the caller's; definitions may change meanwhile, and each is looked at as it was when it was found.
Source: semantics 15.4, 12.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from nbconvex.checks.access import (
    address_findings,
    cron_findings,
    identity_findings,
    url_findings,
    validator_findings,
)
from nbconvex.checks.endpoints import cors_findings, error_findings, option_findings
from nbconvex.checks.finding import CheckLine, Finding
from nbconvex.checks.indexes import index_findings, unused_index_findings
from nbconvex.checks.kinds import action_findings, schedule_findings, type_findings
from nbconvex.checks.source import Code, FileName, codes_of

if TYPE_CHECKING:
    from nbconvex.backend import Backend


def checklist(
    backend: Backend, *, file_name: FileName | None = None, texts: Mapping[str, str] | None = None
) -> tuple[CheckLine, ...]:
    """The lines of the list for a backend as it is now.

    Shapes:  `file_name` says what to call the file that a function is written in; `texts` are other texts of the app,
    pages for instance, by where they stand.
    """
    codes = codes_of(backend, file_name)
    return tuple(_lines(backend, codes, texts or {}))


def _lines(backend: Backend, codes: list[Code], texts: Mapping[str, str]) -> Iterator[CheckLine]:
    plans, schema, table = backend.runner.plans, backend.schema, backend.http.routes.table
    allowed = {code.owner: code.allowed for code in codes}
    functions, routes = sum(code.route is None for code in codes), len(table)

    def line(key: str, title: str, fine: str, findings: Iterable[Finding]) -> CheckLine:
        kept = tuple(each for each in findings if key not in allowed.get(each.owner, ()))
        return CheckLine(key, title, fine, tuple(dict.fromkeys(kept)))

    yield line(
        "types", "Functions do what their kind allows", _counted(functions, "function"), type_findings(codes, plans)
    )
    yield line("cors", "Endpoints send CORS headers", _counted(routes, "endpoint"), cors_findings(codes))
    yield line(
        "options", "Endpoints answer preflights (OPTIONS)", _counted(routes, "endpoint"), option_findings(codes, table)
    )
    yield line(
        "index", "Queried fields have indexes", "no filter over a whole table", index_findings(codes, plans, schema)
    )
    yield line(
        "schedule",
        "What waits for the world is scheduled",
        "queries and mutations wait for nothing",
        schedule_findings(codes, plans),
    )
    yield line(
        "actions",
        "Actions are scheduled, not called",
        "none is called",
        action_findings(codes, plans, backend.registry),
    )
    yield line(
        "address",
        "Endpoints are asked for at the site address",
        "no other address in the code",
        address_findings(codes, texts),
    )
    yield line("urls", "Addresses of files come from get_url", "none is put together by hand", url_findings(codes))
    yield line(
        "identity",
        "Who calls is asked where it matters",
        "every public function and endpoint asks, or need not",
        identity_findings(codes),
    )
    yield line("errors", "Errors have a status and CORS headers", _counted(routes, "endpoint"), error_findings(codes))
    yield line(
        "validators", "Arguments of public functions are checked", _returns_said(codes), validator_findings(codes)
    )
    yield line("unused-index", "Indexes are used", "every index has its query", unused_index_findings(codes, schema))
    yield line(
        "cron",
        "Crons do not begin at the full hour",
        _counted(len(backend.scheduler.crons), "cron"),
        cron_findings(backend.scheduler.crons.documents()),
    )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun if count == 1 else noun + 's'}" if count else f"no {noun}s"


def _returns_said(codes: list[Code]) -> str:
    public = [code for code in codes if code.definition is not None and code.is_public]
    said = sum(code.definition is not None and code.definition.returns is not None for code in public)
    return f"{said:,} of {len(public):,} also say what they return" if public else "no public functions"
