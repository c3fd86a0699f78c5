"""An issuer of our own, for trying things out: it vouches for whoever its author names.

Owns:  `DevelopmentIssuer`: its key pair, the tokens that it makes, what it publishes, where it counts.
Must not know: HTTP; which addresses are served.
Invariants: there is no key before the first token is made. It counts only for the addresses that it is given,
which are this machine's unless somebody has asked for more; a token of it is good for nobody else. The private key is
in the store and in no answer.
Threads: any.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import OKPAlgorithm

from nbconvex.clock import Clock
from nbconvex.errors import CallerError
from nbconvex.services.auth.keys import FixedKeys, KeySource, read_key_set
from nbconvex.services.auth.providers import OidcProvider

#: For whom its tokens are, unless told otherwise.
AUDIENCE: Final = "convex"
#: How long a token lasts, unless told otherwise.
EXPIRES_S: Final = 3_600.0
#: The global that holds the private key.
_KEY: Final = "auth_development_key"
_ALGORITHM: Final = "EdDSA"
#: Claims that the issuer makes itself.
_RESERVED: Final = {
    "iss": "the address that is served",
    "sub": "subject",
    "aud": "audience",
    "exp": "expires",
    "iat": "now",
}


class Globals(Protocol):
    """Where small values are kept."""

    def get_global(self, key: str) -> bytes | None:
        """The value, if there is one."""

    def put_global(self, key: str, value: bytes) -> None:
        """Keep it durably."""


class DevelopmentIssuer:
    """The issuer of one store. `addresses` gives those that it counts for now."""

    def __init__(self, store: Globals, clock: Clock, addresses: Callable[[], Sequence[str]]) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._key: Ed25519PrivateKey | None = None
        self._kid = ""
        self._has_looked = False
        self._addresses = addresses

    @property
    def providers(self) -> tuple[OidcProvider, ...]:
        """Itself, as those see it who verify tokens; nothing before its first token."""
        if not self._addresses() or self._known_key() is None:
            return ()
        return tuple(OidcProvider(address, AUDIENCE) for address in dict.fromkeys(self._addresses()))

    def mint(
        self,
        address: str,
        subject: str,
        claims: Mapping[str, Any] | None = None,
        *,
        expires_s: float = EXPIRES_S,
        audience: str = AUDIENCE,
    ) -> str:
        """A token for `subject` that counts at `address`; one with a negative `expires_s` has expired already.

        Raises:  CallerError where the issuer does not count at `address`, or for claims that it makes itself.
        """
        if address not in self._addresses():
            raise CallerError(f"the development issuer does not count at {address}.")
        if not subject:
            raise CallerError("a token is for somebody: the subject is empty.", hint="--subject ada")
        for name in claims or {}:
            if name in _RESERVED:
                raise CallerError(f"the claim {name} is made by the issuer ({_RESERVED[name]}); it cannot be given.")
        now_s = int(self._clock.now_ns() // 1_000_000_000)
        issued_s = now_s if expires_s > 0 else int(now_s + expires_s) - 1
        payload = {
            **(claims or {}), "iss": address, "sub": subject, "aud": audience, "iat": issued_s,
            "exp": int(now_s + expires_s),
        }  # fmt: skip
        key = self._own_key()
        try:
            return jwt.encode(payload, key, algorithm=_ALGORITHM, headers={"kid": self._kid})
        except TypeError as error:
            raise CallerError(f"a claim cannot be written as JSON: {error}.") from None

    def discovery(self, address: str, public_url: str | None = None) -> dict[str, Any] | None:
        """The discovery document of an address; None where the issuer does not count, or has made no token."""
        if address not in self._addresses() or self._known_key() is None:
            return None
        return {
            "issuer": address,
            "jwks_uri": f"{public_url or address}/.well-known/jwks.json",
            "authorization_endpoint": f"{address}/authorize",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [_ALGORITHM],
        }

    def key_set(self) -> dict[str, Any]:
        """The public key, as a JWKS."""
        key = self._known_key()
        if key is None:
            return {"keys": []}
        public = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": self._kid, "alg": _ALGORITHM, "use": "sig"}]}

    def keys(self) -> KeySource:
        """The public key, for those who verify tokens here."""
        return FixedKeys(read_key_set(self.key_set()), "the development issuer")

    def _known_key(self) -> Ed25519PrivateKey | None:
        with self._lock:
            return self._found()

    def _own_key(self) -> Ed25519PrivateKey:
        with self._lock:
            key = self._found()
            if key is None:
                key = Ed25519PrivateKey.generate()
                kid = f"development-{secrets.token_hex(4)}"
                pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
                self._store.put_global(_KEY, json.dumps({"kid": kid, "pem": pem}).encode())
                self._key, self._kid = key, kid
            return key

    def _found(self) -> Ed25519PrivateKey | None:
        """The key, from the store when it is first looked for; the lock is held."""
        if not self._has_looked:
            kept = self._store.get_global(_KEY)
            if kept is not None:
                tree = json.loads(kept)
                key = load_pem_private_key(tree["pem"].encode(), None)
                assert isinstance(key, Ed25519PrivateKey)
                self._key, self._kid = key, tree["kid"]
            self._has_looked = True
        return self._key
