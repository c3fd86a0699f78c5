"""What the parts of one server share.

Owns:  `Service`: the backend, its calls, where it is reachable, how many sockets are open.
Must not know: HTTP, the sync protocol.
Threads: the server's event loop, except where a part says otherwise.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from nbconvex.errors import NbconvexError
from nbconvex.functions.answered_requests import forget_old
from nbconvex.server.calls import Calls
from nbconvex.server.inbox import Inbox
from nbconvex.server.past import Past
from nbconvex.server.verification import Verification
from nbconvex.server.wire_results import Results

if TYPE_CHECKING:
    from nbconvex.backend import Backend
    from nbconvex.limits import Limits
    from nbconvex.server.connection import Connection


#: Mutations with a key after which old answers are looked for; the first one of a server counts too.
_ANSWERS_BETWEEN: Final = 1_000


@dataclass(eq=False)
class Service:
    """One server's parts and settings.

    Shapes:  `url` and `site_url` are the addresses on this machine; `allowed_hosts` as in `hosts.is_allowed_host`.
    """

    backend: Backend
    port: int
    site_port: int
    url: str
    site_url: str
    allowed_hosts: tuple[str, ...] = ()
    #: WebSockets that are open.
    sockets: int = 0
    #: Whether the server has been told to stop: what waits for nothing in particular should end.
    is_stopping: bool = False
    calls: Calls = field(init=False)
    proofs: Verification = field(init=False)
    past: Past = field(init=False)
    results: Results = field(init=False)
    #: Clients of the sync protocol.
    connections: set[Connection] = field(init=False, default_factory=set)
    _inbox: Inbox | None = field(init=False, default=None)
    _answers: int = field(init=False, default=0)
    _forgetting: asyncio.Task[None] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.calls = Calls(self.backend)
        self.proofs = Verification(self.backend)
        self.past = Past(self.backend)
        self.results = Results(production=self.backend.production)

    @property
    def limits(self) -> Limits:
        """The backend's limits."""
        return self.backend.limits

    @property
    def instance_name(self) -> str:
        """What to call this deployment: the store's file name without its end."""
        name = self.backend.name.replace("\\", "/").rpartition("/")[2]
        return name.removesuffix(".duckdb") or "nbconvex"

    def look_after_connections(self) -> None:
        """Keep clients alive that have nothing to hear. Called every second."""
        for connection in tuple(self.connections):
            connection.look_after()

    @property
    def inbox(self) -> Inbox:
        """What other threads post to the loop that this is first asked for in."""
        if self._inbox is None:
            self._inbox = Inbox(asyncio.get_running_loop())
        return self._inbox

    def count_answer(self) -> None:
        """A mutation was answered that its client may send again: now and then, old answers are forgotten."""
        if self._answers % _ANSWERS_BETWEEN == 0 and (self._forgetting is None or self._forgetting.done()):
            self._forgetting = asyncio.create_task(self._forget_answers())
        self._answers += 1

    async def _forget_answers(self) -> None:
        try:
            while await self.calls.offload(lambda: forget_old(self.backend.database)):
                pass
        except NbconvexError:
            # Overload, or a conflict with another server of this store: there will be another time.
            return
