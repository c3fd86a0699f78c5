"""What a wrong use is told: what is wrong, why, and the line to write instead.

Owns:  the sentences for wrong use of `ctx` and of references, and the finding of the name that was meant.
Must not know: how anything is done right.
Source: product.md 2 rule 4; semantics 1.2, 1.3, 1.5, 15.1.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from nbconvex.errors import NotAllowedError, NotAvailableError
from nbconvex.values.validators import ObjectValidator

if TYPE_CHECKING:
    from nbconvex.functions.definition import FunctionDefinition
    from nbconvex.functions.run import Kind, Run

ARTICLES = {"query": "a query", "mutation": "a mutation", "action": "an action"}
_PLURALS = {"query": "queries", "mutation": "mutations", "action": "actions"}
_AWAITED = re.compile(r"object (\S+) can't be used in 'await' expression|'(\S+)' object can't be awaited")
_ITERATED = re.compile(r"'async for' requires an object with __aiter__ method, got (\S+)")
_GATHERED = re.compile(r"An asyncio.Future, a coroutine or an awaitable is required")
#: What a query is called that is written in place of a name.
INLINE_QUERY: Final = "inline_query"


def snake(name: str) -> str:
    """The snake_case spelling of a camelCase name."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: f"_{found[1].lower()}", name)


def unknown_name(owner: str, name: str, known: Iterable[str]) -> NotAvailableError:
    """For `ctx.runMutation`, `ctx.db.normalizeId` and names that do not exist at all."""
    names = sorted(known)
    spelled = snake(name)
    if spelled != name and spelled in names:
        return NotAvailableError(
            f"{owner}.{name} is spelled {owner}.{spelled} here: nbconvex's names are snake_case.",
            hint=f"{owner}.{spelled}",
        )
    close = difflib.get_close_matches(spelled, names, 1, 0.7)
    hint = f"{owner}.{close[0]}" if close else None
    if hint is None and owner == "ctx.db":
        hint = f'ctx.db.query("{name}")   if {name} is a table'
    return NotAvailableError(f"{owner} has no {name}. It has {', '.join(names)}.", hint=hint)


def called_otherwise(owner: str, name: str, right: str) -> NotAvailableError:
    """For a member that other frameworks have under another name."""
    return NotAvailableError(f"{owner}.{name} is called {owner}.{right} here.", hint=f"{owner}.{right}")


def query_writes(path: str, call: str) -> NotAvailableError:
    """For `ctx.db.insert` in a query."""
    if path == INLINE_QUERY:
        return NotAvailableError(
            f"an inline query only reads: {call} is not available. What writes is a mutation, which has a name.",
            hint="%%mutation messages, and then   %convex run messages:function name=value",
        )
    module = path.partition(":")[0]
    return NotAvailableError(
        f"{path} is a query, and queries only read: {call} is not available. They are run again whenever data changes, "
        "so they must not change any. Make this function a mutation.",
        hint=f"%%mutation {module}   or   @mutation",
    )


def action_db(path: str) -> NotAvailableError:
    """For `ctx.db` in an action."""
    return NotAvailableError(
        f"{path} is an action, and actions have no ctx.db: they run outside of any transaction. "
        "Read through a query and write through a mutation.",
        hint="ctx.run_query(internal.module.function, name=value)   or   ctx.run_mutation(...)",
    )


def query_schedules(path: str) -> NotAvailableError:
    """For `ctx.scheduler` in a query."""
    return NotAvailableError(
        f"{path} is a query, and queries only read: ctx.scheduler is available in mutations and actions. A query is "
        "run again whenever data changes, and would promise the same call each time.",
        hint="%%mutation   or   @mutation",
    )


def no_files(path: str) -> NotAllowedError:
    """For `ctx.storage` in a backend that was put together without files."""
    return NotAllowedError(f"{path}: this backend was put together without a place for files.")


