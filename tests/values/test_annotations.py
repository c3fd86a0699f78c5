"""Annotations as a second spelling of validators."""
# ruff: noqa: F821 - Id["users"] names a table, not a type

import collections.abc
import dataclasses
import datetime as dt
import decimal
import enum
import typing
from typing import Annotated, Any, ClassVar, Literal, NotRequired, Optional, Required, TypedDict, Union

import pytest

from nbconvex.errors import SchemaInvalidError
from nbconvex.values.annotations import (
    Reading,
    class_annotations,
    fields_from_class,
    is_typed_class,
    resolve_annotation,
    validator_from_annotation,
)
from nbconvex.values.scalars import Id, Int64
from nbconvex.values.validators import v


class Address(TypedDict):
    city: str
    street: NotRequired[str]


class Loose(TypedDict, total=False):
    a: Required[int]
    b: "Address"


class Derived(Address):
    zip: str


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0
    tags: "list[str]" = dataclasses.field(default_factory=list)
    kind: ClassVar[str] = "point"


class Message:
    body: str
    stars: float
    mood: str | None
    draft: bool = False


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Looped:
    inside: "Looped | None"


Name = typing.NewType("Name", str)
ADDRESS = v.object({"city": v.string(), "street": v.optional(v.string())})

MEANINGS = [
    (str, v.string()),
    (float, v.number()),
    (int, v.integer()),
    (bool, v.boolean()),
    (bytes, v.bytes()),
    (None, v.null()),
    (type(None), v.null()),
    (Int64, v.int64()),
    (Any, v.any()),
    (object, v.any()),
    (Id["users"], v.id("users")),
    ("Id['users']", v.id("users")),
    (list[str], v.array(v.string())),
    (list["str"], v.array(v.string())),
    (collections.abc.Sequence[str], v.array(v.string())),
    (list, v.array(v.any())),
    (dict[str, float], v.record(v.string(), v.number())),
    (collections.abc.Mapping[str, float], v.record(v.string(), v.number())),
    (dict[Id["users"], int], v.record(v.id("users"), v.integer())),
    (dict, v.object({}, rest=v.any())),
    (dict[str, Any], v.object({}, rest=v.any())),
    (str | None, v.nullable(v.string())),
    (Optional[str], v.nullable(v.string())),  # noqa: UP045 - people write it
    (Union[str, int], v.union(v.string(), v.integer())),  # noqa: UP007 - people write it
    (Id["users"] | None, v.nullable(v.id("users"))),
    (Literal["a"], v.literal("a")),
    (Literal["a", 1, None], v.union(v.literal("a"), v.literal(1), v.null())),  # noqa: PYI061 - people write it
    (Annotated[str, "words"], v.string()),
    (Annotated[str, v.bytes()], v.bytes()),
    (Name, v.string()),
    (Address, ADDRESS),
    (list[Address], v.array(ADDRESS)),
    ("list[Address]", v.array(ADDRESS)),
    (Loose, v.object({"a": v.integer(), "b": v.optional(ADDRESS)})),
    (Derived, ADDRESS.extend({"zip": v.string()})),
    (Point, v.object({"x": v.number(), "y": v.optional(v.number()), "tags": v.optional(v.array(v.string()))})),
    (
        Message,
        v.object(
            {"body": v.string(), "stars": v.number(), "mood": v.nullable(v.string()), "draft": v.optional(v.boolean())}
        ),
    ),
    (v.int64(), v.int64()),
]


@pytest.mark.parametrize(("annotation", "validator"), MEANINGS)
def test_annotations_mean_validators(annotation, validator):
    assert validator_from_annotation(annotation, localns=globals()) == validator


REFUSALS = [
    (dt.date, "date does not stand", "str"),
    (decimal.Decimal, "Decimal does not stand", "str  # keeps every digit"),
    (set[str], "set[str] does not stand", "list[...]"),
    (set, "set does not stand", "list[...]"),
    (tuple[int, int], "tuple[int, int] does not stand", "list[...]"),
    (Colour, "Colour does not stand", "Literal['red', 'blue']"),
    (int | complex, "complex does not stand", "list[float]"),
    (collections.abc.Callable[[], int], "does not stand", None),
    (5, "5 does not stand for a type of value", None),
    ("Nope", 'names "Nope", which is not defined. Run the cell that defines it', None),
    ("list[", "cannot be read", None),
    (Looped, "class Looped contains itself", "of another document"),
    (dict[int, str], "the key of v.record must be v.string()", None),
]


@pytest.mark.parametrize(("annotation", "words", "cure"), REFUSALS)
def test_other_annotations_are_refused_with_a_cure(annotation, words, cure):
    with pytest.raises(SchemaInvalidError) as caught:
        validator_from_annotation(annotation, localns=globals())
    assert words in str(caught.value)
    if cure is not None:
        assert cure in caught.value.hint


def test_refusals_inside_a_class_name_the_field():
    class Wrong:
        when: dt.date

    with pytest.raises(SchemaInvalidError, match='class Wrong, field "when": date does not stand'):
        fields_from_class(Wrong)
    with pytest.raises(SchemaInvalidError, match='table "t", field "when"'):
        fields_from_class(Wrong, where='table "t"')


def test_annotations_of_bases_come_first():
    class More(Message):
        extra: int

    # A class with a base is not taken for a typed class by itself, but its fields can be asked for.
    assert list(fields_from_class(More)) == ["body", "stars", "mood", "draft", "extra"]


def test_names_of_a_cell_are_found():
    """A class made by a cell belongs to a module that nobody can import."""
    scope = {"__name__": "cell that is no module"}
    exec("class Inner:\n    a: str\nclass Outer:\n    inner: 'Inner'", scope)
    assert fields_from_class(scope["Outer"], localns=scope) == {"inner": v.object({"a": v.string()})}
    with pytest.raises(SchemaInvalidError, match='"Inner", which is not defined'):
        fields_from_class(scope["Outer"])


@pytest.mark.parametrize(
    ("tp", "expected"),
    [
        (Address, True),
        (Point, True),
        (Message, True),
        (str, False),
        (Colour, False),
        (type("E", (), {}), False),
        (5, False),
    ],
)
def test_typed_classes_are_known(tp, expected):
    assert is_typed_class(tp) is expected


def test_annotations_are_resolved_where_they_were_written():
    assert resolve_annotation("str", Reading("here")) is str
    assert class_annotations(Point, Reading("here"))["tags"] == list[str]
