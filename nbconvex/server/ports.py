"""The two ports of a server.

Owns:  `bind_pair`.
Must not know: what is served.
Invariant: both sockets listen when it returns, so that a busy port is an error where the server is asked for, and a
client that comes before the loop runs waits in line.
Threads: the caller's.
"""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass

from nbconvex.errors import CallerError

#: How many pairs of ports are tried.
PAIRS_MAX = 50
_BACKLOG = 2_048


@dataclass(frozen=True, slots=True)
class Pair:
    """The listening sockets of the API address and of the site address."""

    api: socket.socket
    site: socket.socket

    @property
    def port(self) -> int:
        """The port of the API address."""
        return int(self.api.getsockname()[1])

    @property
    def site_port(self) -> int:
        """The port of the site address."""
        return int(self.site.getsockname()[1])


def bind_pair(host: str, port: int, site_port: int | None = None) -> Pair:
    """Two listening sockets: on `port` and the next one, or on the first pair above that is free.

    Shapes:  port 0 stands for any two free ports.
    Raises:  CallerError if none is free, or if this machine has no such address.
    """
    if not 0 <= port <= 65_535 or not 0 <= (site_port or 0) <= 65_535:
        raise CallerError(f"a port is a number from 0 to 65535, not {port}.", hint="port=3210")
    if port and site_port == port:
        raise CallerError(
            f"the API address and the site address have a port each, got {port} for both.",
            hint=f"port={port}, site_port={port + 1}",
        )
    family, address = _resolved(host)
    if site_port is None:
        site_port = port + 1 if port else 0
    for step in range(0, 2 * PAIRS_MAX, 2):
        wanted = port + step if port else 0, site_port + step if site_port else 0
        if max(wanted) > 65_535:
            break
        pair = _try(family, address, *wanted)
        if pair is not None:
            return pair
    raise CallerError(
        f"no two ports are free on {host} from {port} on: {PAIRS_MAX} pairs were tried. Other servers have them.",
        hint="port=0, for any two that are free",
    )


def _resolved(host: str) -> tuple[socket.AddressFamily, str]:
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise CallerError(f"host {host!r} is no address of this machine: {error}.", hint='host="127.0.0.1"') from None
    # localhost is mostly both: clients of the older kind are surer to arrive.
    found.sort(key=lambda each: each[0] != socket.AF_INET)
    return found[0][0], str(found[0][4][0])


def _try(family: socket.AddressFamily, address: str, port: int, site_port: int) -> Pair | None:
    api = _listening(family, address, port)
    if api is None:
        return None
    try:
        site = _listening(family, address, site_port)
    except CallerError:
        api.close()
        raise
    if site is None:
        api.close()
        return None
    return Pair(api, site)


def _listening(family: socket.AddressFamily, address: str, port: int) -> socket.socket | None:
    """A listening socket; None if the port is busy."""
    # With its protocol named: asyncio sends small answers at once only where it can see that this is TCP.
    # Source: jupyter-facts 1.3: 2.5 ms instead of 44.
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            # A server may come back to a port whose last connections are still being put away. On Windows the same
            # word would let two servers share a port.
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((address, port))
        found.listen(_BACKLOG)
        found.setblocking(False)
    except OSError as error:
        found.close()
        if error.errno in {errno.EADDRINUSE, errno.EACCES} and port > 1_023:
            # On Windows a port that somebody else holds alone is a matter of access.
            return None
        if error.errno == errno.EADDRINUSE:
            return None
        raise CallerError(f"{address} port {port} cannot be opened: {error.strerror}.", hint="port=3210") from None
    return found
