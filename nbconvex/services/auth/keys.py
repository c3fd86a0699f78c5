"""Public keys of issuers.

Owns:  `KeySet`, what of a JWKS is a key that tokens may be verified with; `KeySource` and its three kinds: stated keys,
fetched keys, and those found by discovery.
Must not know: tokens, identities.
Invariants: a shared secret is never a key. Keys are fetched by one thread at a time, at most once in `RETRY_S`, however
many tokens with unknown key ids come; who has the key that it needs does not wait for that. While an issuer cannot be
reached its last keys are good for `stale_key_age_s`.
Threads: any; `find` may block while keys are fetched.
"""

from __future__ import annotations

import base64
import binascii
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import unquote_to_bytes, urlsplit

from jwt import PyJWK
from jwt.exceptions import PyJWTError

from nbconvex.clock import Clock
from nbconvex.errors import KeysUnavailableError
from nbconvex.limits import Limits
from nbconvex.services.auth.issuer_documents import JSON, KEY_SET, NoDocumentError, fetch_document
from nbconvex.services.auth.providers import (
    CustomProvider,
    OidcProvider,
    Provider,
    is_loopback,
    issuer_key,
)

#: How long after a fetch the next one may be, whatever asks for it.
RETRY_S: Final = 10.0
#: Keys of one set that are looked at.
KEYS_MAX: Final = 100
RSA_BITS_MIN: Final = 2_048
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_ALGORITHM_OF: Final[dict[tuple[str, str | None], str]] = {
    ("RSA", None): "RS256",
    ("EC", "P-256"): "ES256",
    ("OKP", "Ed25519"): "EdDSA",
}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key: what tokens call it, what they are signed with, and the key itself."""

    kid: str | None
    algorithm: str
    key: Any


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of an issuer.

    Shapes:  `unfit` says of the entries that are no keys for tokens why they are none.
    """

    keys: tuple[PublicKey, ...]
    unfit: tuple[str, ...] = ()

    def find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """The key of that name, or the only one there is for tokens that name none."""
        fit = [each for each in self.keys if each.algorithm == algorithm and (kid is None or each.kid == kid)]
        return fit[0] if fit and (kid is not None or len(fit) == 1) else None

    def __str__(self) -> str:
        return ", ".join(f"{each.kid!r} ({each.algorithm})" for each in self.keys) or "none"


class KeySource(Protocol):
    """Where the keys of one issuer come from."""

    @property
    def place(self) -> str:
        """What to call the place in messages."""

    def keys(self) -> KeySet:
        """The keys as far as they are known, fetched where they are not.

        Raises:  KeysUnavailableError.
        """

    def find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """The key of that name, asked for again where it is not known.

        Raises:  KeysUnavailableError.
        """


class FixedKeys:
    """Keys that are known from the beginning."""

    def __init__(self, key_set: KeySet, place: str) -> None:
        self.place = place
        self._set = key_set

    def keys(self) -> KeySet:
        return self._set

    def find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        return self._set.find(kid, algorithm)


class FetchedKeys:
    """Keys that `fetch` gets, kept for a while."""

    def __init__(self, fetch: Callable[[], KeySet], place: str, clock: Clock, limits: Limits) -> None:
        self.place = place
        self._fetch = fetch
        self._clock = clock
        self._fresh_s = limits.key_age_s
        self._stale_s = limits.stale_key_age_s
        self._lock = threading.Lock()
        # Replaced as a whole: whoever reads it needs no lock.
        self._known: tuple[KeySet, float] | None = None
        self._tried_s: float | None = None
        self._problem: NoDocumentError | None = None

    def keys(self) -> KeySet:
        known = self._known
        if known is not None and self._age_s(known) < self._fresh_s:
            return known[0]
        with self._lock:
            return self._newest()

    def find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        known = self._known
        found = None if known is None else known[0].find(kid, algorithm)
        if known is not None and found is not None and self._age_s(known) < self._fresh_s:
            return found
        # An old key is good while somebody else fetches new ones.
        may_wait = known is None or found is None or self._age_s(known) >= self._stale_s
        if not self._lock.acquire(blocking=may_wait):
            return found
        try:
            if self._known is not known and self._known is not None:
                # Somebody else has fetched them meanwhile.
                found = self._known[0].find(kid, algorithm)
                if found is not None:
                    return found
            return self._newest().find(kid, algorithm)
        finally:
            self._lock.release()

    def _age_s(self, known: tuple[KeySet, float]) -> float:
        return self._clock.monotonic_s() - known[1]

    def _newest(self) -> KeySet:
        """The newest keys that can be had; the lock is held."""
        now_s = self._clock.monotonic_s()
        if self._tried_s is None or now_s - self._tried_s >= RETRY_S:
            self._tried_s = now_s
            try:
                self._known, self._problem = (self._fetch(), now_s), None
            except NoDocumentError as problem:
                self._problem = problem
        if self._known is not None and self._age_s(self._known) < self._stale_s:
            return self._known[0]
        raise KeysUnavailableError(self.place, str(self._problem))


