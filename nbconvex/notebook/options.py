"""What a user may set with `%config NbConvex` or in the environment.

Owns:  `NbConvex`: the traits, their defaults, and the `NBCONVEX_*` variables that stand in for them.
Must not know: magics, backends.
Invariant: a value that makes no sense is refused with a sentence and the old one stays. It must not raise: IPython
       keeps what was set, and the next `%reload_ext` would fail on it. Source: measured with IPython 9.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Any, Final

from traitlets import Any as AnyTrait
from traitlets import Unicode, validate
from traitlets.config.configurable import Configurable

from nbconvex.errors import CallerError
from nbconvex.functions.http_cors import origins_of
from nbconvex.notebook.picture import ROWS_MAX

SERVE_MODES: Final = ("auto", "always", "never")
LIVE_MODES: Final = ("auto", "widget", "html")
_SIZE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?))?b?\s*", re.IGNORECASE | re.ASCII)


class NbConvex(Configurable):
    """Settings of the nbconvex extension."""

    database = Unicode(
        "",
        help="File or URL of the store, ':memory:' for none. Empty: <notebook name>.duckdb beside the notebook. "
        "Takes effect when the store is opened next. Environment: NBCONVEX_DATABASE.",
    ).tag(config=True)
    live = AnyTrait(
        "auto",
        help="How live views are shown: 'widget', 'html' (redrawn static HTML, saved with the notebook) or 'auto' "
        "(a widget where widgets are installed). Environment: NBCONVEX_LIVE.",
    ).tag(config=True)
    live_rows = AnyTrait(
        ROWS_MAX, help="Rows that a live view sends to the page at most. Environment: NBCONVEX_LIVE_ROWS."
    ).tag(config=True)
    memory_limit = AnyTrait(
        "",
        help="What documents and indexes may take in memory: '2GB', '512MB' or a number of bytes. Empty: a quarter of "
        "the machine's. Takes effect when the store is opened next. Environment: NBCONVEX_MEMORY_LIMIT.",
    ).tag(config=True)
    serve = AnyTrait(
        "auto",
        help="Whether clients can reach the backend: 'auto' (from the first line that needs it, %convex url or "
        "%convex serve), 'always' (as soon as the store is open) or 'never'. Environment: NBCONVEX_SERVE.",
    ).tag(config=True)
    host = Unicode(
        "127.0.0.1",
        help="The network that the server binds to; anything but 127.0.0.1 opens it to other machines. Takes effect "
        "when the server starts next. Environment: NBCONVEX_HOST.",
    ).tag(config=True)
    port = AnyTrait(
        3210,
        help="The port of the API address; the site address has the next one, and busy pairs move up. 0: any two. "
        "Takes effect when the server starts next. Environment: NBCONVEX_PORT.",
    ).tag(config=True)
    allowed_hosts = Unicode(
        "",
        help="Names that the server answers to besides localhost and numbers, with commas: 'app.example.org, "
        "*.example.org', '*' for all. Takes effect when the server starts next. Environment: NBCONVEX_ALLOWED_HOSTS.",
    ).tag(config=True)
    cors_origins = AnyTrait(
        "*",
        help="The origins whose pages may use endpoints that name none themselves, with commas: "
        "'https://app.example.org, http://localhost:5173', '*' for all. Takes effect at once. "
        "Environment: NBCONVEX_CORS_ORIGINS.",
    ).tag(config=True)
    development_tokens = AnyTrait(
        "auto",
        help="Whether tokens of %convex token count: 'auto' (where only this machine is served), 'always' or 'never'. "
        "Takes effect when the server starts next. Environment: NBCONVEX_DEVELOPMENT_TOKENS.",
    ).tag(config=True)
    notes = AnyTrait(
        True,
        help="Show soft notes under cells: a full scan that drops most of what it reads, arguments that nobody checks. "
        "Environment: NBCONVEX_NOTES.",
    ).tag(config=True)
    fold_tracebacks = AnyTrait(
        True, help="Leave nbconvex's own frames out of tracebacks. Environment: NBCONVEX_FOLD_TRACEBACKS."
    ).tag(config=True)

    def __init__(self, **settings: Any) -> None:
        # The last values that made sense: while IPython loads a configuration, the traits already hold the new ones.
        self._kept: dict[str, Any] = {}
        super().__init__(**settings)
        for name in type(self).class_own_traits(config=True):
            text = os.environ.get(f"NBCONVEX_{name.upper()}")
            # What the user's configuration says goes before what the environment says.
            if text and not self._is_configured(name):
                setattr(self, name, text)

    @property
    def memory_bytes_max(self) -> int | None:
        """`memory_limit` in bytes; None where it is not set."""
        return _bytes_of(self.memory_limit)

    @property
    def host_names(self) -> tuple[str, ...]:
        """`allowed_hosts`, one by one."""
        return tuple(self.allowed_hosts.replace(",", " ").split())

    def _is_configured(self, name: str) -> bool:
        return name in self.config.get(type(self).__name__, {})

    @validate("live")
    def _validate_live(self, proposal: dict[str, Any]) -> Any:
        if proposal["value"] in LIVE_MODES:
            return self._accepted("live", proposal["value"])
        return self._refused("live", proposal["value"], "one of " + ", ".join(map(repr, LIVE_MODES)))

    @validate("live_rows")
    def _validate_live_rows(self, proposal: dict[str, Any]) -> Any:
        try:
            rows = int(proposal["value"])
        except (TypeError, ValueError):
            rows = 0
        if 1 <= rows <= 100_000:
            return self._accepted("live_rows", rows)
        return self._refused("live_rows", proposal["value"], "a number from 1 to 100000")

    @validate("memory_limit")
    def _validate_memory_limit(self, proposal: dict[str, Any]) -> Any:
        if proposal["value"] == "" or _bytes_of(proposal["value"]):
            return self._accepted("memory_limit", proposal["value"])
        return self._refused("memory_limit", proposal["value"], "a size such as '2GB' or '512MB', or a number of bytes")

    @validate("serve")
    def _validate_serve(self, proposal: dict[str, Any]) -> Any:
        if proposal["value"] in SERVE_MODES:
            return self._accepted("serve", proposal["value"])
        return self._refused("serve", proposal["value"], "one of " + ", ".join(map(repr, SERVE_MODES)))

    @validate("development_tokens")
    def _validate_development_tokens(self, proposal: dict[str, Any]) -> Any:
        if proposal["value"] in SERVE_MODES:
            return self._accepted("development_tokens", proposal["value"])
        expected = "one of " + ", ".join(map(repr, SERVE_MODES))
        return self._refused("development_tokens", proposal["value"], expected)

    @validate("port")
    def _validate_port(self, proposal: dict[str, Any]) -> Any:
        try:
            port = int(proposal["value"])
        except (TypeError, ValueError):
            port = -1
        if 0 <= port < 65_535:
            return self._accepted("port", port)
        return self._refused("port", proposal["value"], "a number from 0 to 65534")

    @validate("cors_origins")
    def _validate_cors_origins(self, proposal: dict[str, Any]) -> Any:
        try:
            return self._accepted("cors_origins", ", ".join(origins_of(proposal["value"])) or "*")
        except (CallerError, TypeError, AttributeError):
            return self._refused("cors_origins", proposal["value"], "origins such as 'https://app.example.org', or '*'")

    @validate("fold_tracebacks", "notes")
    def _validate_switch(self, proposal: dict[str, Any]) -> Any:
        name = proposal["trait"].name
        words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
        answer = words.get(str(proposal["value"]).lower())
        if answer is not None:
            return self._accepted(name, answer)
        return self._refused(name, proposal["value"], "True or False")

    def _accepted(self, name: str, value: Any) -> Any:
        self._kept[name] = value
        return value

    def _refused(self, name: str, value: Any, expected: str) -> Any:
        kept = self._kept.get(name, self.traits()[name].default_value)
        print(f"NbConvex.{name} must be {expected}, not {value!r}; it stays {kept!r}.", file=sys.stderr)  # noqa: T201
        return kept


def _bytes_of(size: Any) -> int | None:
    """The bytes that a size means: units are powers of 1,000, or of 1,024 with an i (GiB). None where it is no size."""
    found = _SIZE.fullmatch(str(size))
    if found is None or isinstance(size, bool):
        return None
    number, unit, binary = found.groups()
    return int(float(number) * (1_024 if binary else 1_000) ** ("kmgt".index(unit.lower()) + 1 if unit else 0))
