"""What a function is: its handler, its kind, its name, what it takes and gives.

Owns:  `FunctionDefinition`; `Declaration` and the decorators that make one; the rules for handlers and their names.
Must not know: where definitions are kept, how they are run.
Invariants: a definition never changes; editing a function makes a new one with a higher generation.
Threads: definitions may be shared.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, overload

from nbconvex.errors import ArgumentsInvalidError, CallerError
from nbconvex.functions.run import CURRENT, Kind
from nbconvex.values.flat_objects import Flat, compile_flat
from nbconvex.values.signature import validators_from_signature
from nbconvex.values.times import Times, times_of
from nbconvex.values.validator_check import compile_check, compile_filling, for_callers, has_defaults
from nbconvex.values.validator_report import misspelling
from nbconvex.values.validators import Validator, v

Handler = Callable[..., Any]
#: From the number of a table to its name.
TableNames = Mapping[int, str]
#: From checked arguments to what a handler takes.
ConvertArgs = Callable[[dict[str, Any]], dict[str, Any]]
#: Checks a value against a validator and returns it, converted.
Check = Callable[[Any, TableNames], Any]

#: What a module part or a function's name may look like. Source: semantics 1.7.
NAME_PART_MAX = 64
DEFAULT_MODULE = "main"
#: What is advised where an argument is missing that the handler's own parameters ask for.
DEFAULT_ADVICE = "Give the parameter a default to make it optional."


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    """One function, ready to run.

    Shapes:  `path` is `dir/module:function`; `check_args` and `check_returns` are None where anything goes; `flat_args`
    does in one pass what is needed for most arguments, None where there is no such pass;
    `args_times` and `returns_times` are where they have times, None where nowhere;
    `is_annotated` says that `args` was read from annotations; `parameters` are the names the handler takes besides
    `ctx`, None where it takes any; `takes_dict` says that the
    handler is `def f(ctx, args)` and gets the arguments as one dict.
    Units:  `generation` rises with every change of any function of one registry.
    """

    path: str
    kind: Kind
    handler: Handler
    is_internal: bool = False
    args: Validator | None = None
    is_annotated: bool = False
    returns: Validator | None = None
    check_args: Check | None = None
    flat_args: Flat | None = None
    check_returns: Check | None = None
    convert_args: ConvertArgs | None = None
    convert_result: Callable[[Any], Any] | None = None
    args_times: Times | None = None
    returns_times: Times | None = None
    parameters: frozenset[str] | None = None
    required: frozenset[str] = frozenset()
    takes_dict: bool = False
    is_async: bool = False
    origin: str = ""
    generation: int = 0

    @property
    def name(self) -> str:
        """The path as shown: a default export goes by its module's name alone."""
        return self.path.removesuffix(":default")

    @property
    def visibility(self) -> Literal["public", "internal"]:
        """Whether clients may call it."""
        return "internal" if self.is_internal else "public"

    def checked_args(self, args: dict[str, Any], tables: TableNames) -> dict[str, Any]:
        """The arguments as the handler gets them.

        Raises:  ValidationProblem from the validator; ArgumentsInvalidError where there is none but the handler's
                 own parameters do not fit.
        """
        if self.check_args is not None:
            args = self.check_args(args, tables)
        elif self.parameters is not None:
            if not self.parameters:
                # Nothing declared: whatever comes is accepted and ignored. Source: semantics 1.1.
                return {}
            self._check_names(args)
        if self.convert_args is not None:
            args = self.convert_args(args)
        return {"args": args} if self.takes_dict else args

    def _check_names(self, args: dict[str, Any]) -> None:
        assert self.parameters is not None
        for name in sorted(self.required):
            if name not in args:
                raise ArgumentsInvalidError(
                    self.path, f'Object is missing the required argument "{name}".'
                    f"{misspelling(name, args, self.parameters)} {DEFAULT_ADVICE}\nObject: {args!r}", path=f".{name}",
                )  # fmt: skip
        for name in args:
            if name not in self.parameters:
                known = ", ".join(sorted(self.parameters))
                raise ArgumentsInvalidError(
                    self.path, f'Object contains the extra argument "{name}", which is no parameter of the function; '
                    f"it takes {known}.{misspelling(name, args, self.parameters)}\nObject: {args!r}", path=f".{name}",
                )  # fmt: skip


