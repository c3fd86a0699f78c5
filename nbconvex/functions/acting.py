"""On whose behalf plain code calls functions: `with as_user(subject="ada"):`.

Owns:  `as_user`, `acting_identity`.
Must not know: tokens; who else may say who is calling.
Invariant: it counts for calls that the block makes, and for tasks that it starts; never for calls from the network.
Threads: as context variables: the thread or task that entered the block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from nbconvex.errors import CallerError
from nbconvex.functions.identity import Identity

#: Who vouches for those that plain code names.
LOCAL_ISSUER = "nbconvex"
#: Nobody has said anything; None is nobody.
_UNSAID: Any = object()
_ACTING: ContextVar[Any] = ContextVar("nbconvex_acting", default=_UNSAID)


@contextmanager
def as_user(claims: Identity | Mapping[str, Any] | None = None, /, **named: Any) -> Iterator[Identity | None]:
    """What the block calls is called by somebody; None is nobody.

    The issuer is "nbconvex" unless `issuer` is given.
    Raises:  CallerError where no subject is given.
    """
    if named or not (claims is None or isinstance(claims, Identity)):
        identity: Identity | None = identity_named({**(claims or {}), **named})
    else:
        identity = claims
    token = _ACTING.set(identity)
    try:
        yield identity
    finally:
        _ACTING.reset(token)


def identity_named(claims: Mapping[str, Any]) -> Identity:
    """An identity with these claims.

    Raises:  CallerError where they name nobody.
    """
    if not claims.get("subject") and not claims.get("tokenIdentifier") and not claims.get("token_identifier"):
        raise CallerError("whom to act as? A subject is needed.", hint='as_user(subject="ada")')
    return Identity({"issuer": LOCAL_ISSUER, **claims})


def acting_identity(otherwise: Identity | None = None) -> Identity | None:
    """On whose behalf code calls here; `otherwise` where no block says so."""
    acting = _ACTING.get()
    return otherwise if acting is _UNSAID else acting
