"""Verifying tokens off the loop: nbconvex.server.verification."""

from __future__ import annotations

import asyncio
import threading

import pytest

from nbconvex.backend import Backend
from nbconvex.clock import ManualClock
from nbconvex.errors import OverloadedError, UnauthenticatedError
from nbconvex.limits import Limits
from nbconvex.server.verification import Verification
from tests.services.auth.issuers import custom, token


def test_tokens_are_verified_in_other_threads() -> None:
    with Backend.open(clock=ManualClock(), auth=[custom()]) as backend:
        proofs = Verification(backend)
        threads = []
        verify = backend.auth.verify
        backend.auth.verify = lambda text: (threads.append(threading.current_thread()), verify(text))[1]

        async def ask():
            assert (await proofs.verified(token())).identity.subject == "ada"
            with pytest.raises(UnauthenticatedError):
                await proofs.verified("x")

        asyncio.run(ask())
        assert threads[0].name.startswith("nbconvex-token")
        assert proofs.admin_key() == backend.admin_key
        proofs.stop()
        with pytest.raises(OverloadedError):
            asyncio.run(ask())


def test_too_many_at_once_are_refused_at_once() -> None:
    with Backend.open(limits=Limits(calls_in_flight=2)) as backend:
        proofs = Verification(backend)
        release = threading.Event()
        backend.auth.verify = lambda _: release.wait(10)

        async def ask():
            waiting = [asyncio.ensure_future(proofs.verified("x")) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(OverloadedError, match="limit calls_in_flight"):
                await proofs.verified("x")
            release.set()
            await asyncio.gather(*waiting)

        asyncio.run(ask())
        proofs.stop()
