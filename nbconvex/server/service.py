"""What the parts of one server share.

Owns:  `Service`: the backend, its calls, where it is reachable, how many sockets are open.
Must not know: HTTP, the sync protocol.
Threads: the server's event loop, except where a part says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nbconvex.server.calls import Calls
from nbconvex.server.past import Past

if TYPE_CHECKING:
    from nbconvex.backend import Backend
    from nbconvex.limits import Limits


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
    past: Past = field(init=False)

    def __post_init__(self) -> None:
        self.calls = Calls(self.backend)
        self.past = Past(self.backend)

    @property
    def limits(self) -> Limits:
        """The backend's limits."""
        return self.backend.limits

    @property
    def instance_name(self) -> str:
        """What to call this deployment: the store's file name without its end."""
        name = self.backend.name.replace("\\", "/").rpartition("/")[2]
        return name.removesuffix(".duckdb") or "nbconvex"
