"""A token, taken apart and not believed.

Owns:  `Token`, `read_token`; what of a text could be a JWT at all.
Must not know: keys, providers; whether anything in a token is true.
Invariants: what is larger or deeper than the limits is refused before it is parsed. JSON that two readers could
understand differently (a name twice, NaN) is refused.
Threads: pure.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from nbconvex.errors import UnauthenticatedError
from nbconvex.limits import Limits

#: What an error about a token that is none begins with. Source: wire-protocol 4.4.
MALFORMED: Final = (
    "Could not parse JWT payload. Check that the token is a valid JWT format with three base64-encoded parts separated "
    "by dots."
)
NO_ISSUER: Final = "Missing issuer claim ('iss') in JWT payload."

_BASE64: Final = re.compile(r"[A-Za-z0-9_-]+")
_STRINGS: Final = re.compile(r'"(?:[^"\\]|\\.)*+"')
_SHOWN_MAX: Final = 80


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says, all of it unproven."""

    text: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]

    @property
    def issuer(self) -> str | None:
        """The claim `iss`, if it is a text."""
        issuer = self.claims.get("iss")
        return issuer if isinstance(issuer, str) else None

    @property
    def audiences(self) -> tuple[str, ...]:
        """The claim `aud`, one or several; what is no text is none."""
        audience = self.claims.get("aud")
        if isinstance(audience, str):
            return (audience,)
        return tuple(each for each in audience if isinstance(each, str)) if isinstance(audience, list) else ()

    @property
    def algorithm(self) -> Any:
        """The header `alg`."""
        return self.header.get("alg")

    @property
    def kid(self) -> Any:
        """The header `kid`, None where there is none."""
        return self.header.get("kid")


def read_token(text: str, limits: Limits) -> Token:
    """The parts of a token.

    Raises:  UnauthenticatedError that says what is wrong with it.
    """
    text = text.strip()
    if len(text) > limits.token_bytes:
        _refuse(f"It has {len(text):,} characters (limit token_bytes: {limits.token_bytes:,}).")
    if not text:
        _refuse("It is empty.")
    if text[:7].lower() == "bearer ":
        _refuse("It begins with 'Bearer': that belongs into the header once, and not into the token.")
    parts = text.split(".")
    if len(parts) == 5:
        _refuse("It has five parts: it is encrypted (JWE), and a signed one is needed.")
    if len(parts) != 3:
        _refuse(f"It has {_counted(len(parts), 'part')}.")
    header = _object(parts[0], "first part, the header,", limits)
    claims = _object(parts[1], "second part, the claims,", limits)
    if parts[2] and _bytes(parts[2]) is None:
        _refuse("Its third part, the signature, is not base64url.")
    return Token(text, header, claims)


def require_issuer(token: Token) -> str:
    """The issuer that a token names.

    Raises:  UnauthenticatedError.
    """
    issuer = token.issuer
    if issuer is None:
        raise UnauthenticatedError(
            "InvalidAuthHeader", f"{NO_ISSUER} It has the claims {', '.join(map(shown, token.claims)) or 'none'}."
        )
    return issuer


def _object(part: str, what: str, limits: Limits) -> dict[str, Any]:
    data = _bytes(part)
    if data is None:
        _refuse(f"Its {what} is not base64url.")
    try:
        text = data.decode("utf-8")
        if _depth(text) > limits.token_nesting:
            _refuse(f"Its {what} is nested too deep (limit token_nesting: {limits.token_nesting}).")
        tree = json.loads(text, object_pairs_hook=_without_repetition, parse_constant=_no_number)
    except (ValueError, RecursionError):
        _refuse(f"Its {what} is not JSON.")
    if not isinstance(tree, dict):
        _refuse(f"Its {what} is not a JSON object.")
    return tree


def _bytes(part: str) -> bytes | None:
    """Bytes from base64url without padding, as JWTs have it; nothing lax."""
    if not _BASE64.fullmatch(part):
        return None
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        return None


def _depth(text: str) -> int:
    """How deep JSON is nested, without parsing it: a parser may run out of stack."""
    deepest = depth = 0
    for mark in _STRINGS.sub("", text):
        if mark in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in "]}":
            depth -= 1
    return deepest


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError("a name is there twice")
    return tree


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _refuse(cause: str) -> NoReturn:
    raise UnauthenticatedError("InvalidAuthHeader", f"{MALFORMED} {cause}")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def shown(value: Any) -> str:
    """Something that a stranger wrote, in a message: quoted, printable, and not long."""
    text = f"'{ascii(value)[1:-1]}'" if isinstance(value, str) else ascii(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 1]}…"
