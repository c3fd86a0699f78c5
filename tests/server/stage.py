"""A server to be mistreated, and somebody on it whom that must not concern."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nbconvex.backend import Backend
from nbconvex.errors import ConvexError
from nbconvex.limits import Limits
from nbconvex.server.serve import Server, serve
from tests.server.sync_client import SyncClient, sync_client

#: How soon a well-behaved client is served, whatever others do: a second, and one for a machine with other work.
SERVED_S = 2.0
#: How soon nothing is left of a client that has gone.
FORGOTTEN_S = 5.0
#: The task of a server that nobody is connected to.
_TASKS_AT_REST = 1


class Errors(logging.Handler):
    """What the package and asyncio have logged as errors."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


class Stage:
    """One backend, its server, and a well-behaved client."""

    def __init__(self, backend: Backend, server: Server, good: SyncClient, errors: Errors) -> None:
        self.backend = backend
        self.server = server
        self.good = good
        self._errors = errors
        self._known_problems: set[int] = set()
        self._number = 0
        self._requests = 0

    def serves(self, within_s: float = SERVED_S) -> float:
        """Whether the well-behaved client is served within a bound: seconds from its mutation to its subscription."""
        self._number += 1
        began = time.monotonic()
        self.good.mutate(self._requests, "good:set", {"number": self._number})
        self._requests += 1
        is_answered = is_told = False
        while not (is_answered and is_told):
            heard = self.good.hear(max(0.01, began + within_s - time.monotonic()))
            if heard["type"] == "MutationResponse":
                assert heard["success"], heard
                is_answered = True
            elif heard["type"] == "Transition":
                is_told = is_told or any(each["value"] == self._number for each in heard["modifications"])
            else:
                assert heard["type"] == "Ping", heard
        took_s = time.monotonic() - began
        assert took_s < within_s
        return took_s

    def problems(self) -> list[str]:
        """What has gone wrong inside the server since this was last asked, as its logs tell."""
        found = [
            each
            for each in self.backend.logs
            if each.error is not None and each.kind == "action" and each.source == "live"
        ]
        new = [each for each in found if each.request not in self._known_problems]
        self._known_problems.update(each.request for each in new)
        texts, self._errors.texts = self._errors.texts, []
        return [f"{each.path[:100]}: {each.error!r}"[:1_000] for each in new] + texts

    def left_behind(self) -> dict[str, int]:
        """What the server still holds that belongs to nobody here; all zero when everybody else has gone."""
        service = self.server.service
        state = self.server._listener.server_state
        return {
            "connections": len(service.connections) - 1,
            "sockets": service.sockets - 1,
            "protocols": len(state.connections) - 1,
            # Of the good client: the application, its reader, its writer.
            "tasks": max(0, len(tasks_of(self.server)) - _TASKS_AT_REST - 3),
            "live queries": len(self.backend.live) - 1,
            "calls": service.calls.in_flight,
        }

    def check_nothing_is_left(self, within_s: float = FORGOTTEN_S) -> None:
        """AssertionError unless everything of those who have gone is gone soon, and nothing went wrong inside."""
        until = time.monotonic() + within_s
        while any((left := self.left_behind()).values()):
            assert time.monotonic() < until, left
            time.sleep(0.002)
        problems = self.problems()
        assert not problems, problems


def tasks_of(server: Server) -> set[asyncio.Task[Any]]:
    """The tasks of a server's loop that have not ended."""
    loop = server._listener._loop
    assert loop is not None
    while True:
        try:
            return asyncio.all_tasks(loop)
        except RuntimeError:  # it changed meanwhile
            continue


def define(backend: Backend) -> None:
    """The functions of a stage: those of the good client, and those that others may call."""

    @backend.mutation(name="good:set")
    def set_number(ctx, number):
        document = ctx.db.query("good").first()
        if document is None:
            ctx.db.insert("good", {"number": number})
        else:
            ctx.db.patch(document["_id"], {"number": number})

    @backend.query(name="good:get")
    def get_number(ctx):
        document = ctx.db.query("good").first()
        return document and document["number"]

    @backend.query(name="m:bodies")
    def bodies(ctx, channel="a"):
        return [each["body"] for each in ctx.db.query("t").order("desc").take(5)]

    @backend.query(name="m:echo")
    def echo(ctx, value=None):
        return value

    @backend.query(name="m:page")
    def page(ctx, cursor=None):
        return ctx.db.query("t").paginate(num_items=2, cursor=cursor)

    @backend.query(name="m:broken")
    def broken(ctx):
        raise ConvexError({"code": 7})

    @backend.query(name="m:who")
    def who(ctx):
        identity = ctx.auth.get_user_identity()
        return identity and identity.subject

    @backend.query(name="m:secret", internal=True)
    def secret(ctx):
        return "secret"

    @backend.mutation(name="m:send")
    def send(ctx, body=None):
        print("sending", body)
        return ctx.db.insert("t", {"body": body})

    @backend.mutation(name="m:fail")
    def fail(ctx):
        raise ZeroDivisionError("no")

    @backend.action(name="m:double")
    async def double(ctx, n=1):
        return n * 2

    @backend.action(name="m:plain")
    def plain(ctx, n=1):
        return n


@contextmanager
def staged(limits: Limits | None = None) -> Iterator[Stage]:
    """A stage whose good client has subscribed. On leaving, nobody else may be left, and no problem.

    Threads that are left fail every test here (tests/conftest.py).
    """
    errors = Errors()
    loggers = [logging.getLogger(name) for name in ("nbconvex", "asyncio")]
    for logger in loggers:
        logger.addHandler(errors)
    try:
        with Backend.open(limits=limits or Limits()) as backend, serve(backend, port=0) as server:
            define(backend)
            with sync_client(server.url) as good:
                good.connect()
                good.add(0, "good:get")
                stage = Stage(backend, server, good, errors)
                stage.serves(10)
                yield stage
                stage.serves()
                stage.check_nothing_is_left()
    finally:
        for logger in loggers:
            logger.removeHandler(errors)
