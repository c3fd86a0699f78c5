"""Handlers read as validators: what their parameters take, what they return, and dataclasses on the way in and out.

Owns:  the reading of a handler's signature; the conversion between objects and dataclass instances.
Must not know: how a function is registered or run.
Invariants: a handler without any annotation on its parameters has no validator for arguments: anything goes.
Threads: pure functions.
Source: product 3.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nbconvex.errors import SchemaInvalidError
from nbconvex.values.annotations import Reading, class_annotations, resolve_annotation, validator_from_annotation
from nbconvex.values.scalars import UNSET
from nbconvex.values.validators import ObjectValidator, Validator, v

Converter = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class HandlerSignature:
    """What a handler's signature says.

    Fields:  `args` and `returns` are None where nothing is said. `convert_args` turns checked arguments into what the
             handler takes (dataclass instances), `convert_result` a result into a value; None where there is nothing
             to convert.
    """

    args: ObjectValidator | None
    returns: Validator | None
    convert_args: Callable[[dict[str, Any]], dict[str, Any]] | None
    convert_result: Converter | None


def validators_from_signature(
    handler: Callable[..., Any], *, localns: Mapping[str, Any] | None = None, name: str = ""
) -> HandlerSignature:
    """What the annotations of a handler mean. Its first parameter is the context and is passed over.

    Raises:  SchemaInvalidError naming the function, the parameter and the cure.
    """
    function = name or getattr(handler, "__name__", "handler")
    signature = _signature(handler)
    parameters = list(signature.parameters.values())
    _expect_context(parameters, function)
    names = {**getattr(inspect.unwrap(handler), "__globals__", {}), **(localns or {})}
    resolved = {}
    for parameter in parameters[1:]:
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            raise SchemaInvalidError(
                f'{function}: parameter "{parameter.name}" is positional-only, but arguments are passed by name',
                hint="remove the / from the parameters",
            )
        if parameter.annotation is not inspect.Parameter.empty:
            reading = Reading(f'{function}: parameter "{parameter.name}"', names)
            resolved[parameter.name] = resolve_annotation(parameter.annotation, reading)
    args = _args_validator(parameters[1:], resolved, function, names) if resolved else None
    converters = {
        parameter.name: converter
        for parameter in parameters[1:]
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
        and (converter := instance_converter(resolved.get(parameter.name), localns=names)) is not None
    }
    returns = None
    convert_result = None
    if signature.return_annotation is not inspect.Signature.empty:
        where = f"{function}: the result"
        annotation = resolve_annotation(signature.return_annotation, Reading(where, names))
        returns = validator_from_annotation(annotation, localns=names, where=where)
        convert_result = plain_instances if instance_converter(annotation, localns=names) is not None else None
    return HandlerSignature(args, returns, _args_converter(converters), convert_result)


def _signature(handler: Callable[..., Any]) -> inspect.Signature:
    if sys.version_info >= (3, 14):
        import annotationlib

        return inspect.signature(handler, annotation_format=annotationlib.Format.FORWARDREF)
    return inspect.signature(handler)


def _expect_context(parameters: list[inspect.Parameter], function: str) -> None:
    positional = {
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
    }
    if not parameters or parameters[0].kind not in positional:
        raise SchemaInvalidError(
            f"{function} takes no context; the first parameter of a function is ctx", hint=f"def {function}(ctx, ...):"
        )


def _args_validator(
    parameters: list[inspect.Parameter], resolved: Mapping[str, Any], function: str, names: Mapping[str, Any]
) -> ObjectValidator:
    fields: dict[str, Validator] = {}
    rest: Validator | None = None
    for parameter in parameters:
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            continue
        validator: Validator = v.any()
        if parameter.name in resolved:
            validator = validator_from_annotation(
                resolved[parameter.name], localns=names, where=f'{function}: parameter "{parameter.name}"'
            )
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            rest = validator
        elif parameter.default is not inspect.Parameter.empty:
            fields[parameter.name] = validator.optional()
        else:
            fields[parameter.name] = validator
    return v.object(fields, rest=rest)


def _args_converter(converters: Mapping[str, Converter]) -> Callable[[dict[str, Any]], dict[str, Any]] | None:
    if not converters:
        return None

    def convert(args: dict[str, Any]) -> dict[str, Any]:
        return {name: converters[name](item) if name in converters else item for name, item in args.items()}

    return convert


def instance_converter(tp: Any, *, localns: Mapping[str, Any] | None = None) -> Converter | None:
    """A function from a checked value to one with dataclass instances where the annotation has dataclasses; None where
    it has none. In a union, the first member that matches the value decides.
    """
    return _converter(tp, localns or {})


def _converter(tp: Any, names: Mapping[str, Any]) -> Converter | None:
    if typing.is_typeddict(tp) or (dataclasses.is_dataclass(tp) and isinstance(tp, type)):
        return _class_converter(tp, names)
    origin = typing.get_origin(tp)
    arguments = typing.get_args(tp)
    if origin in {typing.Annotated, typing.Required, typing.NotRequired}:
        return _converter(arguments[0], names)
    if origin is list:
        element = _converter(arguments[0], names)
        return None if element is None else lambda value: [element(item) for item in value]
    if origin is dict:
        inner = _converter(arguments[1], names)
        return None if inner is None else lambda value: {name: inner(item) for name, item in value.items()}
    if origin is typing.Union or origin is types.UnionType:
        return _union_converter(arguments, names)
    return None


def _class_converter(tp: type, names: Mapping[str, Any]) -> Converter | None:
    annotations = class_annotations(tp, Reading(f"class {tp.__name__}", names))
    converters = {
        name: converter
        for name, annotation in annotations.items()
        if (converter := _converter(annotation, names)) is not None
    }
    make: Callable[..., Any] = dict if typing.is_typeddict(tp) else tp
    if not converters:
        return None if make is dict else lambda value: make(**value)

    def convert(value: dict[str, Any]) -> Any:
        return make(**{name: converters[name](item) if name in converters else item for name, item in value.items()})

    return convert


def _union_converter(members: tuple[Any, ...], names: Mapping[str, Any]) -> Converter | None:
    choices = [(validator_from_annotation(member, localns=names), _converter(member, names)) for member in members]
    if all(converter is None for _, converter in choices):
        return None

    def convert(value: Any) -> Any:
        for validator, converter in choices:
            if _matches(validator, value):
                return value if converter is None else converter(value)
        return value

    return convert


def _matches(validator: Validator, value: Any) -> bool:
    from nbconvex.values.validator_report import ValidationProblem

    try:
        validator.check(value)
    except ValidationProblem:
        return False
    return True


def plain_instances(value: Any) -> Any:
    """A result with every dataclass instance in it turned into a dict; fields that are `UNSET` vanish."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            item.name: plain_instances(inner)
            for item in dataclasses.fields(value)
            if (inner := getattr(value, item.name)) is not UNSET
        }
    if isinstance(value, dict):
        return {name: plain_instances(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_instances(item) for item in value]
    return value
