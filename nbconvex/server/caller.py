"""Who is calling: from a header or a token to an identity.

Owns:  `Caller`, and the decision about `Authorization` headers and about the sync protocol's Authenticate messages.
Must not know: HTTP, sockets; where the admin key is kept.
Invariant: an identity is believed only if it is proved, by the admin key. Tokens are refused while no provider is
configured, never ignored: an app must not take a stranger for nobody.
Threads: pure.
Source: wire-protocol 1.2, 1.4, 4.4, 4.5.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from nbconvex.errors import RequestRefusedError, UnauthenticatedError
from nbconvex.functions.identity import Identity

BAD_ADMIN_KEY: Final = "The provided admin key was invalid for this instance"
NO_PROVIDER: Final = (
    "No auth provider found matching the given token (no providers configured). Check convex/auth.config.ts."
)
_MALFORMED: Final = (
    "Could not parse JWT payload. Check that the token is a valid JWT format with three base64-encoded parts separated "
    "by dots."
)
_NO_ISSUER: Final = "Missing issuer claim ('iss') in JWT payload."
_NOT_A_HEADER: Final = "The Authorization header must be 'Bearer <token>' or 'Convex <admin key>'."
_NO_IDENTITY: Final = (
    "The identity to act as must be base64 of a JSON object with tokenIdentifier, or with issuer and subject."
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. An admin may call internal functions, also while acting as somebody."""

    identity: Identity | None = None
    is_admin: bool = False


NOBODY: Final = Caller()


def caller_of_header(header: str | None, admin_key: Callable[[], str], *, is_proxied: bool = False) -> Caller:
    """Whom an `Authorization` header means.

    Shapes:  `is_proxied` says that a proxy has been in between: a Jupyter server's hands on the header `token ...` that
    was meant for itself, which means nobody here. Source: jupyter-facts 6.1.
    Raises:  UnauthenticatedError; RequestRefusedError for an identity to act as that names nobody.
    """
    if header is None or not header.strip():
        return NOBODY
    scheme, _, rest = header.strip().partition(" ")
    scheme, rest = scheme.lower(), rest.strip()
    if scheme == "token" and is_proxied:
        return NOBODY
    if scheme == "bearer":
        return caller_of_user_token(rest)
    if scheme == "convex":
        key, colon, acting_as = rest.partition(":")
        caller = caller_of_admin_key(key, admin_key)
        return Caller(_identity_of_text(acting_as), is_admin=True) if colon else caller
    raise UnauthenticatedError("InvalidAdminKey", _NOT_A_HEADER)


def caller_of_token(
    token_type: str, value: str | None, admin_key: Callable[[], str], *, acting_as: Mapping[str, Any] | None = None
) -> Caller:
    """Whom an Authenticate message of the sync protocol means.

    Raises:  UnauthenticatedError; RequestRefusedError for a kind of token that is not known.
    """
    if token_type == "None":  # noqa: S105 - a kind of token
        return NOBODY
    if token_type == "User":  # noqa: S105
        return caller_of_user_token(value or "")
    if token_type == "Admin":  # noqa: S105
        return caller_of_admin_key(value or "", admin_key, acting_as=acting_as)
    raise RequestRefusedError(400, "BadTokenType", f"a token is User, Admin or None, not {token_type[:40]!r}.")


def caller_of_user_token(token: str) -> Caller:
    """Whom a JWT means.

    Raises:  UnauthenticatedError, always, while no provider can be configured.
    """
    claims = _claims(token)
    if claims is None:
        raise UnauthenticatedError("InvalidAuthHeader", _MALFORMED)
    if not isinstance(claims.get("iss"), str):
        raise UnauthenticatedError("InvalidAuthHeader", _NO_ISSUER)
    raise UnauthenticatedError("NoAuthProvider", NO_PROVIDER)


def caller_of_admin_key(
    key: str, admin_key: Callable[[], str], *, acting_as: Mapping[str, Any] | None = None
) -> Caller:
    """The admin, or the admin acting as somebody, whose claims are given.

    Raises:  UnauthenticatedError for another key; RequestRefusedError for claims that name nobody.
    """
    if not hmac.compare_digest(key.encode("utf-8", "replace"), admin_key().encode()):
        raise UnauthenticatedError("BadAdminKey", BAD_ADMIN_KEY)
    return Caller(None if acting_as is None else _identity_of(acting_as), is_admin=True)


def _claims(token: str) -> dict[str, Any] | None:
    parts = token.split(".")
    if len(parts) != 3 or not all(parts):
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


def _identity_of_text(text: str) -> Identity:
    try:
        claims = json.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        claims = None
    return _identity_of(claims)


def _identity_of(claims: Any) -> Identity:
    if not isinstance(claims, Mapping):
        raise RequestRefusedError(400, "InvalidHeaderFailure", _NO_IDENTITY)
    known = {name: claims[name] for name in ("tokenIdentifier", "issuer", "subject") if name in claims}
    if not all(isinstance(each, str) for each in known.values()):
        raise RequestRefusedError(400, "InvalidHeaderFailure", _NO_IDENTITY)
    if "tokenIdentifier" in known:
        issuer, _, subject = known["tokenIdentifier"].partition("|")
        known = {"issuer": issuer, "subject": subject, **known}
    elif not {"issuer", "subject"} <= known.keys():
        raise RequestRefusedError(400, "InvalidHeaderFailure", _NO_IDENTITY)
    return Identity({**claims, **known})
