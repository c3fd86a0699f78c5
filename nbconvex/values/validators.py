"""Validators: descriptions of which values are allowed.

Owns:  the tree of validators, its constructors `v`, its source form, its JSON form, equality.
Must not know: how a check runs (`validator_check`), which tables or functions use it.
Invariants: a validator is immutable; two are equal when they print alike up to the order of an object's fields.
Threads: may be shared.
Source: semantics 2.2.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, TypeVar

from nbconvex.errors import SchemaInvalidError, ValueInvalidError
from nbconvex.values.defaults import NO_DEFAULT, Default, default_of
from nbconvex.values.foreign import shown
from nbconvex.values.normalization import is_identifier
from nbconvex.values.scalars import NUMBER_MAX, Int64
from nbconvex.values.validator_rules import record_key, refuse_mixed_times
from nbconvex.values.validator_teaching import check_on_delete, not_a_validator, unknown_word

#: From the number of a table to its name.
TableNames = Mapping[int, str]
#: A compiled validator: returns the value (an int turned into Int64 where that is asked for) or raises
#: ValidationProblem.
Check = Callable[[Any, TableNames | None], Any]

V = TypeVar("V", bound="Validator")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Validator:
    """Which values are allowed. Made with `v`; printed in the source form that makes it again.

    Fields:  `default` is what an absent field is filled with where a document is written or a function is called.
    """

    is_optional: bool = field(default=False, kw_only=True)
    default: Default | None = field(default=None, kw_only=True)
    _check: Check | None = field(default=None, init=False)

    @property
    def kind(self) -> str:
        """null, float64, int64, datetime, boolean, string, bytes, any, id, literal, array, object, record or union."""
        raise NotImplementedError

    def check(self, value: Any, table_names: TableNames | None = None) -> Any:
        """The value itself, plain ints turned into Int64 where the validator asks for them.

        The value is taken to be normalized. Without `table_names`, ids are only decoded.

        Raises:  ValidationProblem.
        """
        from nbconvex.values.validator_check import compile_check

        return compile_check(self)(value, table_names)

    def to_json(self) -> Any:
        """The tree that `from_json` makes the same validator of."""
        inner = self._inner_json()
        if self.default is not None:
            inner = {**inner, "default": self.default.to_json()}
        return {"type": "optional", "value": inner} if self.is_optional else inner

    def _inner_json(self) -> Any:
        raise NotImplementedError

    def _source(self) -> str:
        raise NotImplementedError

    def _identity(self) -> tuple[Any, ...]:
        """What equality compares; hashable."""
        return (self._source(),)

    def required(self) -> Self:
        """The same validator, not optional."""
        return dataclasses.replace(self, is_optional=False) if self.is_optional else self

    def optional(self) -> Self:
        """The same validator, optional."""
        return self if self.is_optional else dataclasses.replace(self, is_optional=True)

    def __str__(self) -> str:
        source = self._source()
        if self.default is not None:
            comma = "" if source.endswith("()") else ", "
            source = f"{source[:-1]}{comma}default={self.default.source()})"
        return f"v.optional({source})" if self.is_optional else source

    def __repr__(self) -> str:
        return str(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Validator):
            return NotImplemented
        return self._whole_identity() == other._whole_identity()

    def __hash__(self) -> int:
        return hash(self._whole_identity())

    def _whole_identity(self) -> tuple[Any, ...]:
        return (self.is_optional, self.default, self._identity())


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SimpleValidator(Validator):
    """Values of one type, or any value.

    Fields:  `is_whole`, of float64 only: numbers without a fraction, which come out as ints (the annotation `int`).
    """

    name: str
    is_whole: bool = False

    _JSON: ClassVar[dict[str, str]] = {"float64": "number", "int64": "bigint", "datetime": "number"}

    @property
    def kind(self) -> str:
        return self.name

    def _inner_json(self) -> Any:
        tree: dict[str, Any] = {"type": self._JSON.get(self.name, self.name)}
        if self.is_whole:
            tree["whole"] = True
        if self.name == "datetime":
            tree["datetime"] = True
        return tree

    def _source(self) -> str:
        return "v.integer()" if self.is_whole else f"v.{self.name}()"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class IdValidator(Validator):
    """Ids of one table. Whether a document exists is not asked, except with `on_delete` in a table's field."""

    table_name: str
    on_delete: str | None = None

    @property
    def kind(self) -> str:
        return "id"

    def _inner_json(self) -> Any:
        tree = {"type": "id", "tableName": self.table_name}
        return tree if self.on_delete is None else {**tree, "onDelete": self.on_delete}

    def _source(self) -> str:
        more = "" if self.on_delete is None else f", on_delete={json.dumps(self.on_delete)}"
        return f"v.id({json.dumps(self.table_name)}{more})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LiteralValidator(Validator):
    """Exactly one value: a string, number, Int64 or boolean."""

    value: str | float | bool | Int64

    @property
    def kind(self) -> str:
        return "literal"

    def _inner_json(self) -> Any:
        from nbconvex.values.codec import to_json

        return {"type": "literal", "value": to_json(self.value)}

    def _source(self) -> str:
        value = self.value
        return f"v.literal({json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)})"

    def _identity(self) -> tuple[Any, ...]:
        # 5 and 5.0 are one number, True and 1 are not.
        from nbconvex.values.sort_key import encode_key

        return ("literal", encode_key(self.value))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ArrayValidator(Validator):
    """Lists whose elements all match."""

    element: Validator

    @property
    def kind(self) -> str:
        return "array"

    def _inner_json(self) -> Any:
        return {"type": "array", "value": self.element.to_json()}

    def _source(self) -> str:
        return f"v.array({self.element})"

    def _identity(self) -> tuple[Any, ...]:
        return ("array", self.element)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ObjectValidator(Validator):
    """Objects with exactly these fields; optional ones may be absent.

    Fields:  `rest`, where given, allows further fields with values that match it (handlers with **kwargs, and the
             annotation `dict`).
    """

    fields: Mapping[str, Validator]
    rest: Validator | None = None

    @property
    def kind(self) -> str:
        return "object"

    def pick(self, *names: str) -> ObjectValidator:
        """Only these fields."""
        self._known(names)
        return self._with({name: self.fields[name] for name in self.fields if name in names})

    def omit(self, *names: str) -> ObjectValidator:
        """All but these fields."""
        self._known(names)
        return self._with({name: item for name, item in self.fields.items() if name not in names})

    def partial(self) -> ObjectValidator:
        """All fields optional."""
        return self._with({name: item.optional() for name, item in self.fields.items()})

    def extend(self, fields: Mapping[str, Validator]) -> ObjectValidator:
        """These fields as well; one of the same name is replaced."""
        return self._with({**self.fields, **object_fields(fields)})

    def _with(self, fields: dict[str, Validator]) -> ObjectValidator:
        return dataclasses.replace(self, fields=MappingProxyType(fields))

    def _known(self, names: tuple[str, ...]) -> None:
        for name in names:
            if name not in self.fields:
                raise SchemaInvalidError(f'{self} has no field "{name}"; it has {", ".join(self.fields) or "none"}')

    def _inner_json(self) -> Any:
        tree: dict[str, Any] = {
            "type": "object",
            "value": {
                name: {"fieldType": item.required().to_json(), "optional": item.is_optional}
                for name, item in self.fields.items()
            },
        }
        if self.rest is not None:
            tree["rest"] = self.rest.to_json()
        return tree

    def _source(self) -> str:
        inside = ", ".join(f"{json.dumps(name)}: {item}" for name, item in self.fields.items())
        rest = "" if self.rest is None else f", rest={self.rest}"
        return f"v.object({{{inside}}}{rest})"

    def _identity(self) -> tuple[Any, ...]:
        return ("object", frozenset(self.fields.items()), self.rest)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RecordValidator(Validator):
    """Objects with any keys that match `key`, and values that match `value`."""

    key: Validator
    value: Validator

    @property
    def kind(self) -> str:
        return "record"

    def _inner_json(self) -> Any:
        return {
            "type": "record",
            "keys": self.key.to_json(),
            "values": {"fieldType": self.value.to_json(), "optional": False},
        }

    def _source(self) -> str:
        return f"v.record({self.key}, {self.value})"

    def _identity(self) -> tuple[Any, ...]:
        return ("record", self.key, self.value)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class UnionValidator(Validator):
    """Values that match any member; with no member, none."""

    members: tuple[Validator, ...]

    @property
    def kind(self) -> str:
        return "union"

    def _inner_json(self) -> Any:
        return {"type": "union", "value": [member.to_json() for member in self.members]}

    def _source(self) -> str:
        return f"v.union({', '.join(map(str, self.members))})"

    def _identity(self) -> tuple[Any, ...]:
        return ("union", self.members)


