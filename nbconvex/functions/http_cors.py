"""Which pages may use an endpoint from a browser (CORS), as its author says it.

Owns:  `Cors`, its rules, saying it in words; `CORS_HEADERS`.
Must not know: requests, headers of answers.
Invariant: credentials are never offered to every origin: browsers refuse that, and so do we, where it is written.
Threads: a value that may be shared.
Source: semantics 9, 15.1; Fetch standard 3.3 (CORS protocol).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from nbconvex.errors import CallerError
from nbconvex.functions.http_fields import sendable_headers

#: The headers that an answer needs where CORS is done by hand. `%%http` does it without them.
CORS_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "POST, OPTIONS, GET, PUT, DELETE, PATCH",
        "Access-Control-Allow-Headers": "Content-Type, Authorization",
        "Vary": "Origin",
    }
)
ANY: Final = "*"
#: How long a browser need not ask again, in seconds. Source: semantics 9 (corsRouter).
MAX_AGE_S: Final = 86_400
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^\s/@\\?#:*\[\]]+|\[[0-9a-f:.]+\])(?::\d{1,5})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Cors:
    """What a browser is told about one endpoint.

    Shapes:  `origins` None stands for what the backend says (any, by default); `headers` None allows whichever a page
    wants to send; with `is_enforced` a page of another origin is refused, not only kept from reading.
    Units:  `max_age` in seconds.
    """

    origins: tuple[str, ...] | None = None
    headers: tuple[str, ...] | None = None
    credentials: bool = False
    max_age: int = MAX_AGE_S
    is_enforced: bool = False

    def allows(self, origin: str, default: tuple[str, ...]) -> bool:
        """Whether a page of `origin` may read answers; `default` are the backend's origins."""
        origins = self.allowed(default)
        return ANY in origins or origin in origins

    def allowed(self, default: tuple[str, ...]) -> tuple[str, ...]:
        """The origins that may, where the backend's are `default`."""
        return default if self.origins is None else self.origins


def cors(
    origins: str | Iterable[str] | None = None,
    *,
    headers: str | Iterable[str] | None = None,
    credentials: bool = False,
    max_age: Any = MAX_AGE_S,
    enforce: bool = False,
    default: tuple[str, ...] = (ANY,),
) -> Cors:
    """Options as an author writes them, checked.

    Raises:  CallerError.
    """
    found = None if origins is None else origins_of(origins)
    if credentials and ANY in (default if found is None else found):
        raise CallerError(
            "credentials (cookies, client certificates) cannot be allowed to every origin: browsers refuse that. "
            "Name the origins. A token in the header Authorization needs no credentials.",
            hint="--origins https://app.example.org --credentials",
        )
    if isinstance(max_age, bool) or not isinstance(max_age, int) or max_age < 0:
        raise CallerError(f"max_age is a number of seconds, not {max_age!r:.40}.", hint="max_age=600")
    names = None if headers is None else tuple(_words(headers))
    if names == (ANY,):
        # A star does not stand for Authorization there, and nobody expects that. None allows what is asked for.
        names = None
    for name in names or ():
        sendable_headers({name: ""})
    return Cors(found, names, credentials, max_age, enforce)


def cors_words(cors: Cors | None, default: tuple[str, ...]) -> str:
    """Which pages may use an endpoint, in words."""
    if cors is None:
        return "off"
    origins = cors.allowed(default)
    words = "any page" if "*" in origins else ", ".join(origins)
    return f"{words}{' with cookies' if cors.credentials else ''}{' or else 403' if cors.is_enforced else ''}"


def origins_of(given: str | Iterable[str]) -> tuple[str, ...]:
    """Origins, from a list of them or a text with commas or blanks between them.

    Raises:  CallerError for what is no origin.
    """
    found = tuple(dict.fromkeys(_words(given)))
    for each in found:
        if each != ANY and not _ORIGIN.fullmatch(each):
            cure = _ORIGIN.match(each)
            raise CallerError(
                f"{each!r:.80} is no origin: an origin is the scheme, host and port of a page, and nothing behind it.",
                hint=f'"{cure[0] if cure else "https://app.example.org"}"',
            )
    return tuple(each.lower() for each in found)


def _words(given: str | Iterable[str]) -> Iterable[str]:
    return given.replace(",", " ").split() if isinstance(given, str) else given
