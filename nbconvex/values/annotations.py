"""Python annotations as a second spelling of validators.

Owns:  what each annotation means as a validator, and the fields of typed classes (TypedDict, dataclass, plain class).
Must not know: handlers (`signature`), tables.
Invariants: `int` is a number without a fraction, `float` any number; None is null; a default or NotRequired makes a
field optional; both spellings give equal validators.
Threads: pure functions.
Source: semantics 2.2 nb, product 3.
"""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Final

from nbconvex.errors import SchemaInvalidError
from nbconvex.values.scalars import IdTable, Int64
from nbconvex.values.validators import Validator, v

_SIMPLE = {
    str: v.string,
    int: v.integer,
    float: v.number,
    bool: v.boolean,
    bytes: v.bytes,
    Int64: v.int64,
    datetime: v.datetime,
    type(None): v.null,
    object: v.any,
}

_CURES = {
    "Timestamp": "datetime",
    "date": "str  # 2026-01-31",
    "timedelta": "float  # milliseconds",
    "Decimal": "str  # keeps every digit",
    "set": "list[...]",
    "frozenset": "list[...]",
    "tuple": "list[...]",
    "DataFrame": "list[dict]  # one a row",
    "ndarray": "list[float]",
    "Tuple": "list[...]",
    "complex": "list[float]",
    "UUID": "str",
    "Path": "str",
}