def as_validator(item: object, place: str) -> Validator:
    """The same object, known to be a validator.

    Raises:  SchemaInvalidError naming `place` and what usually went wrong there.
    """
    if isinstance(item, Validator):
        return item
    raise not_a_validator(item, place, v)


def object_fields(fields: object, *, place: str = "v.object") -> dict[str, Validator]:
    """The fields of an object validator, checked.

    Raises:  SchemaInvalidError.
    """
    if not isinstance(fields, Mapping):
        raise SchemaInvalidError(
            f"{place} takes a dict from field names to validators, got {type(fields).__name__}",
            hint='v.object({"name": v.string()})',
        )
    checked = {}
    for name, item in fields.items():
        if not isinstance(name, str):
            raise SchemaInvalidError(f"{place}: names of fields are strings, got {name!r}")
        if name.startswith("$") or not (name.isascii() and name.isprintable()):
            raise SchemaInvalidError(
                f'{place}: {name!r} cannot be the name of a field: printable ASCII, not starting with "$"'
            )
        checked[name] = as_validator(item, f'{place}: the field "{name}"')
    return checked


def _inner_validator(item: object, place: str) -> Validator:
    validator = as_validator(item, place)
    if validator.is_optional:
        raise SchemaInvalidError(
            f"{place} cannot be optional: only a field of an object may be absent",
            hint=f"v.nullable({validator.required()})",
        )
    if validator.default is not None:
        bare = dataclasses.replace(validator, default=None)
        raise SchemaInvalidError(
            f"{place} cannot have a default: only a field of an object may be absent",
            hint=f"v.nullable({bare}, default={validator.default.source()})",
        )
    return validator


