"""Verifying tokens without holding the event loop up.

Owns:  `Verification`: the threads in which tokens are verified.
Must not know: headers, messages; how a token is verified.
Invariant: an issuer that does not answer holds up those who come with a token, and nobody else: calls have other
threads.
Threads: the server's event loop; tokens are verified in `Workers`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from nbconvex.server.workers import Workers

if TYPE_CHECKING:
    from nbconvex.backend import Backend
    from nbconvex.services.auth.verifier import Verified

#: Checking a signature is short; the others are for issuers that let us wait.
THREADS_MAX: Final = 8


class Verification:
    """What one server checks callers with."""

    def __init__(self, backend: Backend) -> None:
        self._auth = backend.auth
        limits = backend.limits
        self._workers = Workers(
            "nbconvex-token", threads_max=THREADS_MAX, in_flight_max=limits.calls_in_flight, wait_s=limits.call_wait_s
        )

    def admin_key(self) -> str:
        """The key that makes an admin."""
        return self._auth.admin_key

    async def verified(self, token: str) -> Verified:
        """Whom a token means.

        Raises:  UnauthenticatedError; OverloadedError, at once or after call_wait_s.
        """
        return await self._workers.run(partial(self._auth.verify, token))

    def stop(self) -> None:
        """Verify nothing more."""
        self._workers.stop(0.0)
