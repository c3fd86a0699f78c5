"""What a page asks for, taken apart and not believed.

Owns:  reading texts, numbers, flags, choices, lists and ids out of a request.
Must not know: panels.
Invariant: whatever a page sends, the answer is a value of the type that was asked for, or a `CallerError` that names
the field.
Threads: pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NoReturn

from nbconvex.errors import CallerError

#: Characters of a word that a page searches for, or of a name.
TEXT_MAX: Final = 1_000
#: Characters of a value or of a document that was written by hand: one of the greatest size, spelled out.
VALUE_MAX: Final = 5_000_000


def text_in(request: Mapping[str, Any], name: str, *, characters_max: int = TEXT_MAX) -> str:
    """A text, empty where there is none.

    Raises:  CallerError for what is no text, or too long.
    """
    given = request.get(name)
    if given is None:
        return ""
    if not isinstance(given, str):
        _refuse(name, "a text", given)
    if len(given) > characters_max:
        raise CallerError(f"{name} has {len(given):,} characters; {characters_max:,} are enough for anybody.")
    return given


def required_text_in(request: Mapping[str, Any], name: str, what: str) -> str:
    """A text that has to be there; `what` says what it stands for.

    Raises:  CallerError.
    """
    given = text_in(request, name)
    if not given:
        raise CallerError(f"{name} is missing: {what}.")
    return given


def flag_in(request: Mapping[str, Any], name: str) -> bool:
    """True or False; absent is False.

    Raises:  CallerError.
    """
    given = request.get(name)
    if given is None:
        return False
    if not isinstance(given, bool):
        _refuse(name, "true or false", given)
    return given


def count_in(request: Mapping[str, Any], name: str, otherwise: int, *, most: int) -> int:
    """A whole number from 0 to `most`, which larger ones become; `otherwise` where there is none.

    Raises:  CallerError for what is no such number.
    """
    given = request.get(name)
    if given is None:
        return otherwise
    if isinstance(given, bool) or not isinstance(given, int | float) or given != given or given < 0:  # noqa: PLR0124
        _refuse(name, "a number, 0 or more", given)
    return int(min(given, most))


def choice_in(request: Mapping[str, Any], name: str, choices: Collection[str]) -> str:
    """One of `choices`, empty where there is none.

    Raises:  CallerError.
    """
    given = text_in(request, name)
    if given and given not in choices:
        raise CallerError(f"{name} is one of {', '.join(choices)}, not {given!r:.60}.")
    return given


def mapping_in(request: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object, empty where there is none.

    Raises:  CallerError.
    """
    given = request.get(name)
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        _refuse(name, "an object", given)
    return given


def list_in(request: Mapping[str, Any], name: str, *, most: int) -> Sequence[Any]:
    """A list, empty where there is none.

    Raises:  CallerError for what is none, or too long.
    """
    given = request.get(name)
    if given is None:
        return []
    if not isinstance(given, list):
        _refuse(name, "a list", given)
    if len(given) > most:
        raise CallerError(f"{name} has {len(given):,} elements; at most {most:,} are allowed.")
    return given


def refuse_action(panel: str, action: Any, known: Collection[str]) -> NoReturn:
    """Say that a panel does no such thing.

    Raises:  CallerError.
    """
    can = f"it knows {', '.join(known)}" if known else "it only shows"
    raise CallerError(f"the panel {panel} has no action {action!r:.60}; {can}.")


def _refuse(name: str, wanted: str, given: Any) -> NoReturn:
    raise CallerError(f"{name} must be {wanted}, got {type(given).__name__} {given!r:.60}.")