_KNOWN: Final = (
    "there are str, float, int, bool, bytes, None, Int64, datetime, list[T], dict[str, T], T | None, Literal[...], "
    "Id[...], a TypedDict, a dataclass and Any"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """Where an annotation stands, while it is read.

    Fields:  `where` begins the sentence of an error; `names` is looked in for what the class's own module does not
             define; `inside` are the typed classes around this annotation, to refuse one that contains itself.
    """

    where: str
    names: Mapping[str, Any] = field(default_factory=dict)
    inside: tuple[type, ...] = ()

    def at_field(self, name: str, owner: type) -> Reading:
        """The reading of a field of a typed class."""
        return Reading(f'{self.where}, field "{name}"', self.names, (*self.inside, owner))


def resolve_annotation(annotation: Any, reading: Reading) -> Any:
    """An annotation with every piece of text in it replaced by what it names.

    Raises:  SchemaInvalidError saying where, when a name is not defined.
    """
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    try:
        return typing.get_type_hints(holder, dict(reading.names), {}, include_extras=True)["it"]
    except NameError as error:
        raise SchemaInvalidError(
            f'{reading.where}: the annotation {_shown(annotation)} names "{error.name}", which is not defined. '
            "Run the cell that defines it, or import it, before this one."
        ) from error
    except (SyntaxError, TypeError, AttributeError) as error:
        shown = _shown(annotation)
        raise SchemaInvalidError(f"{reading.where}: the annotation {shown} cannot be read: {error}") from error


def validator_from_annotation(tp: Any, *, localns: Mapping[str, Any] | None = None, where: str = "") -> Validator:
    """The validator that an annotation stands for.

    Text in it is looked up in `localns`; `where` begins the sentence of an error.

    Raises:  SchemaInvalidError for annotations that stand for no validator, and for names that are not defined.
    """
    reading = Reading(where or f"the annotation {_shown(tp)}", localns or {})
    return _validator(resolve_annotation(tp, reading), reading)


def _validator(tp: Any, reading: Reading) -> Validator:
    if isinstance(tp, Validator):
        return tp
    if tp is Any:
        return v.any()
    if tp is list:
        return v.array(v.any())
    if tp is dict:
        return v.object({}, rest=v.any())
    origin = typing.get_origin(tp)
    if origin is not None:
        return _generic(tp, origin, reading)
    simple = _SIMPLE.get(tp) if isinstance(tp, type) else None
    if simple is not None:
        return simple()
    if is_typed_class(tp):
        return v.object(_class_fields(tp, reading))
    if isinstance(tp, typing.NewType):
        return _validator(tp.__supertype__, reading)
    if sys.version_info >= (3, 12) and isinstance(tp, typing.TypeAliasType):
        return _validator(tp.__value__, reading)
    raise _unknown(tp, reading)


def _generic(tp: Any, origin: Any, reading: Reading) -> Validator:
    arguments = typing.get_args(tp)
    if origin is typing.Annotated:
        return _annotated(arguments, reading)
    if origin is typing.Union or origin is types.UnionType:
        return v.union(*(_validator(member, reading) for member in arguments))
    if origin is typing.Literal:
        members = [v.null() if value is None else v.literal(value) for value in arguments]
        return members[0] if len(members) == 1 else v.union(*members)
    if origin in {list, Sequence, Iterable}:
        return v.array(_validator(arguments[0], reading))
    if origin in {dict, Mapping}:
        key, value = arguments
        if value is Any and key is str:
            # Rows and documents: their keys may begin with an underscore, which those of a record may not.
            return v.object({}, rest=v.any())
        return v.record(_validator(key, reading), _validator(value, reading))
    if origin in {typing.Required, typing.NotRequired, typing.Final}:
        return _validator(arguments[0], reading)
    raise _unknown(tp, reading)


def _annotated(arguments: tuple[Any, ...], reading: Reading) -> Validator:
    # What is written last says most: Annotated[Id["users"], v.id("users", on_delete="cascade")].
    for extra in reversed(arguments[1:]):
        if isinstance(extra, IdTable):
            return v.id(extra.table_name)
        if isinstance(extra, Validator):
            return extra
    return _validator(arguments[0], reading)


def _unknown(tp: Any, reading: Reading) -> SchemaInvalidError:
    base = typing.get_origin(tp) or tp
    cure = _CURES.get(getattr(base, "__name__", ""))
    if isinstance(base, type) and issubclass(base, Enum):
        cure = f"Literal[{', '.join(repr(member.value) for member in list(base)[:4])}]"
    return SchemaInvalidError(f"{reading.where}: {_shown(tp)} does not stand for a type of value; {_KNOWN}", hint=cure)


def is_typed_class(tp: Any) -> bool:
    """Whether a class describes an object by its annotations: a TypedDict, a dataclass, or a plain class with some."""
    if not isinstance(tp, type) or tp.__module__ == "builtins":
        return False
    if typing.is_typeddict(tp) or dataclasses.is_dataclass(tp):
        return True
    return bool(_own_annotations(tp)) and tp.__bases__ == (object,)


def fields_from_class(tp: type, *, localns: Mapping[str, Any] | None = None, where: str = "") -> dict[str, Validator]:
    """The fields that a typed class describes.

    Raises:  SchemaInvalidError.
    """
    return _class_fields(tp, Reading(where or f"class {tp.__name__}", localns or {}))


def class_annotations(tp: type, reading: Reading) -> dict[str, Any]:
    """The annotations of a typed class and its bases, resolved where each was written.

    Raises:  SchemaInvalidError.
    """
    found: dict[str, Any] = {}
    for base in [tp] if typing.is_typeddict(tp) else reversed(tp.__mro__):
        module = vars(sys.modules[base.__module__]) if base.__module__ in sys.modules else {}
        names = {**reading.names, **module, base.__name__: base}
        for name, annotation in _own_annotations(base).items():
            found[name] = resolve_annotation(annotation, Reading(f'{reading.where}, field "{name}"', names))
    return found


def _own_annotations(base: type) -> Mapping[str, Any]:
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(base, format=annotationlib.Format.FORWARDREF)
    annotations: Mapping[str, Any] = vars(base).get("__annotations__", {})
    return annotations


def _class_fields(tp: type, reading: Reading) -> dict[str, Validator]:
    if tp in reading.inside:
        raise SchemaInvalidError(
            f"{reading.where}: class {tp.__name__} contains itself, and a value must end somewhere",
            hint='Id["..."] of another document, or Any',
        )
    optional = _optional_names(tp)
    fields = {}
    for name, annotation in class_annotations(tp, reading).items():
        origin = typing.get_origin(annotation)
        if origin is typing.ClassVar or annotation is typing.ClassVar:
            continue
        validator = _validator(annotation, reading.at_field(name, tp))
        is_optional = origin is typing.NotRequired or (name in optional and origin is not typing.Required)
        fields[name] = validator.optional() if is_optional else validator
    return fields


def _optional_names(tp: type) -> frozenset[str]:
    if typing.is_typeddict(tp):
        return frozenset(getattr(tp, "__optional_keys__", ()))
    if dataclasses.is_dataclass(tp):
        return frozenset(
            item.name
            for item in dataclasses.fields(tp)
            if item.default is not dataclasses.MISSING or item.default_factory is not dataclasses.MISSING
        )
    return frozenset(name for base in tp.__mro__ for name in _own_annotations(base) if name in vars(base))


def _shown(annotation: Any) -> str:
    if isinstance(annotation, typing.ForwardRef):
        return annotation.__forward_arg__
    if isinstance(annotation, type) and typing.get_origin(annotation) is None:
        return annotation.__name__
    return str(annotation).replace("typing.", "")
