"""From the claims of a verified token to what functions see.

Owns:  `identity_of`: which claim has which name, and which is left out.
Must not know: how a token was verified.
Invariants: `tokenIdentifier`, `issuer` and `subject` come from `iss` and `sub`, whatever else a token claims. An
identity is a value: what no value can be is left out.
Threads: pure.
Source: wire-protocol 4.5; semantics 10.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from nbconvex.functions.identity import Identity
from nbconvex.values.normalization import normalize
from nbconvex.values.scalars import NUMBER_MAX

_TEXTS: Final = {
    "name": "name", "given_name": "givenName", "family_name": "familyName", "nickname": "nickname",
    "preferred_username": "preferredUsername", "profile": "profileUrl", "picture": "pictureUrl",
    "website": "websiteUrl", "email": "email", "gender": "gender", "birthdate": "birthday", "zoneinfo": "timezone",
    "locale": "language", "phone_number": "phoneNumber",
}  # fmt: skip
_FLAGS: Final = {"email_verified": "emailVerified", "phone_number_verified": "phoneNumberVerified"}
_OTHERS: Final = {"address": "address", "updated_at": "updatedAt"}
_MAPPED: Final = {**_TEXTS, **_FLAGS, **_OTHERS}
#: Claims that are about the token, not about its bearer.
_OF_THE_TOKEN: Final = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "fva"})
_OURS: Final = frozenset({"tokenIdentifier", "issuer", "subject"})


def identity_of(claims: Mapping[str, Any], *, is_custom: bool) -> Identity:
    """The identity of whoever holds a token with these claims.

    Shapes:  OIDC's standard claims have Convex's names and others their own; a custom token's claims all have their
    own names, nested ones with dots.
    Raises:  ValueInvalidError, LimitExceededError for claims that no value can be.
    """
    known = {
        "tokenIdentifier": f"{claims['iss']}|{claims['sub']}",
        "issuer": claims["iss"],
        "subject": claims["sub"],
    }
    others = dict(_flattened(_own(claims, ()))) if is_custom else {**dict(_own(claims, _MAPPED)), **_standard(claims)}
    return Identity.verified(normalize({**_value(others), **known}))


def _own(claims: Mapping[str, Any], mapped: Any) -> dict[str, Any]:
    """Claims under their own names."""
    return {
        name: value
        for name, value in claims.items()
        if name not in _OF_THE_TOKEN and name not in _OURS and name not in mapped
    }


def _flattened(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            # A claim that is written with a dot itself stays what it is.
            yield from ((each, inner) for each, inner in _flattened(value, f"{prefix}{name}.") if each not in tree)
        else:
            yield f"{prefix}{name}", value


def _standard(claims: Mapping[str, Any]) -> dict[str, Any]:
    found = {ours: claims[theirs] for theirs, ours in _TEXTS.items() if isinstance(claims.get(theirs), str)}
    for theirs, ours in _FLAGS.items():
        # Some issuers write flags as texts, and "false" would count as true.
        flag = {"true": True, "false": False}.get(str(claims.get(theirs)).lower())
        if flag is not None:
            found[ours] = flag
    address = claims.get("address")
    if isinstance(address, Mapping):
        address = address.get("formatted")
    if isinstance(address, str):
        found["address"] = address
    updated = _time(claims.get("updated_at"))
    if updated is not None:
        found["updatedAt"] = updated
    return found


def _time(value: Any) -> str | None:
    """A time as RFC 3339 text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC).isoformat().replace("+00:00", "Z")
    except (OverflowError, OSError, ValueError):
        return None


def _value(tree: Any) -> Any:
    """JSON as a value: integers beyond the range of numbers are rounded, as JavaScript does, odd names left out."""
    if isinstance(tree, Mapping):
        return {name: _value(each) for name, each in tree.items() if _is_name(name)}
    if isinstance(tree, list):
        return [_value(each) for each in tree]
    if isinstance(tree, int) and not isinstance(tree, bool) and abs(tree) > NUMBER_MAX:
        try:
            return float(tree)
        except OverflowError:
            return float("inf") if tree > 0 else float("-inf")
    return tree


def _is_name(name: str) -> bool:
    """Whether a field of a value can be called so."""
    return not name.startswith("$") and name.isascii() and name.isprintable()
