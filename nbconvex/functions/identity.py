"""Who is calling.

Owns:  `Identity`; `UnknownIdentity`, of somebody whose token does not prove who it is.
Must not know: tokens, how an identity was established.
Threads: values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from nbconvex.errors import NotAllowedError, RequestRefusedError, UnauthenticatedError
from nbconvex.values.codec import encode_value


def camel(name: str) -> str:
    """The camelCase spelling of a snake_case name."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


class Identity(dict[str, Any]):
    """The verified claims about whoever calls; a value, so that a function may return it.

    Every claim is there under its own name (`identity["tokenIdentifier"]`) and as a snake_case attribute
    (`identity.token_identifier`). An attribute for a claim that is absent is None. Made from a mapping, names are
    spelled as on the wire (`given_name` becomes `givenName`); `verified` leaves them as they are.
    """

    __slots__ = ("_key",)

    def __init__(self, claims: Mapping[str, Any]) -> None:
        super().__init__({camel(name): value for name, value in claims.items()})
        subject = str(self.get("subject", ""))
        issuer = str(self.get("issuer", "nbconvex"))
        super().setdefault("subject", subject)
        super().setdefault("issuer", issuer)
        super().setdefault("tokenIdentifier", f"{issuer}|{subject}")
        self._key: bytes | None = None

    @classmethod
    def of(cls, identity: Identity | Mapping[str, Any] | None) -> Identity | None:
        """`identity` itself, or made from a mapping of claims; None is nobody."""
        if identity is None or isinstance(identity, Identity):
            return identity
        return cls(identity)

    @classmethod
    def verified(cls, claims: Mapping[str, Any]) -> Identity:
        """An identity with exactly these claims, `issuer`, `subject` and `tokenIdentifier` among them."""
        identity = cls({})
        dict.clear(identity)
        dict.update(identity, claims)
        return identity

    @property
    def key(self) -> bytes:
        """Bytes that are equal for equal identities."""
        if self._key is None:
            self._key = encode_value(dict(sorted(self.items())))
        return self._key

    @property
    def token_identifier(self) -> str:
        """The issuer, `|`, the subject: unique over all issuers."""
        return str(self["tokenIdentifier"])

    @property
    def subject(self) -> str:
        """Who it is, unique for one issuer."""
        return str(self["subject"])

    @property
    def issuer(self) -> str:
        """Who vouches."""
        return str(self["issuer"])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        own = self.get(camel(name))
        return self.get(name) if own is None else own

    def __repr__(self) -> str:
        return f"Identity({super().__repr__()})"

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise NotAllowedError("an identity cannot be changed; make a dict of it first.", hint="dict(identity)")

    __setitem__ = __delitem__ = update = setdefault = pop = popitem = clear = __ior__ = _refuse


class UnknownIdentity(Identity):
    """Who called an endpoint with a header that proves nothing: asking for it raises `error`, calling on does not."""

    __slots__ = ("_reason",)

    def __init__(self, error: RequestRefusedError) -> None:
        # The claims are what the cache tells identities apart by.
        super().__init__({"issuer": f"unknown: {error.reason}: {error.message}"})
        self._reason = (error.reason, error.message)

    @property
    def error(self) -> UnauthenticatedError:
        """The refusal, anew each time: an error that is raised collects tracebacks."""
        return UnauthenticatedError(*self._reason)
