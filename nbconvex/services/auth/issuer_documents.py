"""JSON documents that issuers publish: discovery, key sets.

Owns:  `fetch_document`: what is asked of an issuer, and what of its answer is believed to be one.
Must not know: what stands in a document.
Invariants: a redirection stays on the host that was asked. An answer is read up to a size and within a time, and must
say that it is JSON. Nothing of ours is sent along.
Threads: any; it blocks, for the stated time at most and as long again for a host that trickles.
"""

from __future__ import annotations

import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from typing import IO, Any, Final
from urllib.parse import urlsplit

from nbconvex.services.auth.providers import is_loopback

#: What a discovery document is, and what a key set may be. Source: wire-protocol 4.4.
JSON: Final = ("application/json",)
KEY_SET: Final = ("application/json", "application/jwk-set+json")
_CHUNK: Final = 64 * 1024
_monotonic_s = time.monotonic


class NoDocumentError(Exception):
    """There is no document at an address; the sentence says why."""


class _SameHost(urllib.request.HTTPRedirectHandler):
    max_redirections = 3

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        here, there = urlsplit(req.full_url), urlsplit(newurl)
        if (here.scheme, here.netloc) != (there.scheme, there.netloc):
            fp.close()
            raise NoDocumentError(
                f"it redirects to another host, {there.scheme}://{there.hostname}, which is not followed"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch_document(url: str, kinds: tuple[str, ...], *, bytes_max: int, time_s: float) -> Any:
    """The JSON document at `url`.

    Shapes:  `kinds` are the content types that will do.
    Raises:  NoDocumentError.
    """
    until_s = _monotonic_s() + time_s
    handlers: list[urllib.request.BaseHandler] = [_SameHost()]
    if is_loopback(urlsplit(url).hostname):
        # This machine is not behind its own proxy.
        handlers.append(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, headers={"Accept": ", ".join(kinds), "User-Agent": "nbconvex"})  # noqa: S310 - providers have checked the scheme
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=time_s) as answer:
            kind = answer.headers.get_content_type()
            if kind not in kinds:
                raise NoDocumentError(f"its content type is {kind}, not {' or '.join(kinds)}")
            body = _body(answer, bytes_max, until_s, time_s)
    except urllib.error.HTTPError as error:
        error.close()
        raise NoDocumentError(f"it answers with status {error.code}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NoDocumentError(_reason(error, time_s)) from None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise NoDocumentError("what it answers is not JSON") from None


def _body(answer: Any, bytes_max: int, until_s: float, time_s: float) -> bytes:
    body = bytearray()
    while chunk := answer.read1(_CHUNK):
        body += chunk
        if len(body) > bytes_max:
            raise NoDocumentError(f"its answer is too long (limit issuer_document_bytes: {bytes_max:,})")
        if _monotonic_s() > until_s:
            raise NoDocumentError(f"its answer takes too long (limit issuer_time_s: {time_s})")
    return bytes(body)


def _reason(error: Exception, time_s: float) -> str:
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        return f"it does not answer in time (limit issuer_time_s: {time_s})"
    if isinstance(cause, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({cause.verify_message})"
    return f"it cannot be reached ({type(cause).__name__}: {cause})"
