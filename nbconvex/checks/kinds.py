"""Checks of what functions may do: each kind its own, effects scheduled, actions not called.

Owns:  the checks `types`, `schedule`, `actions`.
Must not know: other checks.
Mechanism: the text of functions says most of it before anybody runs them; what was refused while they ran says the
rest.
Threads: pure.
Source: semantics 1.2, 1.3, 1.5, 15.4.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from nbconvex.checks.finding import Finding
from nbconvex.checks.source import Code, arguments_text, module_behind
from nbconvex.functions.reference import FunctionReference

if TYPE_CHECKING:
    from nbconvex.functions.plans import PlanLog
    from nbconvex.functions.registry import Registry

_WRITES: Final = frozenset({"insert", "patch", "replace", "delete"})
#: Modules that wait or reach out of the process.
_OUTSIDE: Final = frozenset(
    {"requests", "httpx", "aiohttp", "urllib", "urllib3", "http", "smtplib", "socket", "subprocess", "ftplib", "openai"}
)
_WAITING: Final = frozenset({"time.sleep", "asyncio.sleep"})
#: What the refusals say by which they are told apart. Source: functions.teaching.
_REFUSED_OUTSIDE: Final = "can't be used in queries and mutations"
_REFUSED_CALLS: Final = ("cannot call the action", "Inside a function that is a reference", "queries may only run")


def _seen(codes: Sequence[Code], plans: PlanLog) -> Iterator[tuple[Code, str, str]]:
    """What was refused while functions ran: whose, what, and what to write instead."""
    for code in codes:
        definition = code.definition or (code.route.definition if code.route is not None else None)
        if definition is not None:
            for message, hint in tuple(plans.of(definition.path, definition).misuses.items()):
                yield code, message, hint


def type_findings(codes: Sequence[Code], plans: PlanLog) -> Iterator[Finding]:
    """Queries that write, schedule or call mutations; actions that use the database."""
    told = set()
    for code in codes:
        for problem, cure in _wrong_kind(code):
            told.add(code.owner)
            yield Finding(code.owner, code.place, problem, cure)
    for code, message, hint in _seen(codes, plans):
        if (
            code.owner not in told
            and _REFUSED_OUTSIDE not in message
            and not any(part in message for part in _REFUSED_CALLS)
        ):
            yield Finding(code.owner, code.place, f"was refused when it ran: {_first_sentence(message)}", hint)


def _wrong_kind(code: Code) -> Iterator[tuple[str, str]]:
    words = set()
    for name, _ in code.calls():
        parts = name.replace("()", "").split(".")
        if parts[:2] == ["ctx", "db"] and code.kind in {"action", "endpoint"}:
            words.add(f"ctx.db.{parts[-1]}")
        elif code.kind == "query" and (
            (parts[:2] == ["ctx", "db"] and parts[-1] in _WRITES)
            or parts[:2] in (["ctx", "scheduler"], ["ctx", "run_mutation"])
        ):
            words.add(".".join(parts[:3]))
    for word in sorted(words):
        if code.kind == "query":
            yield f"is a query, and calls {word}: queries only read.", f"%%mutation {code.module}   or   @mutation"
        else:
            verb = "run_mutation" if word.rpartition(".")[2] in _WRITES else "run_query"
            what = "an action" if code.kind == "action" else "an endpoint"
            yield (
                f"is {what}, and uses {word}: it has no transaction of its own.",
                f"ctx.{verb}(internal.module.function, name=value)",
            )


def schedule_findings(codes: Sequence[Code], plans: PlanLog) -> Iterator[Finding]:
    """Queries and mutations that wait or reach out, which an action should do once they have committed."""
    told = set()
    for code in codes:
        if code.kind not in {"query", "mutation"}:
            continue
        for name in sorted({name for name, _ in code.calls()}):
            root, _, rest = name.partition(".")
            module = module_behind(code, root)
            full = f"{module}.{rest}" if module and rest else module
            if full in _WAITING or module.partition(".")[0] in _OUTSIDE:
                told.add(code.owner)
                yield Finding(
                    code.owner,
                    code.place,
                    f"is a {code.kind}, and calls {name}: it waits for the world.",
                    _scheduling(code),
                )
    for code, message, _ in _seen(codes, plans):
        if _REFUSED_OUTSIDE in message and code.owner not in told:
            yield Finding(
                code.owner, code.place, f"was refused when it ran: {_first_sentence(message)}", _scheduling(code)
            )


def _scheduling(code: Code) -> str:
    action = f"%%action {code.module} --internal   with that call in it"
    if code.kind == "query":
        return f"{action}, which keeps what it found through a mutation"
    return (
        f"{action}; here  ctx.scheduler.run_after(0, internal.{code.module.replace('/', '.')}.the_action, name=value)"
    )


def action_findings(codes: Sequence[Code], plans: PlanLog, registry: Registry) -> Iterator[Finding]:
    """Actions that are called instead of scheduled, and functions that are called past `ctx`."""
    told = set()
    for code in codes:
        for name, call in code.calls():
            if name == "ctx.run_action" and call.args:
                yield _called_action(code, call)
            elif code.is_global(name.partition(".")[0]) and isinstance(
                code.value(name.partition(".")[0]), FunctionReference
            ):
                yield _called_directly(code, name, call, registry)
            else:
                continue
            told.add(code.owner)
    for code, message, hint in _seen(codes, plans):
        if code.owner not in told and any(part in message for part in _REFUSED_CALLS):
            yield Finding(code.owner, code.place, f"was refused when it ran: {_first_sentence(message)}", hint)


def _called_action(code: Code, call: ast.Call) -> Finding:
    target = ast.unparse(call.args[0])
    later = f"ctx.scheduler.run_after(0, {arguments_text(call)})"
    if code.kind in {"query", "mutation"}:
        return Finding(code.owner, code.place, f"is a {code.kind}, and calls the action {target}.", later)
    problem = f"calls the action {target} and waits for it: in the same kernel a helper function does the same."
    return Finding(
        code.owner, code.place, problem, f"{later}   or   a plain helper(ctx, ...) that both call", is_grave=False
    )


def _called_directly(code: Code, name: str, call: ast.Call, registry: Registry) -> Finding:
    root, *rest = name.split(".")
    parts = (*code.value(root)._parts, *rest)  # noqa: SLF001 - its public names are all functions'
    definition = registry.get(f"{'/'.join(parts[:-1])}:{parts[-1]}")
    kind = definition.kind if definition is not None else "query"
    given = ", ".join(filter(None, [name, arguments_text(call)]))
    cure = f"ctx.run_{kind}({given})"
    if kind == "action" and code.kind != "action":
        cure = f"ctx.scheduler.run_after(0, {given})"
    return Finding(code.owner, code.place, f"calls {name} directly, past validation and isolation.", cure)


def _first_sentence(message: str) -> str:
    return f"{message.partition('. ')[0].rstrip('.')}."