def key_source(provider: Provider, clock: Clock, limits: Limits) -> KeySource:
    """Where the keys of a provider come from.

    Raises:  KeysUnavailableError for a `data:` address that holds no key set.
    """
    if isinstance(provider, CustomProvider):
        if provider.jwks.startswith("data:"):
            place = "the data: address of its provider"
            try:
                return FixedKeys(read_key_set(_data(provider.jwks)), place)
            except NoDocumentError as problem:
                raise KeysUnavailableError(place, str(problem)) from None
        return FetchedKeys(lambda: _fetched(provider.jwks, limits), provider.jwks, clock, limits)
    return FetchedKeys(lambda: _discovered(provider, limits), discovery_url(provider.issuer), clock, limits)


def discovery_url(issuer: str) -> str:
    """Where an issuer says where its keys are."""
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


def read_key_set(tree: Any) -> KeySet:
    """The keys of a JWKS.

    Raises:  NoDocumentError where it is none.
    """
    entries = tree.get("keys") if isinstance(tree, Mapping) else None
    if not isinstance(entries, list):
        raise NoDocumentError('what it answers is no key set: {"keys": [...]}')
    found: list[PublicKey] = []
    unfit: list[str] = []
    for number, entry in enumerate(entries[:KEYS_MAX]):
        try:
            found.append(_key(entry))
        except ValueError as problem:
            unfit.append(f"keys[{number}] {problem}")
    return KeySet(tuple(found), tuple(unfit))


def _key(entry: Any) -> PublicKey:
    """One key. Raises: ValueError that says why it is none."""
    if not isinstance(entry, Mapping):
        raise ValueError("is no object")  # noqa: TRY004 - as all the other reasons
    kind, curve = str(entry.get("kty")), str(entry.get("crv"))
    algorithm = _ALGORITHM_OF.get((kind, None if kind == "RSA" else curve))
    if kind == "oct":
        raise ValueError("is a shared secret, which proves nothing")
    if algorithm is None:
        raise ValueError(f"is for other algorithms ({ascii(kind)[:20]} {ascii(curve)[:20]})")
    if "d" in entry:
        raise ValueError("is a private key, which must not be published: make a new pair, publish the public part")
    if entry.get("use", "sig") != "sig":
        raise ValueError(f"is not for signatures (use {ascii(entry['use'])[:20]})")
    if entry.get("alg", algorithm) != algorithm:
        raise ValueError(f"is for {ascii(entry['alg'])[:20]}")
    kid = entry.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise ValueError("has a kid that is no text")
    try:
        key = PyJWK.from_dict(dict(entry), algorithm).key
    except (PyJWTError, ValueError, TypeError, ArithmeticError, KeyError) as error:
        raise ValueError(f"cannot be read ({error})") from None
    if algorithm == "RS256" and key.key_size < RSA_BITS_MIN:
        raise ValueError(f"has {key.key_size} bits, fewer than {RSA_BITS_MIN:,}")
    return PublicKey(kid, algorithm, key)


def _discovered(provider: OidcProvider, limits: Limits) -> KeySet:
    return _fetched(discover(provider.issuer, limits), limits)


def discover(issuer: str, limits: Limits) -> str:
    """The address of an issuer's keys, as its discovery document tells.

    Raises:  NoDocumentError.
    """
    tree = fetch_document(
        discovery_url(issuer), JSON, bytes_max=limits.issuer_document_bytes, time_s=limits.issuer_time_s
    )
    if not isinstance(tree, Mapping):
        raise NoDocumentError("its discovery document is no object")
    named, address = tree.get("issuer"), tree.get("jwks_uri")
    if not isinstance(named, str) or issuer_key(named) != issuer_key(issuer):
        raise NoDocumentError(f"its discovery document is about another issuer, {ascii(named)[:100]}")
    if not isinstance(address, str):
        raise NoDocumentError("its discovery document has no jwks_uri")
    try:
        parts = urlsplit(address)
        is_near = parts.scheme == "http" and is_loopback(parts.hostname) and is_loopback(urlsplit(issuer).hostname)
    except ValueError:
        parts, is_near = None, False
    if parts is None or not (is_near or (parts.scheme == "https" and parts.hostname)):
        raise NoDocumentError(f"its discovery document says that its keys are at {ascii(address)[:100]}: not https")
    return address


def _fetched(url: str, limits: Limits) -> KeySet:
    return read_key_set(
        fetch_document(url, KEY_SET, bytes_max=limits.issuer_document_bytes, time_s=limits.issuer_time_s)
    )


def _data(address: str) -> Any:
    """The JSON in a `data:` address. Raises: NoDocumentError."""
    head, comma, body = address.removeprefix("data:").partition(",")
    if not comma:
        raise NoDocumentError("a data: address has a comma before its content: data:application/json;base64,eyJr...")
    content = unquote_to_bytes(body)
    try:
        if head.lower().endswith(";base64"):
            content = base64.b64decode(content.translate(_URL_SAFE) + b"=" * (-len(content) % 4), validate=True)
        return json.loads(content)
    except (binascii.Error, ValueError, RecursionError):
        raise NoDocumentError("what the data: address holds is not JSON") from None
