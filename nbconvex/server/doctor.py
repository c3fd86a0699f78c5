"""Asking an endpoint as a browser would, or as curl would, to see what is wrong.

Owns:  the requests; `examine_cors`, `examine_http`.
Must not know: what the answers mean.
Limits:  a request takes `TIME_S` at most, and reads `READ_BYTES` of an answer.
Threads: the caller's; it waits.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from nbconvex.server.doctor_checks import (
    Answered,
    Finding,
    answer_findings,
    preflight_findings,
    status_findings,
    url_findings,
)

TIME_S: Final = 10.0
READ_BYTES: Final = 64 * 1024
#: What a page that sends JSON and is signed in sends.
_SENT: Final = ("Content-Type", "Authorization")
#: Methods that change nothing, so that trying them is harmless.
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def examine_cors(url: str, *, origin: str, method: str = "GET") -> list[Finding]:
    """Whether a page of `origin` may send a request with JSON and a token to `url`, and read the answers.

    A method that may change something is not tried: what its answers would be told is seen from the preflight, and
    from the answer to a path that does not exist.
    """
    found = url_findings(url)
    if not all(each.is_fine for each in found):
        return found
    asks = {
        "Origin": origin, "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": ", ".join(each.lower() for each in _SENT),
    }  # fmt: skip
    answer = _asked("OPTIONS", url, asks)
    if isinstance(answer, Finding):
        return [*found, answer]
    found += preflight_findings(answer, origin=origin, method=method, headers=_SENT)
    if method not in _SAFE:
        found.append(Finding("answer", True, f"not tried, because {method} may change something", was_tried=False))
        return found
    answer = _asked(method, url, {"Origin": origin})
    if isinstance(answer, Finding):
        return [*found, answer]
    return found + answer_findings(answer, origin=origin) + status_findings(answer, method=method)


def examine_http(url: str, *, method: str = "GET") -> list[Finding]:
    """Whether an endpoint answers at `url`."""
    found = url_findings(url)
    if not all(each.is_fine for each in found):
        return found
    if method not in _SAFE:
        answer = _asked("OPTIONS", url, {})
        if isinstance(answer, Finding):
            return [*found, answer]
        allowed = answer.headers.get("allow", "")
        is_there = method in [each.strip() for each in allowed.split(",")]
        return [
            *found,
            Finding(
                "route", is_there, f"{allowed or f'status {answer.status}'}, not tried: {method} may change something"
                if is_there else allowed or f"status {answer.status}", f"{method} at this path",
                f"Define %%http {method} for it; %convex routes lists what there is.",
            ),
        ]  # fmt: skip
    answer = _asked(method, url, {})
    return [*found, *([answer] if isinstance(answer, Finding) else status_findings(answer, method=method))]


def _asked(method: str, url: str, headers: Mapping[str, str]) -> Answered | Finding:
    """What came back, or why nothing did."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    assert parts.hostname is not None, url
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=TIME_S)
    try:
        connection.request(method, target, headers=dict(headers))
        response = connection.getresponse()
        text = response.read(READ_BYTES).decode("utf-8", "replace")
        names = {name.lower() for name, _ in response.getheaders()}
        return Answered(response.status, {name: ", ".join(response.headers.get_all(name, [])) for name in names}, text)
    except ConnectionRefusedError:
        return Finding(
            "connection", False, "nobody listens there", "a server",
            "Start it with %convex serve; %convex url shows the addresses.",
        )  # fmt: skip
    except ssl.SSLError as error:
        return Finding("connection", False, f"{error.reason or error}", "TLS", "Is it http:// instead of https://?")
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Finding("connection", False, f"{type(error).__name__}: {error}", "an answer", "Is the host right?")
    finally:
        connection.close()