def storage_elsewhere(path: str, kind: Kind, method: str, *, has_bytes: bool) -> NotAvailableError:
    """For `ctx.storage.store` outside of actions, and `ctx.storage.delete` in a query."""
    if has_bytes and kind == "mutation":
        return NotAvailableError(
            f"{path} is a mutation, and mutations never touch the bytes of files: ctx.storage.{method} takes as long "
            "as a file is large, and a transaction may have to run again. Do it in an action, which then calls a "
            "mutation with the id; or let the client upload to ctx.storage.generate_upload_url().",
            hint=f"%%action   or   @action, with ctx.storage.{method}(...)",
        )
    kinds = "actions" if has_bytes else "mutations and actions"
    return NotAvailableError(
        f"{path} is {ARTICLES[kind]}, which only reads: ctx.storage.{method} is there in {kinds}.",
        hint="%%action   or   @action" if has_bytes else "%%mutation   or   @mutation",
    )


def hint_at_id(run: Run) -> None:
    """Warn, once a definition, where a file's id is declared as any string."""
    definition, hinted = run.definition, run.runner.hinted
    fields = definition.args.fields if isinstance(definition.args, ObjectValidator) else {}
    loose = next((name for name, each in fields.items() if "storage" in name.lower() and each.kind == "string"), None)
    if loose is not None and run.path not in hinted:
        hinted.add(run.path)
        run.sink.warn(
            f'{definition.name} takes {loose} as any string. Id["_storage"], or v.id("_storage"), lets nothing in but '
            "ids of files."
        )


def query_runs(path: str, verb: str, target: str) -> NotAllowedError:
    """For `ctx.run_mutation` and `ctx.run_action` in a query."""
    return NotAllowedError(
        f"{path} is a query, and queries may only run queries: ctx.{verb}({target}) would have effects, "
        "and a query is run again whenever data changes.",
        hint=f"ctx.run_query({target}, ...) if it only reads; otherwise make {path} a mutation",
    )


def mutation_runs_action(path: str, target: str) -> NotAllowedError:
    """For `ctx.run_action` in a mutation, and for an action given to `ctx.run_mutation` there."""
    return NotAllowedError(
        f"{path} is a mutation, and mutations cannot call the action {target}: a mutation is a transaction that may be "
        "run again or undone, and what an action does in the world (an e-mail, a payment) cannot be. "
        "Schedule the action instead: it starts once the mutation has committed.",
        hint=f"ctx.scheduler.run_after(0, internal.{_dotted(target)}, name=value)",
    )


def wrong_kind(path: str, wanted: Kind, actual: Kind) -> NotAllowedError:
    """For a function called under another verb than its own."""
    return NotAllowedError(
        f"Trying to execute {path} as {ARTICLES[wanted]}, but it is defined as {ARTICLES[actual]}.",
        hint=f"run_{actual}({_quoted(path)}, ...)",
    )


def cannot_nest(path: str, kind: Kind, target: str, target_kind: Kind) -> NotAllowedError:
    """For a nested call that no verb allows."""
    return NotAllowedError(
        f"Cannot call {ARTICLES[target_kind]} ({target}) from {ARTICLES[kind]} ({path}): "
        "only queries and mutations can be nested in a transaction, and only queries in a query."
    )


def call_from_function(run: Run, text: str, definition: FunctionDefinition | None) -> NotAllowedError:
    """For `api.messages.list(...)` called like a function inside a function."""
    kind = definition.kind if definition else "query"
    if run.definition.kind == "mutation" and kind == "action":
        return mutation_runs_action(run.path, definition.path if definition else text)
    wait = "await " if run.definition.is_async and run.definition.kind == "action" else ""
    return NotAllowedError(
        f"{run.path} calls {text} directly. Inside a function that is a reference, to be passed to ctx.run_{kind}, "
        "which keeps validation, isolation and limits. For shared code, call a plain helper function that takes ctx.",
        hint=f"{wait}ctx.run_{kind}({text}, name=value)",
    )