def define(
    kind: Kind,
    handler: Handler,
    path: str,
    *,
    is_internal: bool = False,
    args: Any = None,
    returns: Any = None,
    origin: str = "",
) -> FunctionDefinition:
    """The definition of a handler; what its validators do not say is taken from its annotations.

    Raises:  CallerError where the handler or its validators cannot work.
    """
    args = getattr(handler, _ARGS, None) if args is None else args
    returns = getattr(handler, _RETURNS, None) if returns is None else returns
    parameters = _parameters(handler, path)
    takes_dict = [*parameters] == ["args"] and _is_bare(parameters["args"])
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    named = {
        name: each for name, each in parameters.items() if each.kind not in {each.VAR_KEYWORD, each.VAR_POSITIONAL}
    }
    from_signature = validators_from_signature(handler, name=path)
    args_validator = from_signature.args if not takes_dict and args is None else _object_or_any(args, path)
    if has_defaults(args_validator):
        assert args_validator is not None, path
        args_validator = for_callers(args_validator)
    returns_validator = from_signature.returns if returns is None else _validator(returns, "returns", path)
    args_times = times_of(args_validator)
    convert_args = _joined(args_times, from_signature.convert_args)
    definition = FunctionDefinition(
        path=path,
        kind=kind,
        handler=handler,
        is_internal=is_internal,
        args=args_validator,
        is_annotated=args_validator is not None and args_validator is from_signature.args,
        returns=returns_validator,
        check_args=None if args_validator is None or args_validator.kind == "any" else compile_filling(args_validator),
        flat_args=None if takes_dict or convert_args else compile_flat(args_validator),
        check_returns=(
            None if returns_validator is None or returns_validator.kind == "any" else compile_check(returns_validator)
        ),
        convert_args=convert_args,
        convert_result=from_signature.convert_result,
        args_times=args_times,
        returns_times=times_of(returns_validator),
        parameters=None if takes_any or takes_dict else frozenset(named),
        required=frozenset(name for name, each in named.items() if each.default is each.empty),
        takes_dict=takes_dict,
        is_async=inspect.iscoroutinefunction(handler),
        origin=origin,
    )
    if args_validator is not None and definition.parameters is not None:
        _check_fields(args_validator, definition)
    return definition


def _joined(times: Times | None, to_instances: ConvertArgs | None) -> ConvertArgs | None:
    """What turns checked arguments into what the handler takes: times first, for they stand in instances too."""
    if times is None:
        return to_instances
    if to_instances is None:
        return times.to_python
    return lambda args: to_instances(times.to_python(args))


def _parameters(handler: Handler, path: str) -> dict[str, inspect.Parameter]:
    """The parameters behind `ctx`."""
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        raise CallerError(f"{path} uses yield, but a function gives one result.", hint="return [...]")
    if not callable(handler):
        raise CallerError(f"{path} must be a function, got {type(handler).__name__}.", hint="def f(ctx, ...):")
    parameters = list(inspect.signature(handler).parameters.values())
    return {parameter.name: parameter for parameter in parameters[1:]}


def _is_bare(parameter: inspect.Parameter) -> bool:
    return parameter.annotation is parameter.empty and parameter.default is parameter.empty


def _check_fields(validator: Validator, definition: FunctionDefinition) -> None:
    """Refuse validators that name other arguments than the handler takes."""
    fields: Mapping[str, Validator] | None = getattr(validator, "fields", None)
    if fields is None or definition.parameters is None:
        return
    for name in fields:
        if name not in definition.parameters:
            raise CallerError(
                f"{definition.path}: the args validator has a field {name}, but the handler has no such parameter.",
                hint=f"def {definition.handler.__name__}(ctx, {', '.join(fields)}):",
            )
    for name in sorted(definition.required - frozenset(fields)):
        raise CallerError(
            f"{definition.path}: the handler needs {name}, but the args validator does not have it.",
            hint=f'@args({{..., "{name}": v.any()}})',
        )
    for name in sorted(definition.required):
        if fields[name].is_optional and fields[name].default is None:
            raise CallerError(
                f"{definition.path}: argument {name} is optional, so the handler's parameter needs a default.",
                hint=f"{name}=None",
            )


def _validator(given: Any, what: str, path: str) -> Validator:
    if isinstance(given, Validator):
        return given
    if isinstance(given, Mapping):
        return v.object(dict(given))
    raise CallerError(f"{path}: {what} must be a validator such as v.string(), got {type(given).__name__}.")


def _object_or_any(given: Any, path: str) -> Validator | None:
    if given is None:
        return None
    validator = _validator(given, "args", path)
    if validator.kind not in {"object", "any"}:
        raise CallerError(
            f"{path}: the args validator must be an object or any, got {validator}.", hint='@args({"name": v.string()})'
        )
    return validator


