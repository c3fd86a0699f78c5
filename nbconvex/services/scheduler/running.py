"""Running one scheduled function that is due.

Owns:  `Running`: exactly once for mutations, at most once for actions; what becomes of a failure.
Must not know: which job is next, and when; threads.
Invariants: a mutation's job is ended by the commit that its writes are in, so that after a crash both are there or
neither. An action is claimed by a commit of its own before it begins, and nothing that is claimed is begun again,
unless it was scheduled with `retry=`. A job has no identity. Source: semantics 7.1; ADR 11.
Threads: `run` blocks the thread that calls it, a worker's, until the job has ended.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from nbconvex.database.system_tables import SCHEDULED_FUNCTIONS_TABLE
from nbconvex.errors import FunctionNotFoundError, StorageError, TransientError
from nbconvex.functions.outcome import kept_error
from nbconvex.functions.scheduling import in_own_transaction
from nbconvex.services.scheduler import jobs
from nbconvex.values.ids import encode_id

if TYPE_CHECKING:
    from nbconvex.database.transaction import Transaction
    from nbconvex.database.writes import Document
    from nbconvex.functions.definition import FunctionDefinition
    from nbconvex.functions.run import Run
    from nbconvex.functions.runner import Runner

#: The pauses between attempts of a mutation that keeps meeting conflicts: the first, and the longest.
PAUSE_S: Final = 0.01
PAUSE_MAX_S: Final = 5.0
#: Who asks for a run, in the log.
SOURCE: Final = "job"
READER: Final = "_scheduled_functions"


class Running:
    """Runs jobs of one store. `owner` tells this process's claims from those of the processes before it."""

    def __init__(self, runner: Runner, stopping: threading.Event) -> None:
        self._runner = runner
        self._stopping = stopping
        self.owner = secrets.token_hex(8)

    def definition_of(self, document: Document) -> FunctionDefinition | None:
        """The function of a job, or None as long as its cell or module has not been run."""
        try:
            return self._runner.registry.find(document["name"])
        except FunctionNotFoundError:
            return None

    def run(self, internal: bytes) -> bool:
        """Run the job that is due; False if its function is not defined, so that it has to wait."""
        document = jobs.document_of(self._runner.database.snapshot, internal)
        if document is None or document["state"]["kind"] != jobs.PENDING:
            return True
        definition = self.definition_of(document)
        if definition is None:
            return False
        try:
            if definition.kind == "mutation":
                self._mutation(definition, document)
            elif definition.kind == "action":
                self._action(definition, document)
            else:
                self._end_failed(internal, f"Unsupported function type: {definition.name} is a query; only mutations "
                                           "and actions can be scheduled.")  # fmt: skip
        except StorageError:
            # The store failed or was closed. What is not written down is as if it had not been run: the next opening
            # sees to it.
            pass
        return True

    def recover(self) -> int:
        """See to the actions that a process before this one had begun; how many there were."""
        orphans = jobs.orphans(self._runner.database.snapshot, self.owner)
        for internal in orphans:
            self._end_failed(internal, jobs.INTERRUPTED)
        return len(orphans)

    # -- mutations ---------------------------------------------------------------------------------------------------

    def _mutation(self, definition: FunctionDefinition, document: Document) -> None:
        internal = jobs.internal_id(document["_id"])
        pause_s = PAUSE_S
        while not self._stopping.is_set():
            run = self._new_run(definition, document)
            run.within = partial(self._within, internal)
            try:
                self._runner.execute(run, document["args"][0], source=SOURCE)
            except TransientError:
                # Somebody else keeps changing what it reads. It is tried until it succeeds.
                self._stopping.wait(pause_s)
                pause_s = min(pause_s * 2, PAUSE_MAX_S)
                continue
            except (Exception, SystemExit) as error:
                if isinstance(error, StorageError) and self._is_gone():
                    raise
                self._end_failed(internal, _text(run, error))
            return

    @staticmethod
    def _within(internal: bytes, run: Run, handle: Callable[[], Any]) -> Any:
        """The mutation and the end of its job, in one transaction; nothing if the job was canceled meanwhile."""
        tx = run.tx
        assert tx is not None, run.path
        document = jobs.find(tx, internal)
        if document is None or document["state"]["kind"] != jobs.PENDING:
            return None
        value = handle()
        jobs.end(tx, document, jobs.SUCCESS)
        return value

    # -- actions -----------------------------------------------------------------------------------------------------

    def _action(self, definition: FunctionDefinition, document: Document) -> None:
        internal = jobs.internal_id(document["_id"])
        if not in_own_transaction(self._runner, READER, partial(self._claim, internal)):
            return
        run = self._new_run(definition, document)
        error: str | None = None
        try:
            self._runner.execute(run, document["args"][0], source=SOURCE)
        except BaseException as problem:  # whatever it is, an engine that stops included, the job has to be ended
            error = _text(run, problem)
        if error is not None and self._stopping.is_set():
            # Ended from outside, with the backend: the next opening sees to it as to a crash.
            return
        in_own_transaction(self._runner, READER, lambda tx: self._end_action(tx, internal, error))

    def _claim(self, internal: bytes, tx: Transaction) -> bool:
        document = jobs.find(tx, internal)
        if document is None or document["state"]["kind"] != jobs.PENDING:
            return False
        jobs.claim(tx, document, self.owner)
        return True

    @staticmethod
    def _end_action(tx: Transaction, internal: bytes, error: str | None) -> None:
        document = jobs.find(tx, internal)
        if document is None or document["state"]["kind"] != jobs.IN_PROGRESS:
            return
        if error is None:
            jobs.end(tx, document, jobs.SUCCESS)
        else:
            jobs.end_failed(tx, document, error)

    # -- both --------------------------------------------------------------------------------------------------------

    def _new_run(self, definition: FunctionDefinition, document: Document) -> Run:
        run = self._runner.new_run(definition, None, is_echoed=False)
        run.job = document["_id"]
        return run

    def _end_failed(self, internal: bytes, error: str) -> None:
        def change(tx: Transaction) -> None:
            document = jobs.find(tx, internal)
            if document is not None and document["state"]["kind"] not in jobs.ENDED:
                jobs.end_failed(tx, document, error)

        in_own_transaction(self._runner, READER, change)

    def _is_gone(self) -> bool:
        """Whether the store takes no more commits."""
        try:
            self._runner.database.begin(writable=True)
        except StorageError:
            return True
        return False


def job_id(internal: bytes) -> str:
    """The id of a job as users have it."""
    return encode_id(SCHEDULED_FUNCTIONS_TABLE, internal)


def _text(run: Run, error: BaseException) -> str:
    if isinstance(error, (Exception, SystemExit)):
        error = kept_error(run, error)
    text = f"{type(error).__name__}: {error}".partition("\n[Request ID")[0]
    return run.runner.environment.masked(text)
