"""Under which names this server may be asked for.

Owns:  `is_allowed_host`, `implied_hosts`, `HOST_NOT_ALLOWED`.
Must not know: what is asked for.
Why: a page of evil.example can have its own name resolve to 127.0.0.1 and then talk to us as to its own server, past
every rule of the browser (DNS rebinding). Its requests carry the name in `Host`, which a page cannot forge. They are
requests of that page to its own origin, so any other header may be forged: X-Forwarded-Host and its like prove
nothing, and are not looked at. What no attacker can own is accepted: localhost, *.localhost and numeric addresses.
Every other name must have been allowed, by the user or by the environment.
Where a Jupyter hub, Binder, Colab or Codespaces hands requests on, the name is that of the proxy. The machine is then
not the one with the browser, so a name that resolves to 127.0.0.1 leads to the visitor's own machine and not here: if
the environment does not tell the proxy's name, any name is accepted there.
Threads: pure.
Source: jupyter-facts 6.1, 6.2.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from nbconvex.errors import RequestRefusedError

#: Any name at all.
ANY: Final = "*"


def is_allowed_host(header: str | None, allowed: Iterable[str]) -> bool:
    """Whether a request with this `Host` header may be answered.

    Shapes:  `allowed` holds names, `*.example.org` for everything below one, and `*` for all. No header is allowed:
    browsers always send one.
    """
    if header is None:
        return True
    name = host_name(header)
    if name is None:
        return ANY in allowed
    if name == "localhost" or name.endswith(".localhost") or _is_address(name):
        return True
    return any(_matches(name, each.lower().rstrip(".")) for each in allowed)


def require_allowed_host(header: str | None, allowed: Iterable[str]) -> None:
    """Let a request pass.

    Raises:  RequestRefusedError.
    """
    if not is_allowed_host(header, allowed):
        raise RequestRefusedError(
            403, "HostNotAllowed",
            f"This server does not answer to the name {header!r}, in case a foreign page has it point here (DNS "
            "rebinding). If it is yours, allow it: nbconvex.serve(backend, allowed_hosts=[...]), in a notebook "
            "%config NbConvex.allowed_hosts = '...' before the server starts, or NBCONVEX_ALLOWED_HOSTS.",
        )  # fmt: skip


def implied_hosts(environment: Mapping[str, str], *, bound_to: str = "", machine: str = "") -> tuple[str, ...]:
    """Names that need no permission: those of a proxy that the environment tells of, and the machine's own name where
    the server is bound to more than loopback.
    """
    found = []
    if environment.get("JUPYTERHUB_SERVICE_PREFIX") or environment.get("BINDER_LAUNCH_HOST"):
        public = urlsplit(environment.get("JUPYTERHUB_PUBLIC_URL", "")).hostname
        found.append(public or ANY)
    if environment.get("COLAB_RELEASE_TAG"):
        found.append(ANY)
    name, domain = environment.get("CODESPACE_NAME"), environment.get("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN")
    if name and domain:
        found.append(f"*.{domain}")
    if bound_to not in {"", "localhost", "127.0.0.1", "::1"}:
        found += [each for each in (machine, bound_to) if each and not _is_address(each)]
    return tuple(found)


@lru_cache(maxsize=64)
def host_name(header: str) -> str | None:
    """The name in a `Host` header, without port, in lower case; None where there is none."""
    try:
        name = urlsplit(f"//{header.strip()}").hostname
    except ValueError:
        return None
    return name.rstrip(".") if name else None


@lru_cache(maxsize=64)
def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def _matches(name: str, pattern: str) -> bool:
    if pattern == ANY:
        return True
    return name.endswith(pattern[1:]) if pattern.startswith("*.") else name == pattern
