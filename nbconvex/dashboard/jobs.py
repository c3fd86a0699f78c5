"""The panel Jobs: scheduled functions and crons.

Owns:  `JobsPanel`: the list of jobs by state, the crons with their runs; cancelling, pausing, removing a cron.
Must not know: pages; how a job is kept or run.
Invariant: only as many documents are read as are shown.
Units:  times in milliseconds since 1970 UTC.
Threads: any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from nbconvex.dashboard.asked import choice_in, count_in, refuse_action, required_text_in, text_in
from nbconvex.errors import CallerError
from nbconvex.functions.command_words import write_arguments
from nbconvex.values.cells import cut_text

if TYPE_CHECKING:
    from nbconvex.backend import Backend

#: Jobs in a list: unless told otherwise, and at most.
JOBS_SHOWN: Final = 100
JOBS_SHOWN_MAX: Final = 500
#: Jobs that are looked through for the name of a function.
SEARCHED_MAX: Final = 10_000
CRONS_MAX: Final = 200
#: Characters of arguments, and of an error.
ARGUMENTS_MAX: Final = 500
NOTE_MAX: Final = 2_000
#: In this order: what is under way, what is to come, what was.
STATES: Final = ("inProgress", "pending", "failed", "success", "canceled")
_OPEN: Final = ("pending", "inProgress")


class JobsPanel:
    """The schedule, as a dashboard shows it."""

    name = "jobs"
    title = "Jobs"
    follows_calls = False

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._actions: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "cancel": self._cancel,
            "cancelAll": self._cancel_all,
            "pause": self._pause,
            "resume": self._resume,
            "removeCron": self._remove_cron,
        }

    def view(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The jobs in `state`, or in all, of functions whose name has the text `find` in it; and the crons.

        Raises:  CallerError for a request that makes no sense.
        """
        scheduler = self._backend.scheduler
        state = choice_in(request, "state", STATES)
        find = text_in(request, "find").casefold().strip()
        limit = count_in(request, "limit", JOBS_SHOWN, most=JOBS_SHOWN_MAX)
        counts = {each: scheduler.count(each) for each in STATES}
        documents = self._documents((state,) if state else STATES, find)
        # One more than is shown, to know whether there are more.
        rows = [self._job(each) for each in islice(documents, limit + 1)]
        crons = scheduler.crons.documents()
        return {
            "counts": counts,
            "jobs": rows[:limit],
            "more": len(rows) > limit,
            "paused": scheduler.paused,
            "next": scheduler.next_ms(),
            "crons": [self._cron(each) for each in crons[:CRONS_MAX]],
            "moreCrons": max(len(crons) - CRONS_MAX, 0),
        }

    def _documents(self, states: tuple[str, ...], find: str) -> Iterator[dict[str, Any]]:
        for state in states:
            # Those under way and to come by when they are due, those that have ended the newest first.
            found = self._backend.scheduler.documents(state, newest_first=state not in _OPEN)
            yield from (
                each for each in (islice(found, SEARCHED_MAX) if find else found) if find in each["name"].casefold()
            )

    def _job(self, document: dict[str, Any]) -> dict[str, Any]:
        state = document["state"]
        return {
            "id": document["_id"],
            "function": document["name"],
            "arguments": cut_text(write_arguments(document["args"][0]), ARGUMENTS_MAX),
            "made": document["_creationTime"],
            "due": document["scheduledTime"],
            # A canceled job has its due time there, if that is later, although it will not run then.
            "ended": None if state["kind"] == "canceled" else document.get("completedTime"),
            "state": state["kind"],
            "note": self._masked(self._backend.scheduler.note_on(document)),
            "cron": document.get("cron", ""),
            "open": state["kind"] in _OPEN,
        }

    def _cron(self, cron: dict[str, Any]) -> dict[str, Any]:
        scheduler = self._backend.scheduler
        runs = []
        for run in reversed(cron["history"]):
            job = scheduler.get(run["job"])
            # What ended more than a week ago is not kept.
            state = {"kind": "forgotten"} if job is None else job["state"]
            told = state.get("error") or ("" if job is None else scheduler.reason_to_wait(job))
            runs.append({"due": run["time"], "state": state["kind"], "note": self._masked(told)})
        return {
            "name": cron["name"],
            "function": cron["function"].removesuffix(":default"),
            "arguments": cut_text(write_arguments(cron["args"]), ARGUMENTS_MAX),
            "recurs": scheduler.crons.recurrence_of(cron),
            "next": cron["nextTime"],
            "runs": int(cron["runs"]),
            "skipped": int(cron["skipped"]),
            "history": runs,
        }

    def _masked(self, text: str) -> str:
        return cut_text(self._backend.runner.environment.masked(text), NOTE_MAX)

    # -- doing -------------------------------------------------------------------------------------------------------

    def act(self, action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """`cancel` the job `id`, `cancelAll` that wait, `pause`, `resume`, `removeCron` by its `name`.

        Raises:  CallerError for what is no job, no cron, or makes no sense.
        """
        does = self._actions.get(action)
        if does is None:
            refuse_action(self.title, action, tuple(self._actions))
        return does(arguments)

    def _cancel(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        job = required_text_in(arguments, "id", "which job is to be canceled?")
        told = self._backend.scheduler.cancel(job)
        return {"said": told.removeprefix("[INFO] ") or "Canceled."}

    def _cancel_all(self, _arguments: Mapping[str, Any]) -> dict[str, Any]:
        waiting = [each["_id"] for each in self._backend.scheduler.documents("pending")]
        for job in waiting:
            self._backend.scheduler.cancel(job)
        return {"said": f"Canceled: {len(waiting):,} that waited."}

    def _pause(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        reason = text_in(arguments, "reason").strip() or "in the dashboard"
        self._backend.scheduler.pause(reason)
        return {"said": "Paused: jobs, crons and calls from the network wait."}

    def _resume(self, _arguments: Mapping[str, Any]) -> dict[str, Any]:
        self._backend.scheduler.resume()
        return {"said": "Resumed."}

    def _remove_cron(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        name = required_text_in(arguments, "name", "which cron is to go?")
        crons = self._backend.scheduler.crons
        if name not in {each["name"] for each in crons.documents()}:
            raise CallerError(f"there is no cron {name!r:.80}.")
        crons.remove(name)
        return {"said": f"The cron {name} is gone; its cell defines it again."}