def _given(validator: V, default: Any) -> V:
    """The validator with a default, where there is one.

    Raises:  SchemaInvalidError for one that cannot be, or does not match.
    """
    if default is NO_DEFAULT:
        return validator
    made = default_of(default, place=str(validator))
    if made.is_constant:
        try:
            made = Default(validator.check(made.constant))
        except ValueInvalidError as error:
            raise SchemaInvalidError(f"{validator} does not match its own default: {error}") from None
    return dataclasses.replace(validator, default=made)


class ValidatorNamespace:
    """The constructors of validators; its one instance is `v`.

    `default`, for fields, is a value, or a function without arguments, which is asked anew each time.
    """

    __slots__ = ()

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("__"):
                raise AttributeError(name)
            raise AttributeError(unknown_word(name, [each for each in dir(type(self)) if not each.startswith("_")]))

    def id(self, table_name: Any, *, on_delete: str | None = None, default: Any = NO_DEFAULT) -> IdValidator:
        """Ids of a table. In a field of a table's documents, `on_delete` keeps what the id names there.

        When that is deleted: "cascade" deletes the document with the field too, "set_null" empties the field,
        "restrict" refuses the deletion.
        """
        if not isinstance(table_name, str) or not is_identifier(table_name):
            raise SchemaInvalidError(f"v.id takes the name of a table, got {table_name!r}", hint='v.id("users")')
        check_on_delete(table_name, on_delete)
        return _given(IdValidator(table_name, on_delete), default)

    def null(self, *, default: Any = NO_DEFAULT) -> SimpleValidator:
        """None."""
        return _given(SimpleValidator("null"), default)

    def number(self, *, default: Any = NO_DEFAULT) -> SimpleValidator:
        """Numbers: float and int, infinities and NaN included."""
        return _given(SimpleValidator("float64"), default)

    def float64(self, *, default: Any = NO_DEFAULT) -> SimpleValidator:
        """The same as `number`."""
        return _given(SimpleValidator("float64"), default)

    def integer(self, *, default: Any = NO_DEFAULT) -> SimpleValidator:
        """Numbers without a fraction up to ±2**53; they come out as ints. What the annotation `int` means."""
        return _given(SimpleValidator("float64", is_whole=True), default)

    def int64(self, *, default: Any = NO_DEFAULT) -> SimpleValidator:
        """64-bit integers. A plain int passes too and becomes an Int64."""
        return _given(SimpleValidator("int64"), default)

    def bigint(self, *, default: Any = NO_DEFAULT) -> SimpleValidator:
        """The old name of `int64`."""
        return _given(SimpleValidator("int64"), default)

    def datetime(self, *, default: Any = NO_DEFAULT) -> SimpleValidator:
        """Times: a `datetime` in Python; a number, milliseconds since 1970 UTC, in the store and on the wire."""
        return _given(SimpleValidator("datetime"), default)

    def boolean(self, *, default: Any = NO_DEFAULT) -> SimpleValidator:
        """True and False."""
        return _given(SimpleValidator("boolean"), default)

    def string(self, *, default: Any = NO_DEFAULT) -> SimpleValidator:
        """Text."""
        return _given(SimpleValidator("string"), default)

    def bytes(self, *, default: Any = NO_DEFAULT) -> SimpleValidator:
        """Bytes."""
        return _given(SimpleValidator("bytes"), default)

    def any(self, *, default: Any = NO_DEFAULT) -> SimpleValidator:
        """Every value. As a field it must be present."""
        return _given(SimpleValidator("any"), default)

    def literal(self, value: Any, *, default: Any = NO_DEFAULT) -> LiteralValidator:
        """Exactly this value."""
        if type(value) not in {str, int, float, bool, Int64}:
            raise SchemaInvalidError(f"v.literal takes a string, number, Int64 or boolean, got {shown(value)}")
        if type(value) is float and not math.isfinite(value):
            raise SchemaInvalidError(f"v.literal cannot be {value}; compare such a number in the function")
        if type(value) is int and not -NUMBER_MAX <= value <= NUMBER_MAX:
            raise SchemaInvalidError(f"v.literal({shown(value)}) is beyond ±2**53", hint="v.literal(Int64(x))")
        return _given(LiteralValidator(value), default)

    def literals(self, *values: Any, default: Any = NO_DEFAULT) -> UnionValidator:
        """One of these values."""
        return _given(UnionValidator(tuple(self.literal(value) for value in values)), default)

    def array(self, element: Validator, *, default: Any = NO_DEFAULT) -> ArrayValidator:
        """Lists of elements that match."""
        return _given(ArrayValidator(_inner_validator(element, "the element of v.array")), default)

    def object(
        self, fields: Mapping[str, Validator], *, rest: Validator | None = None, default: Any = NO_DEFAULT
    ) -> ObjectValidator:
        """Objects with exactly these fields, or with further ones that match `rest`."""
        others = None if rest is None else _inner_validator(rest, "the rest of v.object")
        return _given(ObjectValidator(MappingProxyType(object_fields(fields)), others), default)

    def record(self, key: Validator, value: Validator, *, default: Any = NO_DEFAULT) -> RecordValidator:
        """Objects as mappings: every key matches one validator, every value another."""
        keys = record_key(_inner_validator(key, "the key of v.record"))
        return _given(RecordValidator(keys, _inner_validator(value, "the value of v.record")), default)

    def union(self, *members: Validator, default: Any = NO_DEFAULT) -> UnionValidator:
        """Values that match one of the members."""
        union = UnionValidator(tuple(_inner_validator(member, "a member of v.union") for member in members))
        refuse_mixed_times(union.members)
        return _given(union, default)

    def nullable(self, inner: Validator, *, default: Any = NO_DEFAULT) -> UnionValidator:
        """What matches, or None."""
        return self.union(inner, self.null(), default=default)

    def optional(self, inner: Validator) -> Validator:
        """What matches, or nothing at all: only for fields of objects. None does not match by this."""
        return as_validator(inner, "the validator in v.optional").optional()


#: The constructors of validators.
v = ValidatorNamespace()
