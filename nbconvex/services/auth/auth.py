"""Everything a backend knows about who may call.

Owns:  `Auth`: the providers, from code, from the store and from the environment; the sources of their keys; the admin
key.
Must not know: requests, sockets, notebooks; how a token is verified.
Invariants: what was added is kept in the store. Keys that were fetched stay with their provider until it is changed.
Threads: any.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from nbconvex.clock import Clock
from nbconvex.errors import CallerError
from nbconvex.limits import Limits
from nbconvex.services.auth.providers import (
    CLERK_VARIABLE,
    Provider,
    clerk_provider,
    read_provider,
    read_providers,
    same_tokens,
    with_issuer,
    write_provider,
)

if TYPE_CHECKING:
    from nbconvex.services.auth.development_issuer import DevelopmentIssuer, Globals
    from nbconvex.services.auth.explanation import Check
    from nbconvex.services.auth.keys import KeySource
    from nbconvex.services.auth.verifier import Verified, Verifier

#: The global that holds the store's admin key, and how such a key begins.
_ADMIN_KEY, _ADMIN_KEY_PREFIX = "admin_key", "nbconvex|"
#: The global that holds the providers that were added.
_PROVIDERS: Final = "auth_providers"


@dataclass(frozen=True, slots=True)
class Configured:
    """A provider and where it comes from: "code", "store", "environment" or "development"."""

    provider: Provider
    source: str


class Auth:
    """`backend.auth`: who may vouch for a caller, and whether a token is good."""

    def __init__(
        self,
        store: Globals,
        *,
        clock: Clock,
        limits: Limits,
        production: bool = False,
        declared: Any = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._limits = limits
        self._production = production
        self._environment = os.environ if environment is None else environment
        self._lock = threading.Lock()
        self._declared = read_providers(declared)
        self._kept: tuple[Provider, ...] | None = None
        self._sources: dict[Provider, KeySource] = {}
        self._verifier: Verifier | None = None
        self._development: DevelopmentIssuer | None = None
        #: Where the development issuer counts.
        self._addresses: tuple[str, ...] = ()

    # -- providers ---------------------------------------------------------------------------------------------------

    @property
    def configured(self) -> tuple[Configured, ...]:
        """The providers that count now, in the order in which they are asked."""
        found = [Configured(each, "code") for each in self._declared]
        found += [Configured(each, "store") for each in self._stored()]
        clerk, _ = self._from_environment()
        if clerk is not None and not any(same_tokens(clerk, each.provider) for each in found):
            found.append(Configured(clerk, "environment"))
        if self._addresses:
            found += [Configured(each, "development") for each in self.development.providers]
        return tuple(found)

    @property
    def providers(self) -> tuple[Provider, ...]:
        """The providers that count now."""
        return tuple(each.provider for each in self.configured)

    @property
    def problem(self) -> str | None:
        """What is wrong with the environment's provider, if anything is."""
        return self._from_environment()[1]

    def declare(self, providers: Any) -> tuple[Provider, ...]:
        """Have code's providers be these, instead of those it had declared; a list as in auth.config.

        Raises:  CallerError; then nothing changes.
        """
        found = read_providers(providers)
        with self._lock:
            self._declared = found
            self._sources.clear()
        return found

    def add(self, provider: Any) -> Provider:
        """Have one more provider from now on, kept in the store.

        Raises:  CallerError.
        """
        found = read_provider(provider)
        kept = self._stored()
        if any(same_tokens(found, each) for each in kept):
            raise CallerError(f"{found} is there already.", hint=f"%convex auth remove {found.issuer}")
        self._keep((*kept, found))
        return found

    def add_clerk(self, domain: str | None = None) -> Provider:
        """Have Clerk vouch from now on; its address is by default that of CLERK_JWT_ISSUER_DOMAIN.

        Raises:  CallerError.
        """
        return self.add(clerk_provider(domain, self._environment))

    def remove(self, issuer: str) -> tuple[Provider, ...]:
        """Forget the added providers of an issuer, or all that are there for "*".

        Raises:  CallerError where none was added for it.
        """
        kept = self._stored()
        gone = kept if issuer == "*" else with_issuer(kept, issuer)
        if not gone:
            elsewhere = [each for each in self.configured if each.provider in with_issuer(self.providers, issuer)]
            if elsewhere:
                raise CallerError(f"{elsewhere[0].provider} was not added: {_WHERE[elsewhere[0].source]}")
            known = ", ".join(each.issuer for each in kept) or "none"
            raise CallerError(f"no provider with the issuer {issuer} was added; there is: {known}.")
        self._keep(tuple(each for each in kept if each not in gone))
        return gone

    def _stored(self) -> tuple[Provider, ...]:
        with self._lock:
            if self._kept is None:
                kept = self._store.get_global(_PROVIDERS)
                self._kept = read_providers(json.loads(kept)) if kept else ()
            return self._kept

    def _keep(self, providers: Iterable[Provider]) -> None:
        kept = tuple(providers)
        self._store.put_global(_PROVIDERS, json.dumps([write_provider(each) for each in kept]).encode())
        with self._lock:
            self._kept = kept
            self._sources.clear()

    def _from_environment(self) -> tuple[Provider | None, str | None]:
        if not self._environment.get(CLERK_VARIABLE, "").strip():
            return None, None
        try:
            return clerk_provider(None, self._environment), None
        except CallerError as error:
            return None, error.message

    # -- tokens ------------------------------------------------------------------------------------------------------

    def verify(self, token: str) -> Verified:
        """Whom a token means. It may wait for the issuer.

        Raises:  UnauthenticatedError with the cause.
        """
        return self._decider().verify(token)

    def explain(self, token: str) -> tuple[Check, ...]:
        """What a token says beside what is expected, check by check, with what to do."""
        from nbconvex.services.auth.explanation import explain

        return explain(
            token, self.providers, self.keys_of, limits=self._limits, now_s=self._clock.now_ns() / 1e9,
            problem=self.problem,
        )  # fmt: skip

    def keys_of(self, provider: Provider) -> KeySource:
        """Where the keys of a provider come from.

        Raises:  KeysUnavailableError.
        """
        development = self._development
        if development is not None and provider in development.providers and provider not in self._declared:
            return development.keys()
        with self._lock:
            source = self._sources.get(provider)
            if source is None:
                from nbconvex.services.auth.keys import key_source

                source = self._sources[provider] = key_source(provider, self._clock, self._limits)
            return source

    @property
    def development(self) -> DevelopmentIssuer:
        """An issuer of our own, for trying things out."""
        with self._lock:
            if self._development is None:
                from nbconvex.services.auth.development_issuer import DevelopmentIssuer

                self._development = DevelopmentIssuer(self._store, self._clock, lambda: self._addresses)
            return self._development

    @property
    def development_addresses(self) -> tuple[str, ...]:
        """The addresses for which the development issuer counts."""
        return self._addresses

    def activate_development(self, address: str) -> Callable[[], None]:
        """Have the development issuer count for an address that is served; the result takes that back."""
        with self._lock:
            self._addresses = (*self._addresses, address)

        def deactivate() -> None:
            with self._lock:
                remaining = list(self._addresses)
                if address in remaining:
                    remaining.remove(address)
                self._addresses = tuple(remaining)

        return deactivate

    def _decider(self) -> Verifier:
        with self._lock:
            if self._verifier is None:
                # Not at the top: most notebooks never see a token.
                from nbconvex.services.auth.verifier import Verifier

                self._verifier = Verifier(
                    lambda: self.providers, self.keys_of, clock=self._clock, limits=self._limits,
                    production=self._production,
                )  # fmt: skip
            return self._verifier

    @property
    def admin_key(self) -> str:
        """What admits to internal functions over the network: made when first asked for, and kept in the store."""
        with self._lock:
            kept = self._store.get_global(_ADMIN_KEY)
            if kept is None:
                kept = f"{_ADMIN_KEY_PREFIX}{secrets.token_hex(32)}".encode()
                self._store.put_global(_ADMIN_KEY, kept)
            return kept.decode()


_WHERE: Final = {
    "code": "it stands in %%auth or nbconvex.open(auth=[...]); change it there.",
    "environment": f"it comes from the environment variable {CLERK_VARIABLE}.",
    "development": "it is the development issuer, which counts while the server runs on this machine.",
}
