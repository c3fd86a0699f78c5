"""Who is calling.

Owns:  `Identity`.
Must not know: tokens, how an identity was established.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nbconvex.values.codec import encode_value

_WELL_KNOWN = ("tokenIdentifier", "subject", "issuer")


def camel(name: str) -> str:
    """The camelCase spelling of a snake_case name."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


class Identity(Mapping[str, Any]):
    """The verified claims about whoever calls.

    Every claim is there under its own name (`identity["tokenIdentifier"]`) and as a snake_case attribute
    (`identity.token_identifier`). An attribute for a claim that is absent is None.
    `token_identifier` is unique over all issuers: the issuer, `|`, the subject.
    """

    __slots__ = ("_claims", "_key")

    def __init__(self, claims: Mapping[str, Any]) -> None:
        given = {camel(name): value for name, value in claims.items()}
        subject = str(given.get("subject", ""))
        issuer = str(given.get("issuer", "nbconvex"))
        given.setdefault("subject", subject)
        given.setdefault("issuer", issuer)
        given.setdefault("tokenIdentifier", f"{issuer}|{subject}")
        self._claims = given
        self._key: bytes | None = None

    @classmethod
    def of(cls, identity: Identity | Mapping[str, Any] | None) -> Identity | None:
        """`identity` itself, or made from a mapping of claims; None is nobody."""
        if identity is None or isinstance(identity, Identity):
            return identity
        return cls(identity)

    @property
    def key(self) -> bytes:
        """Bytes that are equal for equal identities."""
        if self._key is None:
            self._key = encode_value(dict(sorted(self._claims.items())))
        return self._key

    @property
    def token_identifier(self) -> str:
        """The issuer, `|`, the subject: unique over all issuers."""
        return str(self._claims["tokenIdentifier"])

    @property
    def subject(self) -> str:
        """Who it is, unique for one issuer."""
        return str(self._claims["subject"])

    @property
    def issuer(self) -> str:
        """Who vouches."""
        return str(self._claims["issuer"])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._claims.get(camel(name))

    def __getitem__(self, name: str) -> Any:
        return self._claims[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._claims)

    def __len__(self) -> int:
        return len(self._claims)

    def __repr__(self) -> str:
        return f"Identity({self._claims!r})"
