"""What a field holds that nobody gave a value: a constant, or what a function makes.

Owns:  `Default`; what may be one; its source form and its JSON form.
Must not know: validators; when a default is asked for.
Invariants: a constant is a value, and each use gets a copy of its own. A function is code and is not kept with the
schema, only its name is: after a store was opened again it is missing until its schema cell has been run.
Threads: may be shared.
Source: product 3, semantics 14 row 17.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from nbconvex.errors import CallerError, LimitExceededError, SchemaInvalidError, ValueInvalidError
from nbconvex.values.codec import from_json, to_json
from nbconvex.values.foreign import shown
from nbconvex.values.moments import without_times
from nbconvex.values.normalization import normalize
from nbconvex.values.sort_key import encode_key

#: Types whose call without arguments gives the same each time.
_EMPTY: Final = (list, dict, str, int, float, bool, bytes)


class _NoDefault:
    """Stands for a default that was not given, which None would not."""

    def __repr__(self) -> str:
        return "..."


NO_DEFAULT: Final[Any] = _NoDefault()


@dataclass(frozen=True, slots=True, eq=False)
class Default:
    """What an absent field is filled with: `constant`, unless there is the name of a function."""

    constant: Any = None
    name: str = ""
    factory: Callable[[], Any] | None = None

    @property
    def is_constant(self) -> bool:
        """Whether it is the same value each time."""
        return not self.name

    def value(self) -> Any:
        """A value for one document, which belongs to the caller.

        Raises:  whatever its function raises; ValueInvalidError where that gives no value; CallerError where it is
                 missing.
        """
        if self.factory is not None:
            return normalize(without_times(self.factory()), path=f"the result of {self.name}()")
        if self.name:
            raise CallerError(
                f"a default is made by the function {self.name}, which is code, and is not kept in the store: run the "
                "%%schema cell again, or push the schema."
            )
        constant = self.constant
        # Flat ones cannot be changed by whoever gets them.
        return normalize(constant) if type(constant) in {list, dict} else constant

    def source(self) -> str:
        """As it is written behind `default=`."""
        if self.name:
            return self.name
        constant = self.constant
        return json.dumps(constant, ensure_ascii=False) if type(constant) is str else repr(constant)

    def to_json(self) -> dict[str, Any]:
        """The tree that `from_json` makes it of again, a function's without the function."""
        return {"function": self.name} if self.name else {"value": to_json(self.constant)}

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Default:
        """The default that `tree` was written from."""
        return cls(name=tree["function"]) if "function" in tree else cls(from_json(tree["value"]))

    def _identity(self) -> tuple[str, bytes]:
        return (self.name, b"" if self.name else encode_key(self.constant))

    def __eq__(self, other: object) -> bool:
        return self._identity() == other._identity() if isinstance(other, Default) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._identity())


def default_of(given: Any, *, place: str) -> Default:
    """The default that was given for `place`.

    Raises:  SchemaInvalidError for what is no value and no function without arguments.
    """
    if any(given is kind for kind in _EMPTY):
        return Default(given())
    if callable(given):
        try:
            inspect.signature(given).bind()
        except TypeError:
            raise SchemaInvalidError(
                f"{place}: a default is a value or a function without arguments, and {shown(given)} takes some",
                hint="default=lambda: ...",
            ) from None
        except ValueError:  # a builtin that does not say
            pass
        return Default(name=getattr(given, "__qualname__", None) or type(given).__qualname__, factory=given)
    try:
        return Default(normalize(without_times(given)))
    except (ValueInvalidError, LimitExceededError) as error:
        raise SchemaInvalidError(f"{place}: its default cannot be stored: {error}") from None
