"""Checks of what is let in and what addresses are used.

Owns:  the checks `identity`, `validators`, `urls`, `address`, `cron`.
Must not know: other checks.
Threads: pure.
Source: semantics 8, 10, 12.1, 15.1, 15.4, 15.5.
"""

from __future__ import annotations

import inspect
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from nbconvex.checks.finding import Finding
from nbconvex.checks.source import Code

_IDENTITY: Final = "get_user_identity"
#: An address of an endpoint at the host of functions.
_WRONG_BASE: Final = re.compile(r"(https?://[\w.-]+)\.convex\.cloud(/(?!api/)[\w./-]+)")
_STORAGE: Final = re.compile(r"/api/storage/(?!upload\b)")
#: A minute that crons get which all begin at the full hour: not the first five, nor the last.
_MINUTES: Final = (5, 50)


def _reads_identity(code: Code) -> bool:
    return any(name.endswith(f".{_IDENTITY}") for name, _ in code.calls())


def identity_findings(codes: Sequence[Code]) -> Iterator[Finding]:
    """Public functions and routes that never ask who calls; endpoints that take a token and do not verify it."""
    for code in codes:
        if not code.is_public or not code.trees or _reads_identity(code):
            continue
        if code.route is None:
            yield Finding(
                code.owner,
                code.place,
                "is public and never asks who calls.",
                'if ctx.auth.get_user_identity() is None: raise ConvexError("Unauthorized")   or   '
                "--internal   or, where everybody may,   # nbconvex: allow identity",
                is_grave=False,
            )
        elif code.route.method != "OPTIONS" and not code.route.needs_identity:
            cure = f"%%http {code.route.method} {code.route.shown_path} --auth"
            if any(text.lower() in {"authorization", "bearer "} for text in code.texts()):
                yield Finding(
                    code.owner,
                    code.place,
                    "takes a token and never checks whom it is from.",
                    f"{cure}   or   ctx.auth.get_user_identity()",
                )
            else:
                yield Finding(
                    code.owner,
                    code.place,
                    "answers everybody and never asks who calls.",
                    f"{cure}   or, where everybody may,   # nbconvex: allow identity",
                    is_grave=False,
                )


def validator_findings(codes: Sequence[Code]) -> Iterator[Finding]:
    """Public functions whose arguments nobody checks."""
    for code in codes:
        definition = code.definition
        if (
            definition is None
            or not code.is_public
            or definition.args is not None
            or definition.parameters == frozenset()
        ):
            continue
        yield Finding(
            code.owner, code.place, "is public, and its arguments are not checked.", _annotated(code), is_grave=False
        )


def _annotated(code: Code) -> str:
    assert code.definition is not None, code.owner
    name = code.definition.handler.__name__
    parameters = list(inspect.signature(code.definition.handler).parameters.values())[1:]
    if code.definition.takes_dict or not parameters:
        return '@args({"name": v.string()})   above the def'
    named = [
        f"{'**' if each.kind is each.VAR_KEYWORD else ''}{each.name}: {_type_of(each.default)}"
        + ("" if each.default is each.empty else f" = {each.default!r}")
        for each in parameters
    ]
    return f"def {name}(ctx, {', '.join(named)}):   with the types that you mean"


def _type_of(default: Any) -> str:
    return type(default).__name__ if isinstance(default, str | int | float | bool) else "str"


def url_findings(codes: Sequence[Code]) -> Iterator[Finding]:
    """Addresses of files that are put together by hand."""
    for code in codes:
        if any(_STORAGE.search(text) for text in code.texts()):
            yield Finding(
                code.owner,
                code.place,
                "puts the address of a file together by hand: it does not work.",
                "ctx.storage.get_url(storage_id)",
            )


def address_findings(codes: Sequence[Code], texts: Mapping[str, str]) -> Iterator[Finding]:
    """Endpoints that are asked for at the address of functions. `texts` are other texts of the app, by their places."""
    everything = [(code.owner, code.place, text) for code in codes for text in code.texts()]
    for owner, place, text in (*everything, *((place, "", text) for place, text in texts.items())):
        found = _WRONG_BASE.search(text)
        if found is not None:
            yield Finding(
                owner,
                place,
                f"asks for an endpoint at {found[0]}: that is the address of functions.",
                f"{found[1]}.convex.site{found[2]}   (here: %convex url)",
            )


def cron_findings(documents: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """Crons that all begin at the full hour."""
    for each in documents:
        schedule = each["schedule"]
        minute, _, rest = str(schedule["line"]).partition(" ")
        if minute == "0" and rest:
            first, count = _MINUTES
            better = first + zlib.crc32(each["name"].encode()) % count
            zone = "" if schedule["tz"] == "UTC" else f" --tz {schedule['tz']}"
            yield Finding(
                f"the cron {each['name']}",
                "",
                "begins at the full hour, as everybody's do.",
                f'%%cron {each["name"]} --cron "{better} {rest}"{zone}',
                is_grave=False,
            )
