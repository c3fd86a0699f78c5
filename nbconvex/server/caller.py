"""Who is calling: from a header or a token to an identity.

Owns:  `Caller`, and the decision about `Authorization` headers and about the sync protocol's Authenticate messages.
Must not know: HTTP, sockets; where the admin key is kept; how a token is verified.
Invariant: an identity is believed only if it is proved, by the admin key or by an issuer. What proves nothing is
refused and never ignored: an app must not take a stranger for nobody. Only an HTTP endpoint runs all the same, and its
function is refused when it asks who is calling.
Threads: the server's event loop.
Source: wire-protocol 1.2, 1.4, 1.7, 4.4, 4.5.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from nbconvex.errors import RequestRefusedError, UnauthenticatedError
from nbconvex.functions.identity import Identity, UnknownIdentity

if TYPE_CHECKING:
    from nbconvex.services.auth.verifier import Verified

BAD_ADMIN_KEY: Final = "The provided admin key was invalid for this instance"
_NOT_A_HEADER: Final = "The Authorization header must be 'Bearer <token>' or 'Convex <admin key>'."
_NO_BEARER: Final = (
    "The Authorization header has a token without 'Bearer ' before it. Write: Authorization: Bearer <token>."
)
_NO_IDENTITY: Final = (
    "The identity to act as must be base64 of a JSON object with tokenIdentifier, or with issuer and subject."
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. An admin may call internal functions, also while acting as somebody.

    Units:  `expires_s` in seconds since 1970 UTC: until when this is true; None is for ever.
    """

    identity: Identity | None = None
    is_admin: bool = False
    expires_s: float | None = None


NOBODY: Final = Caller()


class Proofs(Protocol):
    """What callers' claims are checked with."""

    def admin_key(self) -> str:
        """The key that makes an admin."""

    async def verified(self, token: str) -> Verified:
        """Whom a token means.

        Raises:  UnauthenticatedError, OverloadedError.
        """


async def caller_of_header(header: str | None, proofs: Proofs, *, is_proxied: bool = False) -> Caller:
    """Whom an `Authorization` header means.

    Shapes:  `is_proxied` says that a proxy has been in between: a Jupyter server's hands on the header `token ...` that
    was meant for itself, which means nobody here. Source: jupyter-facts 6.1.
    Raises:  UnauthenticatedError; RequestRefusedError for an identity to act as that names nobody; OverloadedError.
    """
    if header is None or not header.strip():
        return NOBODY
    scheme, _, rest = header.strip().partition(" ")
    word, rest = scheme.lower(), rest.strip()
    if word == "token" and is_proxied:
        return NOBODY
    if word == "bearer":
        return await _caller_of_user_token(rest, proofs)
    if word == "convex":
        key, colon, acting_as = rest.partition(":")
        caller = caller_of_admin_key(key, proofs.admin_key)
        return Caller(_identity_of_text(acting_as), is_admin=True) if colon else caller
    if not rest and scheme.count(".") == 2:
        raise UnauthenticatedError("InvalidAuthHeader", _NO_BEARER)
    raise UnauthenticatedError("InvalidAdminKey", _NOT_A_HEADER)


async def endpoint_caller(header: str | None, proofs: Proofs, *, is_proxied: bool = False) -> Caller:
    """Whom the `Authorization` header of a request to an HTTP endpoint means.

    A header that proves nothing is no error here: it may be meant for the endpoint's own code. The identity is then an
    `UnknownIdentity`, and only `ctx.auth.get_user_identity()` raises. Source: wire-protocol 1.7.
    Raises:  OverloadedError.
    """
    try:
        return await caller_of_header(header, proofs, is_proxied=is_proxied)
    except RequestRefusedError as error:
        return Caller(UnknownIdentity(error))


async def caller_of_token(
    token_type: str, value: str | None, proofs: Proofs, *, acting_as: Mapping[str, Any] | None = None
) -> Caller:
    """Whom an Authenticate message of the sync protocol means.

    Raises:  UnauthenticatedError; RequestRefusedError for a kind of token that is not known; OverloadedError.
    """
    if token_type == "None":  # noqa: S105 - a kind of token
        return NOBODY
    if token_type == "User":  # noqa: S105
        return await _caller_of_user_token(value or "", proofs)
    if token_type == "Admin":  # noqa: S105
        return caller_of_admin_key(value or "", proofs.admin_key, acting_as=acting_as)
    raise RequestRefusedError(400, "BadTokenType", f"a token is User, Admin or None, not {token_type[:40]!r}.")


async def _caller_of_user_token(token: str, proofs: Proofs) -> Caller:
    verified = await proofs.verified(token)
    return Caller(verified.identity, expires_s=verified.expires_s)


def caller_of_admin_key(
    key: str, admin_key: Callable[[], str], *, acting_as: Mapping[str, Any] | None = None
) -> Caller:
    """The admin, or the admin acting as somebody, whose claims are given.

    Raises:  UnauthenticatedError for another key; RequestRefusedError for claims that name nobody.
    """
    if not hmac.compare_digest(key.encode("utf-8", "replace"), admin_key().encode()):
        raise UnauthenticatedError("BadAdminKey", BAD_ADMIN_KEY)
    return Caller(None if acting_as is None else _identity_of(acting_as), is_admin=True)


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
    issuer, subject = known["issuer"], known["subject"]
    return Identity.verified({"tokenIdentifier": f"{issuer}|{subject}", **claims, **known})
