"""What is wrong with an endpoint, from what it answered.

Owns:  `Finding`; the checks of CORS and of plain HTTP, each with what was expected, found, and the cure.
Must not know: how the endpoint was asked.
Threads: pure.
Source: Fetch standard 3.3 (CORS protocol); semantics 15.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from nbconvex.functions.http_cors import ANY


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: whether all is well, and otherwise what would be, what is, and what cures it.

    Fields:  `was_tried` is False where trying it might have changed something; that is no fault.
    """

    check: str
    is_fine: bool
    found: str
    expected: str = ""
    cure: str = ""
    was_tried: bool = True

    @property
    def sentence(self) -> str:
        """The check in a line."""
        if self.is_fine:
            return f"{self.check}: {self.found}"
        return f"{self.check}: expected {self.expected}, found {self.found}. {self.cure}".rstrip()


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back: names of headers in lower case, the beginning of the body."""

    status: int
    headers: Mapping[str, str]
    text: str = ""


def _listed(answer: Answered, name: str) -> list[str]:
    return [each.strip().lower() for each in answer.headers.get(name, "").split(",") if each.strip()]


_NO_CORS = "Leave --no-cors out of the %%http line, or send CORS_HEADERS on every answer and define an OPTIONS route."


def preflight_findings(answer: Answered, *, origin: str, method: str, headers: Sequence[str]) -> list[Finding]:
    """What a browser makes of the answer to its preflight."""
    found = [
        Finding(
            "preflight", 200 <= answer.status < 300, f"status {answer.status}", "a status from 200 to 299",
            _NO_CORS if answer.status in {404, 405} else "The browser stops here.",
        ),
    ]  # fmt: skip
    if not found[0].is_fine:
        # Whatever else it says, the browser goes no further.
        return found
    found.append(_origin_finding("preflight", answer, origin))
    methods = _listed(answer, "access-control-allow-methods")
    # A star counts here, because the request brings no credentials.
    is_allowed = method.lower() in methods or ANY in methods or method in {"GET", "HEAD", "POST"}
    found.append(
        Finding(
            "preflight: method", is_allowed, f"Access-Control-Allow-Methods: {', '.join(methods).upper() or 'nothing'}",
            f"{method} in it", f"Define %%http {method} for this path.",
        )
    )  # fmt: skip
    allowed = _listed(answer, "access-control-allow-headers")
    for name in headers:
        # The star does not stand for Authorization. Source: Fetch standard 4.8.
        is_allowed = name.lower() in allowed or (ANY in allowed and name.lower() != "authorization")
        found.append(
            Finding(
                f"preflight: header {name}", is_allowed, "allowed" if is_allowed else
                f"Access-Control-Allow-Headers: {', '.join(allowed) or 'nothing'}", f"{name} in it",
                f"Add {name} to --headers, or leave --headers out, which allows all.",
            )
        )  # fmt: skip
    return found


def answer_findings(answer: Answered, *, origin: str, what: str = "answer") -> list[Finding]:
    """What a browser makes of an answer itself."""
    found = [_origin_finding(what, answer, origin)]
    allowed = answer.headers.get("access-control-allow-origin", "")
    if allowed not in {"", ANY}:
        found.append(
            Finding(
                f"{what}: Vary", "origin" in _listed(answer, "vary"), f"Vary: {answer.headers.get('vary', 'nothing')}",
                "Origin in it, because the answer depends on the origin",
                "Without it a cache gives one page's answer to another. Add Vary: Origin.",
            )
        )  # fmt: skip
    if allowed == ANY and answer.headers.get("access-control-allow-credentials", "").lower() == "true":
        found.append(
            Finding(
                f"{what}: credentials", False, "Access-Control-Allow-Origin: * with Access-Control-Allow-Credentials",
                "one origin by name", "Browsers refuse the two together: name the origin, or drop the credentials.",
            )
        )  # fmt: skip
    return found


def _origin_finding(what: str, answer: Answered, origin: str) -> Finding:
    allowed = answer.headers.get("access-control-allow-origin", "")
    if "," in allowed:
        cure = "The header was sent twice: once is enough, by the handler or by %%http."
    elif not allowed:
        cure = f"{_NO_CORS} With --origins, add {origin} to it."
    elif allowed.rstrip("/") == origin:
        cure = "An origin ends without a slash."
    else:
        cure = f"Another origin is allowed. Add {origin} to --origins."
    return Finding(
        f"{what}: origin", allowed in {ANY, origin}, f"Access-Control-Allow-Origin: {allowed or 'nothing'}",
        f"{origin} or *", cure,
    )  # fmt: skip


def url_findings(url: str) -> list[Finding]:
    """What can be said of a URL before anybody is asked."""
    parts = urlsplit(url)
    is_url = parts.scheme in {"http", "https"} and bool(parts.hostname)
    found = [
        Finding("url", is_url, url, "http:// or https://, a host, a path", "Copy it from the card of the %%http cell.")
    ]
    if is_url and parts.hostname is not None and parts.hostname.endswith(".convex.cloud"):
        right = url.replace(".convex.cloud", ".convex.site")
        found.append(
            Finding("address", False, ".convex.cloud, the API address", ".convex.site", f"Endpoints are at {right}.")
        )
    return found


def status_findings(answer: Answered, *, method: str) -> list[Finding]:
    """What the status of an answer says about the endpoint."""
    words = {
        401: "Send Authorization: Bearer TOKEN; the body says what is wrong with the one that was sent.",
        403: "The body says what is not allowed: a host name, or a page's origin.",
        404: "The body lists the endpoints that there are; at the API address it names the right URL.",
        405: f"This path has {answer.headers.get('allow', 'other methods')}. Define %%http {method} for it.",
        413: "The body is too long: http_request_bytes says how long it may be.",
        500: "The handler failed: %convex logs --errors shows where.",
        503: "Too many calls at once, or the server is stopping.",
    }
    beginning = answer.text.strip().splitlines()[0][:160] if answer.text.strip() else ""
    told = f"status {answer.status}" + (f", {beginning}" if beginning and answer.status >= 400 else "")
    return [Finding("answer", answer.status < 400, told, "a status below 400", words.get(answer.status, ""))]
