"""The filter of a vector search: `lambda q: q.or_(q.eq("genre", "drama"), q.eq("genre", "noir"))`.

Owns:  `VectorFilterBuilder`, `conditions_of`.
Must not know: vectors, documents, how a filter is answered.
Invariant: every filter is a list of equalities of which any may hold.
Source: semantics 6.2.
Threads: a filter belongs to one call.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from nbconvex.database.ranges import with_int64
from nbconvex.errors import CallerError, IndexInvalidError, LimitExceededError
from nbconvex.values.codec import normalize
from nbconvex.values.moments import plain_moment
from nbconvex.values.scalars import UNSET
from nbconvex.values.sort_key import encode_key

_HINT = 'filter=lambda q: q.or_(q.eq("genre", "drama"), q.eq("genre", "noir"))'


class VectorCondition:
    """Equalities of which any may hold."""

    __slots__ = ("equalities",)

    def __init__(self, equalities: tuple[tuple[str, Any], ...]) -> None:
        self.equalities = equalities

    def __repr__(self) -> str:
        parts = [f"q.eq({field!r}, {value!r})" for field, value in self.equalities]
        return parts[0] if len(parts) == 1 else f"q.or_({', '.join(parts)})"

    def __bool__(self) -> NoReturn:
        raise CallerError(
            f"the condition {self!r} of a vector search has no value yet, so `and`, `or`, `not`, `if` do not work on "
            "it.",
            hint=_HINT,
        )


class VectorFilterBuilder:
    """What the `q` of a vector search's filter can do."""

    __slots__ = ()

    def eq(self, field: str, value: Any, /) -> VectorCondition:
        """Only documents whose field is this value; UNSET finds those without the field."""
        if not isinstance(field, str):
            raise CallerError(
                f"q.eq in a vector search takes the field's name first, got {type(field).__name__}.",
                hint='q.eq("genre", value)',
            )
        return VectorCondition(((field, value),))

    def or_(self, *conditions: VectorCondition) -> VectorCondition:
        """Documents for which any of these holds."""
        if not conditions:
            raise CallerError("q.or_() in a vector search has no conditions, so nothing could match.", hint=_HINT)
        return VectorCondition(tuple(each for part in conditions for each in _checked(part).equalities))

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("__"):
                raise AttributeError(name)
            raise CallerError(
                f"the filter of a vector search is a combination of eq and or_, and has no q.{name}. "
                "Narrow further in the query that loads the documents.",
                hint=_HINT,
            )


def _checked(condition: Any) -> VectorCondition:
    if isinstance(condition, VectorCondition):
        return condition
    raise CallerError(
        f"the filter of a vector search is a combination of eq and or_, got {condition!r:.80}.", hint=_HINT
    )


def conditions_of(
    filter: Callable[[VectorFilterBuilder], VectorCondition],
    index: str,
    fields: Sequence[str],
    *,
    int64_fields: Container[str],
    maximum: int,
) -> list[tuple[int, bytes]]:
    """The place in `fields` and the sort key of each equality, each once.

    Shapes:  `index` is `table.index` for messages.
    Raises:  CallerError, IndexInvalidError, LimitExceededError; ValueInvalidError for what is not a value.
    """
    if not callable(filter):
        raise CallerError(f"the filter of a vector search is a function, got {filter!r:.80}.", hint=_HINT)
    equalities = _checked(filter(VectorFilterBuilder())).equalities
    if len(equalities) > maximum:
        raise LimitExceededError(
            "vector_conditions", "the filter of a vector search has too many conditions",
            maximum=maximum, actual=len(equalities), cure="Search several times, or filter by a broader field.",
        )  # fmt: skip
    unknown = next((field for field, _ in equalities if field not in fields), None)
    if unknown is not None:
        known = f"its filter fields are [{', '.join(fields)}]" if fields else "it has none"
        raise IndexInvalidError(
            f'vector index "{index}" has no filter field "{unknown}"; {known}.',
            hint=f'.vector_index(..., filter_fields=[..., "{unknown}"])',
        )
    exact = with_int64([("eq", field, value) for field, value in equalities], int64_fields)
    return list(dict.fromkeys((fields.index(field), encode_key(_plain(field, value))) for _, field, value in exact))


def _plain(field: str, value: Any) -> Any:
    return value if value is UNSET else normalize(plain_moment(value), path=f".{field}")
