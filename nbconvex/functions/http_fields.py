"""Named texts of an HTTP message, of which several may have one name: headers, query parameters.

Owns:  `Fields`; the rules for names and values of headers that may be sent.
Must not know: requests, responses.
Invariant: no header that passes can end its own line or begin another one (response splitting).
Threads: a value that may be shared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from nbconvex.errors import CallerError

Pairs = tuple[tuple[str, str], ...]

_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
#: What frames a message is the server's to say. Source: RFC 9110 7.6.1, RFC 9112 6.
_SERVERS_OWN: Final = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)


class Fields(Mapping[str, str]):
    """Texts by name, read-only. With `is_folded` names are the same whatever their case, as those of headers are.

    One name stands for its first text; `get_all` has all of them.
    """

    __slots__ = ("_first", "_is_folded", "_joins", "pairs")

    def __init__(self, pairs: Iterable[tuple[str, str]], *, is_folded: bool = False, joins: bool = False) -> None:
        self.pairs: Pairs = tuple(pairs)
        self._is_folded = is_folded
        self._joins = joins
        self._first: dict[str, str] = {}
        for name, text in self.pairs:
            key = self._key(name)
            if key not in self._first:
                self._first[key] = text
            elif joins:
                # Several lines of one header mean one list. Source: RFC 9110 5.3.
                self._first[key] += f"{'; ' if key == 'cookie' else ', '}{text}"

    def _key(self, name: str) -> str:
        return name.lower() if self._is_folded else name

    def __getitem__(self, name: str) -> str:
        return self._first[self._key(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._first)

    def __len__(self) -> int:
        return len(self._first)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._key(name) in self._first

    def get_all(self, name: str) -> list[str]:
        """Every text of one name, in order."""
        key = self._key(name)
        return [text for each, text in self.pairs if self._key(each) == key]

    def __repr__(self) -> str:
        return f"{dict(self._first)!r}"


def sendable_headers(headers: Mapping[str, str] | Iterable[tuple[str, str]] | None) -> Pairs:
    """Headers as they are sent, of a mapping or of pairs.

    Raises:  CallerError for what is no header, or is the server's own.
    """
    if headers is None:
        return ()
    pairs = headers.pairs if isinstance(headers, Fields) else headers
    if isinstance(pairs, Mapping):
        pairs = pairs.items()
    found = []
    try:
        found = [(name, text) for name, text in pairs]
    except (TypeError, ValueError):
        raise CallerError(
            f"headers are a dict of texts, or pairs of texts, got {type(headers).__name__}.",
            hint='Response("hi", headers={"X-Answer": "42"})',
        ) from None
    return tuple((_name(name), _text(name, text)) for name, text in found if str(name).lower() != "content-length")


def _name(name: object) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise CallerError(f"{name!r:.80} is no name of a header: letters, digits and - only.", hint='"X-Answer"')
    if name.lower() in _SERVERS_OWN:
        raise CallerError(f"the header {name} is the server's to send: leave it out.")
    return name


def _text(name: object, text: object) -> str:
    text = str(text) if isinstance(text, (str, int)) and not isinstance(text, bool) else text
    if not isinstance(text, str):
        raise CallerError(f"the header {name} must be a text, got {type(text).__name__}.")
    if _CONTROL.search(text):
        raise CallerError(f"the header {name} has a line end or another control character in it: {text!r:.80}.")
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        raise CallerError(
            f"the header {name} has characters that a header cannot hold: {text!r:.80}.",
            hint="urllib.parse.quote(text), or say it in the body",
        ) from None
    return text.strip()
