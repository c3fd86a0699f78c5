"""Addresses, as whoever wants to open them sees them.

Owns:  `Addresses`, `addresses`: where a browser finds this server, by what the environment tells; `other_port_url`:
the other address, as whoever asks for one of them sees it.
Must not know: servers, sockets; where the environment comes from.
Threads: pure.
Source: jupyter-facts 6.1, 6.2, 6.5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

#: What a proxy may say stands before our paths. Anything else is not repeated to anybody.
_PREFIX = re.compile(r"(?:/[A-Za-z0-9_.~%@:+,=-]+)+")
_HOST = re.compile(r"[A-Za-z0-9_.:\[\]-]+")


@dataclass(frozen=True, slots=True)
class Addresses:
    """The API address and the site address; `note` says what else is needed to open them."""

    api: str
    site: str
    note: str = ""


def local_url(host: str, port: int) -> str:
    """The address of a port on this machine."""
    if host in {"", "0.0.0.0"}:  # noqa: S104 - a comparison; nothing is bound here
        host = "127.0.0.1"
    elif host == "::":
        host = "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def addresses(
    environment: Mapping[str, str], *, host: str, port: int, site_port: int, has_proxy: bool = True
) -> Addresses:
    """Where the browser of whoever sits before this notebook finds a server.

    Shapes:  `has_proxy` says whether jupyter-server-proxy seems to be installed. On a hub that does not tell its name
    the addresses are paths.
    """
    prefix = environment.get("JUPYTERHUB_SERVICE_PREFIX", "")
    if prefix:
        return _behind_hub(environment.get("JUPYTERHUB_PUBLIC_URL", ""), prefix, port, site_port, has_proxy=has_proxy)
    name, domain = environment.get("CODESPACE_NAME"), environment.get("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN")
    if name and domain:
        return Addresses(
            f"https://{name}-{port}.{domain}", f"https://{name}-{site_port}.{domain}",
            "For others than you: make both ports public in the Ports view of the codespace.",
        )  # fmt: skip
    if environment.get("COLAB_RELEASE_TAG"):
        return Addresses(
            local_url(host, port), local_url(host, site_port),
            "Inside the Colab machine only. For your own browser: from google.colab import output; "
            f'output.eval_js("google.colab.kernel.proxyPort({port})"). WebSockets do not pass there.',
        )  # fmt: skip
    return Addresses(local_url(host, port), local_url(host, site_port))


def _behind_hub(public: str, prefix: str, port: int, site_port: int, *, has_proxy: bool) -> Addresses:
    base = (public or prefix).rstrip("/")
    notes = []
    if not public:
        notes.append("Put the scheme and host of this page's address before them: https://hub.example.org.")
    notes.append(
        "Requests need to be logged in, or ?token= of this Jupyter server, which opens a shell: give it to nobody."
    )
    if not has_proxy:
        notes.append("The Jupyter server needs the package jupyter-server-proxy, which does not seem to be installed.")
    return Addresses(f"{base}/proxy/{port}", f"{base}/proxy/{site_port}", " ".join(notes))


def forwarded_prefix(header: str | None) -> str:
    """The path that a proxy says stands before ours; nothing where it says something else than a path."""
    text = (header or "").rstrip("/")
    return text if _PREFIX.fullmatch(text) else ""


def other_port_url(
    *, host: str | None, prefix: str, scheme: str | None, port: int, other_port: int, fallback: str
) -> str:
    """The address of our other port, as whoever sent these headers sees it; `fallback` where they do not tell."""
    if not host or not _HOST.fullmatch(host):
        return fallback
    seen = f"{scheme if scheme in {'http', 'https'} else 'http'}://{host}{prefix}"
    # The last number is the port itself, or the proxy's word for it: /proxy/3211, name-3211.example.org.
    head, found, tail = seen.rpartition(str(port))
    return f"{head}{other_port}{tail}" if found else fallback
