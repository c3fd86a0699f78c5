"""From a token to an identity, or to the reason why not.

Owns:  `Verifier`, `Verified`: which provider a token is for, whether it is that issuer's, whether it is still good; the
texts of all refusals.
Must not know: HTTP, sockets; where providers and keys come from.
Invariants: what a token says decides only which of the configured keys must have signed it; an algorithm that its
provider does not use is refused before any key is looked at, and keys that a token brings along are not looked at.
In production a refusal does not tell who is configured.
Threads: any; it may block while keys are fetched.
Source: wire-protocol 4.4.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import jwt

from nbconvex.clock import Clock
from nbconvex.errors import CallerError, KeysUnavailableError, UnauthenticatedError
from nbconvex.functions.identity import Identity
from nbconvex.limits import Limits
from nbconvex.services.auth.claims import identity_of
from nbconvex.services.auth.keys import KeySource, PublicKey
from nbconvex.services.auth.providers import CLERK_APPLICATION, OidcProvider, Provider, matching, with_issuer
from nbconvex.services.auth.tokens import Token, read_token, require_issuer, shown

#: By how much clocks may differ. Source: wire-protocol 4.4.
LEEWAY_S: Final = 5.0
NO_PROVIDER: Final = (
    "No auth provider found matching the given token. Check that your JWT's issuer and audience match one of your "
    "configured providers"
)
NO_PROVIDERS: Final = (
    "No auth provider found matching the given token (no providers configured). Check convex/auth.config.ts."
)
NOT_VERIFIED: Final = (
    "Could not verify OIDC token claim. Check that the token signature is valid and the token hasn't expired."
)


@dataclass(frozen=True, slots=True)
class Verified:
    """Whom a token means, and until when.

    Units:  `expires_s` in seconds since 1970 UTC, with the leeway for clocks that differ.
    """

    identity: Identity
    expires_s: float


class Verifier:
    """Decides about tokens.

    Shapes:  `providers` gives those that count now, in the order in which they are asked.
    """

    def __init__(
        self,
        providers: Callable[[], Sequence[Provider]],
        keys_of: Callable[[Provider], KeySource],
        *,
        clock: Clock,
        limits: Limits,
        production: bool,
    ) -> None:
        self._providers = providers
        self._keys_of = keys_of
        self._clock = clock
        self._limits = limits
        self._production = production

    def verify(self, text: str) -> Verified:
        """Whom a token means.

        Raises:  UnauthenticatedError with the cause.
        """
        token = read_token(text, self._limits)
        issuer = require_issuer(token)
        provider = self._provider(token, issuer)
        now_s = self._clock.now_ns() / 1e9
        if token.algorithm not in provider.algorithms:
            expected = _or(provider.algorithms)
            raise _refusal(provider, "signature", f"It is signed with {shown(token.algorithm)}, not {expected}.")
        if "crit" in token.header:
            raise _refusal(provider, "signature", "Its header demands an extension (crit) that is not known here.")
        key = self._key(token, provider)
        if not is_signed(token, key):
            raise _refusal(provider, "signature", "It was not signed with the issuer's key, or was changed since.")
        expires_s = _require_times(token, provider, now_s)
        try:
            identity = identity_of(token.claims, is_custom=not isinstance(provider, OidcProvider))
        except CallerError as problem:
            raise _refusal(provider, "claims", f"Its claims cannot be shown to functions: {problem}.") from None
        return Verified(identity, expires_s + LEEWAY_S)

    def _provider(self, token: Token, issuer: str) -> Provider:
        providers = self._providers()
        if not providers:
            cure = "" if self._production else " Here: %convex auth add, or nbconvex.open(auth=[...])."
            raise UnauthenticatedError("NoAuthProvider", NO_PROVIDERS + cure)
        provider = matching(providers, issuer, token.audiences)
        if provider is not None:
            return provider
        if self._production:
            raise UnauthenticatedError("NoAuthProvider", f"{NO_PROVIDER}.")
        listed = ", ".join(map(str, providers))
        raise UnauthenticatedError("NoAuthProvider", f"{NO_PROVIDER}: [{listed}] {_mismatch(token, issuer, providers)}")

    def _key(self, token: Token, provider: Provider) -> PublicKey:
        kid = token.kid
        if kid is not None and not isinstance(kid, str):
            raise _refusal(provider, "kid", f"The JWT's 'kid' (key ID) header is {shown(kid)}, which is no text.")
        try:
            source = self._keys_of(provider)
            key = source.find(kid, token.algorithm)
            if key is not None:
                return key
            known = "" if self._production else f" Keys at {source.place}: {source.keys()}."
        except KeysUnavailableError as error:
            raise self._unavailable(provider, error) from None
        if kid is None:
            cause = "The JWT has no 'kid' (key ID) header, and the issuer has not exactly one key for such tokens."
        else:
            cause = f"The JWT's 'kid' (key ID) header is {shown(kid)}; the issuer has no such {token.algorithm} key."
        raise _refusal(provider, "kid", cause + known)

    def _unavailable(self, provider: Provider, error: KeysUnavailableError) -> UnauthenticatedError:
        why = "." if self._production else f": {error.problem}."
        if isinstance(provider, OidcProvider):
            return UnauthenticatedError(
                "AuthProviderDiscoveryFailed", f"Auth provider discovery of {provider.issuer} failed{why}"
            )
        place = "" if self._production else f" '{error.issuer}'"
        return UnauthenticatedError("InvalidAuthHeader", f"Could not fetch JWKS from URL{place}{why}")


def is_signed(token: Token, key: PublicKey) -> bool:
    """Whether a token was signed with the private half of a key."""
    try:
        jwt.PyJWS(algorithms=[key.algorithm]).decode_complete(token.text, key.key, algorithms=[key.algorithm])
    except (jwt.PyJWTError, ValueError, TypeError):
        return False
    return True


def _require_times(token: Token, provider: Provider, now_s: float) -> float:
    """When a token ends, if it counts now and says for whom it is.

    Raises:  UnauthenticatedError.
    """
    claims = token.claims
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise _refusal(provider, "claims", f"Its subject ('sub') is {shown(subject)}, not a text.")
    times = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
    for name, value in times.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise _refusal(provider, "claims", f"Its claim '{name}' is {shown(value)}, not a time.")
    if "exp" not in times:
        raise _refusal(provider, "claims", "It has no expiry ('exp').")
    if now_s >= times["exp"] + LEEWAY_S:
        cause = f"It expired {said(now_s - times['exp'])} ago, at {moment(times['exp'])}"
        raise _refusal(provider, "times", f"{cause}; the time here is {moment(now_s)}.")
    for name, what in (("nbf", "counts"), ("iat", "was issued")):
        if name in times and times[name] > now_s + LEEWAY_S:
            cause = f"It {what} only in {said(times[name] - now_s)}, at {moment(times[name])}"
            raise _refusal(provider, "times", f"{cause}; the time here is {moment(now_s)}. Do the clocks differ?")
    return float(times["exp"])


def _mismatch(token: Token, issuer: str, providers: Sequence[Provider]) -> str:
    """Why no provider takes a token, in development's words."""
    audiences = _listed(token.audiences)
    near = with_issuer(providers, issuer)
    if not near:
        return f"The token's issuer is {shown(issuer)} (audience {audiences}), which is none of them."
    expected = _or([shown(each.application_id) for each in near])
    if any(each.application_id in token.audiences for each in near):
        return f"The token has several audiences, {audiences}; an OIDC token must have {expected} alone."
    cure = ""
    if CLERK_APPLICATION in [each.application_id for each in near]:
        cure = (
            " With Clerk: the JWT template must be called 'convex', and the page must ask for it: "
            "getToken({template: 'convex'})."
        )
    return f"The token's issuer is right, but its audience ('aud') is {audiences}, and {expected} is expected.{cure}"


_BEGINNINGS: Final = {
    "kid": "Could not decode token.",
    "signature": "Could not decode token.",
    "claims": "Could not validate token:",
    "times": "Could not validate token:",
}


def _refusal(provider: Provider, what: str, cause: str) -> UnauthenticatedError:
    if isinstance(provider, OidcProvider):
        return UnauthenticatedError("Unauthenticated", f"{NOT_VERIFIED} {cause}")
    return UnauthenticatedError("InvalidAuthHeader", f"{_BEGINNINGS[what]} {cause}")


def _or(words: Sequence[Any]) -> str:
    return " or ".join(map(str, words))


def _listed(audiences: Sequence[str]) -> str:
    return ", ".join(map(shown, audiences[:10])) or "missing"


def moment(seconds: float) -> str:
    """A time as people write it, in UTC."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, OSError, ValueError):
        return f"{seconds:.0f} s since 1970"


def said(seconds: float) -> str:
    """A duration as people say it, in its largest unit."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    return f"{seconds:.0f} s"