_ARGS = "__nbconvex_args__"
_RETURNS = "__nbconvex_returns__"


class Declaration:
    """What a decorator leaves in place of a handler: the handler, and how it is to be defined.

    Called with a `ctx` it calls the handler directly, which only warns; called without, it runs the function on the
    backend that knows it.
    """

    def __init__(
        self, kind: Kind, handler: Handler, *, is_internal: bool, name: str | None, args: Any, returns: Any
    ) -> None:
        self.kind = kind
        self.handler = handler
        self.is_internal = is_internal
        self.name = name
        self.args = args
        self.returns = returns
        #: Set by the registry that it was added to: runs the function. A declaration in no registry cannot run.
        self.reference: Callable[..., Any] | None = None
        #: What recurs, as `cron` has hung it here.
        self.crons: list[Any] = []
        for attribute in ("__name__", "__qualname__", "__doc__", "__module__", "__wrapped__"):
            value = handler if attribute == "__wrapped__" else getattr(handler, attribute, None)
            if value is not None:
                setattr(self, attribute, value)

    def define(self, path: str, origin: str) -> FunctionDefinition:
        """The definition under `path`."""
        return define(
            self.kind, self.handler, path, is_internal=self.is_internal, args=self.args, returns=self.returns,
            origin=origin,
        )  # fmt: skip

    def __call__(self, /, *positional: Any, **args: Any) -> Any:
        __tracebackhide__ = True
        if self.reference is not None:
            return self.reference(*positional, **args)
        if CURRENT.get() is not None and positional:
            return self.handler(*positional, **args)
        name = getattr(self.handler, "__name__", "it")
        raise CallerError(
            f"{name} is declared as a {self.kind}, but no backend has it yet.", hint="backend.add_module(module)"
        )

    def __repr__(self) -> str:
        return f"<{'internal ' if self.is_internal else ''}{self.kind} {getattr(self.handler, '__qualname__', '?')}>"


Decorator = Callable[[Handler], Declaration]


class _KindDecorator:
    """`query`, `mutation` or `action` as a decorator, bare or with options."""

    def __init__(self, kind: Kind, *, on_declare: Callable[[Declaration], None] | None = None) -> None:
        self._kind = kind
        self._on_declare = on_declare

    @overload
    def __call__(self, handler: Handler, /) -> Declaration: ...

    @overload
    def __call__(
        self, /, *, internal: bool = False, name: str | None = None, args: Any = None, returns: Any = None
    ) -> Decorator: ...

    def __call__(
        self,
        handler: Handler | None = None,
        /,
        *,
        internal: bool = False,
        name: str | None = None,
        args: Any = None,
        returns: Any = None,
    ) -> Declaration | Decorator:
        """Declare a handler. `name` is `module:function` or a function's name; `internal` hides it from clients."""

        def declare(function: Handler) -> Declaration:
            if isinstance(function, Declaration):
                raise CallerError(f"{function!r} already has its kind; it cannot be a {self._kind} too.")
            declaration = Declaration(self._kind, function, is_internal=internal, name=name, args=args, returns=returns)
            if self._on_declare is not None:
                self._on_declare(declaration)
            return declaration

        return declare if handler is None else declare(handler)

    def __repr__(self) -> str:
        return f"<decorator {self._kind}>"


def decorator(kind: Kind, on_declare: Callable[[Declaration], None] | None = None) -> _KindDecorator:
    """The decorator of one kind; `on_declare` hears of everything it declares."""
    return _KindDecorator(kind, on_declare=on_declare)


query = decorator("query")
mutation = decorator("mutation")
action = decorator("action")


def args(validator: Any) -> Callable[[Any], Any]:
    """Declare what a function takes: `@args({"body": v.string()})`. It overrules the annotations."""
    return _setter("args", _ARGS, validator)


def returns(validator: Any) -> Callable[[Any], Any]:
    """Declare what a function gives: `@returns(v.number())`. It overrules the annotation."""
    return _setter("returns", _RETURNS, validator)


def _setter(field: str, attribute: str, validator: Any) -> Callable[[Any], Any]:
    def declare(function: Any) -> Any:
        if isinstance(function, Declaration):
            setattr(function, field, validator)
        else:
            setattr(function, attribute, validator)
        return function

    return declare


def renamed(definition: FunctionDefinition, generation: int) -> FunctionDefinition:
    """The same definition in another generation."""
    return replace(definition, generation=generation)
