"""Crons: what recurs, kept as documents of `_crons`.

Owns:  `Crons`: which there are, when each is due next, whether its last run goes on, what was skipped.
Must not know: threads; how a job is run. A run of a cron is a job like any other.
Invariants: a cron never has two jobs that have not ended; what comes due meanwhile is skipped, and counted. The job and
the time of the next one are one commit, so a crash neither loses a run nor repeats one. What an origin does not declare
any more is gone. Source: semantics 7.2.
Threads: any; `_lock` is held while a change is committed, so that what is remembered is what is stored.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from nbconvex.database.system_tables import CRONS_TABLE
from nbconvex.errors import CallerError
from nbconvex.functions.handler import plain_args
from nbconvex.functions.scheduling import Promise, in_own_transaction
from nbconvex.services.scheduler import jobs
from nbconvex.services.scheduler.recurrence import Recurrence
from nbconvex.values.codec import decode_document
from nbconvex.values.ids import INTERNAL_ID_BYTES

if TYPE_CHECKING:
    from nbconvex.database.transaction import Transaction
    from nbconvex.database.writes import Document
    from nbconvex.functions.runner import Runner
    from nbconvex.services.scheduler.cron_forms import CronDefinition

#: How many runs of a cron are remembered.
HISTORY_MAX: Final = 20
READER: Final = "_crons"


@dataclass(frozen=True, slots=True)
class CronChange:
    """What declaring the crons of an origin did, by name."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class Crons:
    """The crons of one store."""

    def __init__(self, runner: Runner, kept: jobs.Jobs) -> None:
        self._runner = runner
        self._jobs = kept
        self._lock = threading.RLock()
        self._by_name: dict[str, Document] = {}
        #: Which origin has declared a cron since this process started.
        self._declared: dict[str, str] = {}
        self._load()

    def _load(self) -> None:
        table = self._runner.database.snapshot.tables[CRONS_TABLE]
        documents = [decode_document(payload) for _, payload in table.documents.entries()]
        self._by_name = {document["name"]: document for document in documents}

    def __len__(self) -> int:
        return len(self._by_name)

    def documents(self) -> list[Document]:
        """The crons by name, as they are stored."""
        with self._lock:
            return [dict(document) for _, document in sorted(self._by_name.items())]

    @staticmethod
    def recurrence_of(document: Document) -> str:
        """When a cron recurs, in words."""
        return str(Recurrence.from_json(document["schedule"]))

    def next_ms(self) -> float | None:
        """When the next cron is due; None without crons."""
        with self._lock:
            return min((document["nextTime"] for document in self._by_name.values()), default=None)

    # -- declaring ---------------------------------------------------------------------------------------------------

    def declare(self, origin: str, definitions: Iterable[CronDefinition]) -> CronChange:
        """Make `definitions` all crons of `origin`. One that keeps its recurrence keeps its next time.

        Raises:  CallerError for a name that is there twice, or a function that cannot be scheduled;
                 FunctionNotFoundError, ArgumentsInvalidError.
        """
        wanted: dict[str, Document] = {}
        with self._lock:
            for definition in definitions:
                if definition.name in wanted:
                    raise CallerError(f"the cron {definition.name!r} is registered twice.")
                other = self._declared.get(definition.name, origin)
                if other != origin:
                    raise CallerError(
                        f"the cron {definition.name!r} is registered twice: here, and by {other}.",
                        hint=f'%convex crons --remove "{definition.name}", or another name',
                    )
                wanted[definition.name] = self._fields(definition, origin)
            gone = [
                name for name, document in self._by_name.items() if document["origin"] == origin and name not in wanted
            ]
            if not wanted and not gone:
                return CronChange()
            change = in_own_transaction(self._runner, READER, lambda tx: self._declare(tx, wanted, gone))
            for name in gone:
                self._declared.pop(name, None)
            self._declared.update(dict.fromkeys(wanted, origin))
            self._load()
        return change  # type: ignore[no-any-return]

    def _fields(self, definition: CronDefinition, origin: str) -> Document:
        target = self._runner.registry.find(definition.target)
        if target.kind == "query":
            raise CallerError(
                f"the cron {definition.name!r} calls {target.name}, which is a query: only mutations and actions do "
                "anything that could recur."
            )
        return {
            "name": definition.name,
            "function": target.path,
            "args": plain_args(target, dict(definition.args), self._runner.limits),
            "schedule": definition.recurrence.to_json(),
            "origin": origin,
        }

    def _declare(self, tx: Transaction, wanted: dict[str, Document], gone: list[str]) -> CronChange:
        added, changed = [], []
        for name in gone:
            tx.change_system(CRONS_TABLE, _internal(name), None)
        for name, fields in wanted.items():
            old = tx.get_system(CRONS_TABLE, _internal(name))
            if old is None:
                recurrence = Recurrence.from_json(fields["schedule"])
                state = {"nextTime": recurrence.first_ms(tx.now_ms), "runs": 0.0, "skipped": 0.0, "history": []}
                tx.put_system(CRONS_TABLE, {**fields, **state}, internal=_internal(name))
                added.append(name)
                continue
            new = {**old, **fields}
            if new == old:
                continue
            if old["schedule"] != fields["schedule"]:
                new["nextTime"] = _next_after_change(Recurrence.from_json(fields["schedule"]), old, tx.now_ms)
            tx.change_system(CRONS_TABLE, _internal(name), new)
            changed.append(name)
        return CronChange(tuple(added), tuple(changed), tuple(gone))

    def remove(self, name: str) -> None:
        """Delete a cron; a run of it that goes on ends by itself.

        Raises:  CallerError if there is none of that name.
        """
        with self._lock:
            if name not in self._by_name:
                known = ", ".join(sorted(self._by_name)) or "none"
                raise CallerError(f"there is no cron {name!r}. There are: {known}.")
            in_own_transaction(self._runner, READER, lambda tx: tx.change_system(CRONS_TABLE, _internal(name), None))
            self._declared.pop(name, None)
            self._load()

    def restore(self) -> None:
        """Write down again, as new ones, the crons of this process, after everything in the store was deleted."""
        with self._lock:
            kept = [document for name, document in self._by_name.items() if name in self._declared]
            fields = ("name", "function", "args", "schedule", "origin")
            wanted = {document["name"]: {each: document[each] for each in fields} for document in kept}
            if wanted:
                in_own_transaction(self._runner, READER, lambda tx: self._declare(tx, wanted, []))
            self._load()

    # -- coming due --------------------------------------------------------------------------------------------------

    def tick(self, now_ms: float) -> None:
        """Make a job of each cron that is due, or skip it if its last one has not ended."""
        with self._lock:
            due = [document["name"] for document in self._by_name.values() if document["nextTime"] <= now_ms]
            # The one that was due first is first in line.
            due.sort(key=lambda name: self._by_name[name]["nextTime"])
            for name in due:
                told = in_own_transaction(self._runner, READER, partial(self._tick, name, now_ms))
                if told:
                    self._runner.log_note(f"cron {name}", told)
            if due:
                self._load()

    def _tick(self, name: str, now_ms: float, tx: Transaction) -> str:
        cron = tx.get_system(CRONS_TABLE, _internal(name))
        if cron is None or cron["nextTime"] > now_ms:
            return ""
        due_ms = cron["nextTime"]
        next_ms, missed = Recurrence.from_json(cron["schedule"]).next_after_ms(due_ms, now_ms)
        new = {**cron, "nextTime": next_ms}
        told = f"[WARN] skipped {_runs(missed)} that came due while nothing ran here." if missed else ""
        last = None if "job" not in cron else jobs.find(tx, jobs.internal_id(cron["job"]))
        if last is not None and last["state"]["kind"] not in jobs.ENDED:
            missed += 1
            told = f"[WARN] skipped {_runs(missed)}: the one before has not ended ({last['state']['kind']})."
        else:
            job = self._jobs.add(tx, Promise(cron["function"], cron["args"], due_ms, cron=name))
            history = [*cron["history"], {"time": due_ms, "job": job}][-HISTORY_MAX:]
            new |= {"job": job, "lastTime": due_ms, "runs": cron["runs"] + 1.0, "history": history}
        new["skipped"] = cron["skipped"] + float(missed)
        tx.change_system(CRONS_TABLE, _internal(name), new)
        return told


def _internal(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:INTERNAL_ID_BYTES]


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count:,} runs"


def _next_after_change(recurrence: Recurrence, old: dict[str, Any], now_ms: float) -> float:
    if recurrence.every_s and "lastTime" in old:
        return max(recurrence.next_ms(old["lastTime"]), now_ms)
    return recurrence.first_ms(now_ms)