def direct_call(run: Run, definition: FunctionDefinition, text: str) -> None:
    """Warn about a registered function that is called with a ctx."""
    run.sink.warn(
        f"{run.path} calls {text}(ctx, ...) directly: its arguments and result are not checked, nor is it isolated. "
        f"Call a plain helper function that takes ctx, or ctx.run_{definition.kind}({text}, ...)."
    )


def definition_time(what: str) -> NotAllowedError:
    """For database access while a cell is being defined."""
    return NotAllowedError(
        f"{what}: the database can't be used while functions are being defined. "
        "Move the call into a function, or into a cell of its own without %%query, %%mutation or %%action."
    )


def nondeterministic(path: str, kind: Kind, call: str, instead: str | None = None) -> NotAllowedError:
    """For the network, timers and true randomness in a transaction."""
    hint = "%%action   or   @action"
    after = ""
    if kind == "mutation":
        after = " A mutation schedules an action, which then runs once the commit is there."
        hint += ", and here   ctx.scheduler.run_after(0, internal.module.function, name=value)"
    return NotAllowedError(
        f"{path} is {ARTICLES[kind]}: {call} can't be used in queries and mutations, because they must give the same "
        f"result when they are run again. Consider an action: make this call there, and pass what it found to a "
        f"mutation.{after}",
        hint=instead or hint,
    )


def suspended(path: str, kind: Kind, waited_for: Any) -> NotAllowedError:
    """For an `async def` query or mutation that truly waits."""
    what = f" ({type(waited_for).__name__})" if waited_for is not None else ""
    return NotAllowedError(
        f"{path} waits for something outside of ctx{what}. {_PLURALS[kind].capitalize()} are transactions over data in "
        "memory and never wait; only actions may. Everything on ctx answers at once, without await.",
        hint="%%action   or   @action, which calls a mutation with what it found",
    )


def awaited_value(path: str, error: TypeError) -> NotAllowedError | None:
    """The teaching error for `await ctx.db.get(x)` and its like; None for any other TypeError."""
    text = str(error)
    found = _AWAITED.search(text)
    if found is not None:
        kind = found[1] or found[2]
        return NotAllowedError(
            f"{path} awaits a value that is already there (a {kind}): ctx.db and, in queries and mutations, ctx.run_* "
            "answer at once, from memory. Remove the await.",
            hint="document = ctx.db.get(id)",
        )
    found = _ITERATED.search(text)
    if found is not None:
        return NotAllowedError(
            f"{path} uses async for over a {found[1]}, which is already there. Remove the async.",
            hint='for document in ctx.db.query("table"):',
        )
    if _GATHERED.search(text):
        return NotAllowedError(
            f"{path} passes values that are already there to asyncio: in queries and mutations everything on ctx "
            "answers at once. Make the calls one after the other.",
            hint="first = ctx.run_mutation(...); second = ctx.run_mutation(...)",
        )
    return None


def unconsumed_query(path: str) -> NotAllowedError:
    """For a query object as a result."""
    return NotAllowedError(
        f"{path} returns a query that was not consumed, so it has no documents yet. "
        "Use one of .collect(), .take(n), .unique() or .first() (or .paginate(...)).",
        hint='return ctx.db.query("table").collect()',
    )


def unawaited(path: str, what: str) -> NotAllowedError:
    """For a coroutine or a pending call where its value was meant."""
    return NotAllowedError(f"{path} uses {what} without await, so there is no value yet.", hint=f"await {what}")


def only_in(path: str, member: str, kinds: str) -> NotAvailableError:
    """For a member that other kinds have."""
    return NotAvailableError(f"{path}: ctx.{member} is available only in {kinds}.")


def ended(path: str) -> NotAllowedError:
    """For a ctx that outlived its call."""
    return NotAllowedError(
        f"{path} has ended, so its ctx can no longer be used: a transaction lasts as long as the call. "
        "Do not keep ctx in a variable outside the function, or in a thread."
    )


def _dotted(path: str) -> str:
    return path.removesuffix(":default").replace("/", ".").replace(":", ".")


def _quoted(path: str) -> str:
    return f'"{path}"'
