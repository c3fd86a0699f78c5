"""What a panel of the dashboard is, and reading what a page asks of one.

Owns:  `Panel`; `word`, `whole`, `flag`, `mapping`, `items`, which read one argument each.
Must not know: any panel; pages.
Invariant: whatever comes from a page is a stranger's until one of these has looked at it.
Threads: pure functions; a panel's `view` and `act` may be called by several threads at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from nbconvex.errors import CallerError

#: Characters of a text that a page sends in one argument: a document of the greatest size, spelled out.
WORD_CHARACTERS_MAX = 4_000_000
#: Elements of a list that a page sends in one argument.
ITEMS_MAX = 1_000


class Panel(Protocol):
    """One panel of the dashboard.

    Fields:  `name` is what pages call it, `title` what people do; with `follows_calls` its view is made again when
    functions have run, not only when something was committed.
    """

    name: str
    title: str
    follows_calls: bool

    def view(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What is to be seen, safe for JSON and bounded. It is asked again and again: cheap, and the same for the same
        data.

        Raises:  NbconvexError for a request that cannot be met.
        """

    def act(self, action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Do something, and say what came of it, safe for JSON.

        Raises:  NbconvexError; whatever the app's own functions raise.
        """


def word(arguments: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A text. Raises: CallerError for anything else, and where it is missing and has no default."""
    value = arguments.get(name, default)
    if not isinstance(value, str):
        raise _refusal(name, "a text", value)
    if len(value) > WORD_CHARACTERS_MAX:
        raise CallerError(f'"{name}" is too long: {len(value):,} characters; at most {WORD_CHARACTERS_MAX:,}.')
    return value


def whole(arguments: Mapping[str, Any], name: str, default: int, maximum: int) -> int:
    """A whole number from 0 to `maximum`. Raises: CallerError."""
    value = arguments.get(name, default)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= maximum:
        raise _refusal(name, f"a whole number from 0 to {maximum:,}", value)
    return value


def flag(arguments: Mapping[str, Any], name: str, *, default: bool = False) -> bool:
    """True or false. Raises: CallerError."""
    value = arguments.get(name, default)
    if not isinstance(value, bool):
        raise _refusal(name, "true or false", value)
    return value


def mapping(arguments: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object, empty where it is missing. Raises: CallerError."""
    value = arguments.get(name, {})
    if not isinstance(value, Mapping):
        raise _refusal(name, "an object", value)
    return value


def items(arguments: Mapping[str, Any], name: str, maximum: int = ITEMS_MAX) -> Sequence[Any]:
    """A list, empty where it is missing. Raises: CallerError."""
    value = arguments.get(name, [])
    if not isinstance(value, list):
        raise _refusal(name, "a list", value)
    if len(value) > maximum:
        raise CallerError(f'"{name}" has {len(value):,} elements; at most {maximum:,}.')
    return value


def unknown_action(panel: str, action: str, known: Sequence[str]) -> CallerError:
    """What a panel raises for an action that it has not."""
    return CallerError(f'the panel "{panel}" has no action {action[:50]!r}. It has {", ".join(known)}.')


def _refusal(name: str, wanted: str, value: Any) -> CallerError:
    shown = "nothing" if value is None else f"{type(value).__name__} {str(value)[:50]!r}"
    return CallerError(f'the dashboard\'s page sent {shown} as "{name}"; it has to be {wanted}.')
