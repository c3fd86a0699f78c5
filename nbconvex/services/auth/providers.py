"""Who may vouch for a caller.

Owns:  `OidcProvider`, `CustomProvider`; reading them from the dicts of an auth.config, and choosing one for a token.
Must not know: how keys are found; how a token is verified.
Invariants: an issuer is reached by https, or is this very machine. A list of providers names each issuer and
application once.
Threads: pure.
Source: wire-protocol 4.4; semantics 10.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from nbconvex.errors import CallerError

Algorithm = Literal["RS256", "ES256", "EdDSA"]

#: What Clerk's JWT template must be called, which puts it into `aud`.
CLERK_APPLICATION: Final = "convex"
CLERK_VARIABLE: Final = "CLERK_JWT_ISSUER_DOMAIN"
#: What an OIDC issuer may sign with, and what a custom one.
OIDC_ALGORITHMS: Final[tuple[Algorithm, ...]] = ("RS256", "EdDSA")
CUSTOM_ALGORITHMS: Final[tuple[Algorithm, ...]] = ("RS256", "ES256", "EdDSA")

_OIDC_EXAMPLE: Final = '{"domain": "https://your-issuer.example", "applicationID": "convex"}'
_CUSTOM_EXAMPLE: Final = (
    '{"type": "customJwt", "issuer": "https://your-issuer.example", '
    '"jwks": "https://your-issuer.example/jwks.json", "algorithm": "ES256", "applicationID": "your-app"}'
)
_OIDC_FIELDS: Final = ("type", "domain", "applicationID")
_CUSTOM_FIELDS: Final = ("type", "issuer", "jwks", "algorithm", "applicationID")
_SPELLINGS: Final = {"application_id": "applicationID"}


@dataclass(frozen=True, slots=True)
class OidcProvider:
    """An issuer that says itself where its keys are. Tokens name `application_id` as their only audience."""

    domain: str
    application_id: str

    @property
    def issuer(self) -> str:
        """The issuer as an address, without a slash at its end."""
        return issuer_key(self.domain)

    @property
    def algorithms(self) -> tuple[Algorithm, ...]:
        """What tokens may be signed with."""
        return OIDC_ALGORITHMS

    def __str__(self) -> str:
        return f"OIDC(domain={self.domain}, app_id={self.application_id})"


@dataclass(frozen=True, slots=True)
class CustomProvider:
    """An issuer whose keys are at a stated address, or stated here as a `data:` address."""

    issuer: str
    jwks: str
    algorithm: Algorithm
    application_id: str | None = None

    @property
    def algorithms(self) -> tuple[Algorithm, ...]:
        """What tokens may be signed with."""
        return (self.algorithm,)

    def __str__(self) -> str:
        return f"CustomJWT(issuer={self.issuer}, app_id={self.application_id})"


Provider = OidcProvider | CustomProvider


def read_providers(trees: Any) -> tuple[Provider, ...]:
    """Providers from a list as in auth.config, or from the whole config `{"providers": [...]}`.

    Raises:  CallerError that names the place.
    """
    if isinstance(trees, Mapping) and "providers" in trees:
        trees = trees["providers"]
    if isinstance(trees, str | Mapping | OidcProvider | CustomProvider) or not isinstance(trees, Iterable):
        raise CallerError(
            "providers is a list, with one dict for each provider.", hint=f"providers = [{_OIDC_EXAMPLE}]"
        )
    found: list[Provider] = []
    for number, tree in enumerate(trees):
        try:
            provider = read_provider(tree)
        except CallerError as error:
            raise CallerError(f"providers[{number}]: {error.message}", hint=error.hint) from None
        if any(same_tokens(provider, each) for each in found):
            raise CallerError(
                f"providers[{number}]: {provider} is there twice; one issuer and application can have one provider."
            )
        found.append(provider)
    return tuple(found)


def read_provider(tree: Any) -> Provider:
    """One provider from a dict as in auth.config; a provider stays what it is.

    Raises:  CallerError.
    """
    if isinstance(tree, OidcProvider | CustomProvider):
        return tree
    if not isinstance(tree, Mapping):
        raise CallerError(f"a provider is a dict, not {type(tree).__name__}.", hint=_OIDC_EXAMPLE)
    fields: dict[str, Any] = {_SPELLINGS.get(str(name), str(name)): each for name, each in tree.items()}
    kind = fields.get("type")
    if kind == "customJwt":
        return _custom(fields)
    if kind is None or kind == "oidc":
        return _oidc(fields)
    raise CallerError(f'type is "customJwt", or left out for OIDC, not {kind!r}.', hint=_CUSTOM_EXAMPLE)


def write_provider(provider: Provider) -> dict[str, Any]:
    """A provider as a dict, as in auth.config."""
    if isinstance(provider, OidcProvider):
        return {"domain": provider.domain, "applicationID": provider.application_id}
    tree = {"type": "customJwt", "issuer": provider.issuer, "jwks": provider.jwks, "algorithm": provider.algorithm}
    return tree if provider.application_id is None else {**tree, "applicationID": provider.application_id}


def clerk_provider(domain: str | None, environment: Mapping[str, str]) -> OidcProvider:
    """Clerk: `domain` is its Frontend API URL, by default that of the environment.

    Raises:  CallerError that names the variable.
    """
    if not domain:
        domain = environment.get(CLERK_VARIABLE, "").strip()
        if not domain:
            raise CallerError(
                f"Clerk's issuer is not known: the environment variable {CLERK_VARIABLE} is not set. Clerk shows the "
                "address as Frontend API URL (https://verb-noun-00.clerk.accounts.dev).",
                hint=f'os.environ["{CLERK_VARIABLE}"] = "https://verb-noun-00.clerk.accounts.dev"',
            )  # fmt: skip
        try:
            return OidcProvider(checked_issuer(domain), CLERK_APPLICATION)
        except CallerError as error:
            raise CallerError(f"the environment variable {CLERK_VARIABLE}: {error.message}", hint=error.hint) from None
    return OidcProvider(checked_issuer(domain), CLERK_APPLICATION)


def _oidc(fields: Mapping[str, Any]) -> OidcProvider:
    if "domain" not in fields and {"jwks", "issuer", "algorithm"} & fields.keys():
        raise CallerError('a provider with jwks needs "type": "customJwt".', hint=_CUSTOM_EXAMPLE)
    _refuse_unknown(fields, _OIDC_FIELDS, _OIDC_EXAMPLE)
    domain = _text(fields, "domain", _OIDC_EXAMPLE)
    return OidcProvider(checked_issuer(domain), _text(fields, "applicationID", _OIDC_EXAMPLE))


def _custom(fields: Mapping[str, Any]) -> CustomProvider:
    _refuse_unknown(fields, _CUSTOM_FIELDS, _CUSTOM_EXAMPLE)
    algorithm = _text(fields, "algorithm", _CUSTOM_EXAMPLE)
    if algorithm not in CUSTOM_ALGORITHMS:
        raise CallerError(
            f"algorithm is one of {', '.join(CUSTOM_ALGORITHMS)}, not {algorithm!r}. Algorithms with a shared secret "
            "(HS256) would let everybody who can check a token make one."
        )
    jwks = _text(fields, "jwks", _CUSTOM_EXAMPLE)
    if not jwks.startswith("data:"):
        _check_address(jwks, "jwks")
    application_id = _text(fields, "applicationID", _CUSTOM_EXAMPLE) if "applicationID" in fields else None
    return CustomProvider(
        checked_issuer(_text(fields, "issuer", _CUSTOM_EXAMPLE)), jwks, algorithm, application_id
    )  # fmt: skip


def _refuse_unknown(fields: Mapping[str, Any], known: Sequence[str], example: str) -> None:
    unknown = [str(name) for name in fields if name not in known]
    if unknown:
        raise CallerError(f"a provider has no {', '.join(unknown)}; it has {', '.join(known)}.", hint=example)


def _text(fields: Mapping[str, Any], name: str, example: str) -> str:
    value = fields.get(name)
    if isinstance(value, str) and value.strip():
        return value.strip()
    if name in fields and (value is None or isinstance(value, str)):
        raise CallerError(
            f"{name} is {value!r}. If it comes from an environment variable, that is not set: for Clerk it is "
            f"{CLERK_VARIABLE}.",
            hint=example,
        )
    found = "is missing" if name not in fields else f"is text, not {type(value).__name__}"
    raise CallerError(f"{name} {found}.", hint=example)


def checked_issuer(text: str) -> str:
    """An issuer that may be believed, as it was written but for a scheme.

    Raises:  CallerError for plain http to another machine, and for what is no address.
    """
    text = text.strip()
    address = text if "://" in text else f"https://{text}"
    parts = _check_address(address, "the issuer")
    if parts.query or parts.fragment:
        raise CallerError(f"the issuer {text!r} has a query or a fragment; an issuer is an address without them.")
    return address


def _check_address(address: str, what: str) -> Any:
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise CallerError(f"{what} {address!r} is no address.") from None
    if not host or not address.isprintable() or " " in address:
        raise CallerError(f"{what} {address!r} is no address.")
    if parts.username is not None:
        raise CallerError(f"{what} has a user name in it; an address of public keys needs none.")
    if parts.scheme == "http" and not is_loopback(host):
        raise CallerError(
            f"{what} {address!r} is plain http: whoever is on the way could put keys of their own there. Only "
            "localhost may be.",
            hint=address.replace("http://", "https://", 1),
        )
    if parts.scheme not in {"http", "https"}:
        raise CallerError(f"{what} {address!r} begins with {parts.scheme}://; it is https://.")
    return parts


def is_loopback(host: str | None) -> bool:
    """Whether a host's name or number is this machine, and cannot be another one."""
    if not host:
        return False
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def issuer_key(issuer: str) -> str:
    """An issuer as it is compared: with a scheme, without a slash at the end."""
    text = issuer.strip().rstrip("/")
    return text if "://" in text else f"https://{text}"


def same_tokens(one: Provider, other: Provider) -> bool:
    """Whether two providers are for the same tokens."""
    return issuer_key(one.issuer) == issuer_key(other.issuer) and one.application_id == other.application_id


def with_issuer(providers: Iterable[Provider], issuer: str) -> tuple[Provider, ...]:
    """The providers of an issuer."""
    wanted = issuer_key(issuer)
    return tuple(each for each in providers if issuer_key(each.issuer) == wanted)


def matching(providers: Iterable[Provider], issuer: str, audiences: Sequence[str]) -> Provider | None:
    """The first provider for tokens of this issuer and these audiences: OIDC wants its own alone, others among them."""
    for each in with_issuer(providers, issuer):
        if isinstance(each, OidcProvider):
            if tuple(audiences) == (each.application_id,):
                return each
        elif each.application_id is None or each.application_id in audiences:
            return each
    return None
