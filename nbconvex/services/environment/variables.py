"""The variables of one backend, as plain code sees them: `backend.env`.

Owns:  `Variables`: setting, removing and listing them; what they may be called and hold; what hides their values in
what functions print.
Must not know: notebooks; how a function reads one.
Invariants: a variable is a document of `_environment`, so it survives a restart, and who has read it hears of a change.
A value stands in no error and in no `repr`.
Threads: any.
Source: semantics 1.9, 12.1.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from nbconvex.database.system_tables import ENVIRONMENT_TABLE
from nbconvex.errors import CallerError, LimitExceededError, VariableMissingError
from nbconvex.functions import environment
from nbconvex.functions.environment import BUILT_IN, Urls, internal_id
from nbconvex.functions.run import CURRENT
from nbconvex.functions.scheduling import in_own_transaction
from nbconvex.values.codec import decode_document

if TYPE_CHECKING:
    from nbconvex.database.transaction import Transaction
    from nbconvex.functions.runner import Runner

#: Shorter values are not hidden in what functions print: they stand in every other word.
MASKED_MIN: Final = 6
READER: Final = "_environment"
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable without its value.

    Units:  `characters` is the length of its value; `updated_ms` in milliseconds since 1970 UTC.
    """

    name: str
    characters: int
    updated_ms: float


class Variables(Mapping[str, str]):
    """`backend.env["MODE"]`, `backend.env.set("MODE", "test")`, `backend.env.remove("MODE")`."""

    def __init__(self, runner: Runner, *, on_moved: Callable[[], None]) -> None:
        self._runner = runner
        self._on_moved = on_moved
        self._lock = threading.Lock()
        self._remask()

    # -- looking -----------------------------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> str:
        if name in BUILT_IN:
            found = self._runner.environment.url(name)
            if found is None:
                raise VariableMissingError("", name)
            return found
        document = environment.document_of(self._runner.database.snapshot, name)
        if document is None:
            raise VariableMissingError("", name)
        value: str = document["value"]
        return value

    def __iter__(self) -> Iterator[str]:
        return iter([each.name for each in self.variables()])

    def __len__(self) -> int:
        return len(self._runner.database.snapshot.tables[ENVIRONMENT_TABLE].documents)

    def __repr__(self) -> str:
        return f"<variables: {', '.join(self) or 'none'}>"

    def variables(self) -> list[Variable]:
        """What there is, without values, by name."""
        found = [
            Variable(each["name"], len(each["value"]), each["updatedTime"])
            for each in map(decode_document, self._payloads())
        ]
        return sorted(found, key=lambda each: each.name)

    def _payloads(self) -> list[bytes]:
        return [payload for _, payload in self._runner.database.snapshot.tables[ENVIRONMENT_TABLE].documents.entries()]

    # -- changing ----------------------------------------------------------------------------------------------------

    def set(self, name: str, value: str) -> None:
        """Give a variable a value, durably. Functions that run from now on find it.

        Raises:  CallerError for a name or value that cannot be; LimitExceededError.
        """
        self.set_all({name: value})

    def set_all(self, values: Mapping[str, str]) -> None:
        """Give several variables values, all of them or none.

        Raises:  as `set`.
        """
        _require_plain_code()
        for name, value in values.items():
            self._require(name, value)

        def change(tx: Transaction) -> None:
            count = len(tx.snapshot.tables[ENVIRONMENT_TABLE].documents)
            for name, value in values.items():
                old = tx.get_system(ENVIRONMENT_TABLE, internal_id(name))
                fields = {"name": name, "value": value, "updatedTime": tx.now_ms}
                if old is None:
                    count += 1
                    tx.put_system(ENVIRONMENT_TABLE, fields, internal=internal_id(name))
                elif old["value"] != value:
                    tx.change_system(ENVIRONMENT_TABLE, internal_id(name), {**old, **fields})
            maximum = self._runner.limits.env_variables
            if count > maximum:
                raise LimitExceededError(
                    "env_variables", "there would be too many variables", maximum=maximum, actual=count
                )

        in_own_transaction(self._runner, READER, change)
        self._remask()

    def remove(self, name: str) -> None:
        """Take a variable away.

        Raises:  VariableMissingError if there is none of that name.
        """
        _require_plain_code()

        def change(tx: Transaction) -> None:
            if tx.get_system(ENVIRONMENT_TABLE, internal_id(name)) is None:
                raise VariableMissingError("", name)
            tx.change_system(ENVIRONMENT_TABLE, internal_id(name), None)

        in_own_transaction(self._runner, READER, change)
        self._remask()

    def _require(self, name: Any, value: Any) -> None:
        limits = self._runner.limits
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise CallerError(
                f"a variable's name has letters, digits and _, and begins with no digit, got {name!r:.80}.",
                hint="EMAIL_API_KEY",
            )
        if name in BUILT_IN:
            raise CallerError(f"{name} says where this backend is served; it cannot be set.")
        if len(name) > limits.env_name_length:
            raise LimitExceededError(
                "env_name_length", f"the name {name} is too long", maximum=limits.env_name_length, actual=len(name)
            )
        if not isinstance(value, str):
            raise CallerError(f"the value of {name} must be text, got {type(value).__name__}.", hint="str(...)")
        size = len(value.encode(errors="replace"))
        if size > limits.env_value_bytes:
            raise LimitExceededError(
                "env_value_bytes", f"the value of {name} is too long", maximum=limits.env_value_bytes, actual=size,
                cure="Keep large things in a document or a file.",
            )  # fmt: skip

    def _remask(self) -> None:
        """Have what functions print hide the values of now."""
        with self._lock:
            self._runner.environment.mask = self._mask()

    def _mask(self) -> Callable[[str], str] | None:
        names = {
            document["value"]: document["name"]
            for document in map(decode_document, self._payloads())
            if len(document["value"]) >= MASKED_MIN
        }
        if not names:
            return None
        # The longest first: one value may begin like another.
        pattern = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))
        return lambda text: pattern.sub(lambda found: f"[{names[found[0]]}]", text)

    # -- where it is served ------------------------------------------------------------------------------------------

    def serve_at(self, urls: Urls) -> Callable[[], None]:
        """Have CONVEX_CLOUD_URL and CONVEX_SITE_URL be what `urls` gives; it may start a server.

        The newest that gives any counts. The result takes that back.
        """
        return self._runner.environment.serve_at(urls)

    def moved(self, urls: tuple[str, str]) -> None:
        """The backend is served at `urls` from now on: whoever was told otherwise is told."""
        shared = self._runner.environment
        if shared.told not in {None, urls}:
            shared.told = urls
            self._on_moved()


def read_env_file(text: str) -> dict[str, str]:
    """The variables of a `.env` file: `NAME=value` lines, with or without `export`, quotes and comments.

    Raises:  CallerError that names the line and not what stands in it.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip().removeprefix("export ").strip()
        if not bare or bare.startswith("#"):
            continue
        name, equals, value = bare.partition("=")
        if not equals or not _NAME.fullmatch(name.strip()):
            raise CallerError(f"line {number} of the file is no NAME=value.")
        found[name.strip()] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] in "'\"":
        end = value.find(value[0], 1)
        if end > 0:
            inner = value[1:end]
            return inner.replace("\\n", "\n") if value[0] == '"' else inner
    return re.sub(r"\s+#.*\Z", "", value)


def _require_plain_code() -> None:
    run = CURRENT.get()
    if run is not None:
        raise CallerError(
            f"{run.path}: a function reads variables with ctx.env and sets none; plain code does.",
            hint='backend.env.set("NAME", "value")   or   %convex env set NAME',
        )
