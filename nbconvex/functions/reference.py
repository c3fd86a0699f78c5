"""What stands for a function by name: `api.messages.send`.

Owns:  `FunctionReference`, the proxies `api` and `internal`.
Must not know: how a function is run; it calls what it was handed.
Invariant: public attributes of a reference are all names of modules and functions; what belongs to the reference itself
begins with an underscore, so that a function may be called `path`, `list` or `call`.
Threads: references may be shared.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from nbconvex.errors import CallerError
from nbconvex.functions.context import Context
from nbconvex.functions.definition import FunctionDefinition
from nbconvex.functions.run import CURRENT, DEFINING
from nbconvex.functions.teaching import call_from_function, definition_time, direct_call


class Host(Protocol):
    """What a reference needs of a backend."""

    def call_reference(self, reference: FunctionReference, args: Mapping[str, Any]) -> Any:
        """Run the function from plain code and return its value."""

    def resolve_reference(self, reference: FunctionReference) -> FunctionDefinition | None:
        """The definition it stands for, if there is one."""

    def children_of(self, parts: tuple[str, ...], *, internal: bool) -> Iterable[str]:
        """The names that may follow, for completion."""


class FunctionReference:
    """A function by name. Calling it in plain code runs it; inside functions it is passed to `ctx.run_*`."""

    _parts: tuple[str, ...]
    _host: Callable[[], Host]
    _is_internal: bool
    _path: str

    def __init__(self, host: Callable[[], Host], parts: tuple[str, ...] = (), *, internal: bool = False) -> None:
        self._host = host
        self._parts = parts
        self._is_internal = internal
        #: The path that it most likely stands for; whether there is a default export, the registry knows.
        self._path = "/".join(parts[:-1]) + ":" + parts[-1] if len(parts) > 1 else ""

    def __getattr__(self, name: str) -> FunctionReference:
        if name.startswith("_"):
            raise AttributeError(name)
        child = FunctionReference(self._host, (*self._parts, name), internal=self._is_internal)
        # Kept, so that the second use is a plain attribute.
        self.__dict__[name] = child
        return child

    def __call__(self, /, *positional: Any, **args: Any) -> Any:
        __tracebackhide__ = True
        run = CURRENT.get()
        if run is not None:
            if positional and isinstance(positional[0], Context):
                definition = run.runner.registry.find(self)
                direct_call(run, definition, self._text)
                return definition.handler(*positional, **args)
            raise call_from_function(run, self._text, self._definition())
        if DEFINING.get():
            raise definition_time(f"{self._text}(...)")
        if positional:
            args = _merge(self._text, self._definition(), positional, args)
        return self._host().call_reference(self, args)

    @property
    def _text(self) -> str:
        return ".".join(("internal" if self._is_internal else "api", *self._parts))

    def _definition(self) -> FunctionDefinition | None:
        try:
            return self._host().resolve_reference(self)
        except Exception:
            return None

    @property
    def __signature__(self) -> inspect.Signature:
        definition = self._definition()
        if definition is None:
            raise AttributeError("__signature__")
        parameters = list(inspect.signature(definition.handler).parameters.values())[1:]
        return inspect.Signature(
            [
                each.replace(kind=each.KEYWORD_ONLY) if each.kind is each.POSITIONAL_OR_KEYWORD else each
                for each in parameters
            ]
        )

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        definition = self._definition()
        return None if definition is None else definition.handler.__doc__

    def __dir__(self) -> Iterable[str]:
        try:
            return self._host().children_of(self._parts, internal=self._is_internal)
        except Exception:
            return []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FunctionReference) and other._parts == self._parts

    def __hash__(self) -> int:
        return hash(self._parts)

    def __repr__(self) -> str:
        definition = self._definition()
        return f"<{definition.kind} {self._text}>" if definition else f"<reference {self._text}>"


def _merge(
    name: str, definition: FunctionDefinition | None, positional: tuple[Any, ...], args: dict[str, Any]
) -> dict[str, Any]:
    """Arguments given as one dict."""
    if len(positional) > 1 or not isinstance(positional[0], Mapping):
        fields = getattr(definition.args, "fields", {}) if definition is not None else {}
        named = ", ".join(f"{each}=..." for each, _ in zip(fields, positional, strict=False))
        raise CallerError(
            f"{name} takes its arguments by name, or as one dict; got {len(positional)} positional.",
            hint=f"{name}({named or 'name=value'})",
        )
    return {**positional[0], **args}


def reference_to(path: str, host: Callable[[], Host], *, internal: bool = False) -> FunctionReference:
    """The reference for a path such as `dir/module:function`."""
    module, _, function = path.partition(":")
    return FunctionReference(
        host, (*module.split("/"), *([function] if function != "default" else [])), internal=internal
    )
