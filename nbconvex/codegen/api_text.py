"""`api.js` and `api.d.ts`: every function by its path, with what it takes and gives.

Owns:  the tree of references that `api` and `internal` are, the types of a function's arguments and result.
Must not know: files; tables, beyond their names in ids.
Invariants: the same functions give the same text, in whatever order they were defined. Every function is in it, under
the path by which clients call it.
Threads: pure functions.
Source: npm `convex` 1.48, dist/esm-types/server/api.d.ts and react/use_paginated_query.d.ts; paths as in semantics 1.7.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from nbconvex.codegen.source_text import LINE_LENGTH, block, comment, deeper, head, key, used
from nbconvex.codegen.type_text import UNTYPED_OBJECT, object_text, type_text
from nbconvex.functions.definition import FunctionDefinition
from nbconvex.values.page_validators import pagination_opts_validator, pagination_result_validator
from nbconvex.values.validators import ObjectValidator, Validator, v

#: The argument by which the hooks of "convex/react" know a paginated query.
_PAGINATION: Final = "paginationOpts"
#: What may be used of "convex/server".
_IMPORTED: Final = ("FunctionReference", "PaginationOptions", "PaginationResult")

API_JS: Final = (
    head("The functions of a backend, by name.")
    + """\
import { anyApi } from "convex/server";

/** References to the functions that clients may call: `api.module.name`. */
export const api = anyApi;

/** References to the functions that only other functions may call. */
export const internal = anyApi;
"""
)


@dataclass
class _Node:
    """A name in a path: a function, what stands below it, or both."""

    definition: FunctionDefinition | None = None
    children: dict[str, _Node] = field(default_factory=dict)


def api_declarations(functions: Iterable[FunctionDefinition]) -> str:
    """The text of `api.d.ts`."""
    public, internal = _Node(), _Node()
    for definition in functions:
        node = internal if definition.is_internal else public
        module, _, name = definition.path.partition(":")
        for part in (*module.split("/"), name):
            node = node.children.setdefault(part, _Node())
        node.definition = definition
    body = f"""\
/** References to the functions that clients may call: `api.module.name`. */
export declare const api: {_tree(public, "")};

/** References to the functions that only other functions may call. */
export declare const internal: {_tree(internal, "")};
"""
    title = head("The functions of a backend, with the types of what they take and give.")
    imported = used(_IMPORTED, body)
    imports = f'import type {{ {", ".join(imported)} }} from "convex/server";\n' if imported else ""
    if used(["Id"], body):
        imports += 'import type { Id } from "./dataModel.js";\n'
    return title + "\n".join(filter(None, [imports, body]))


def _tree(node: _Node, indent: str) -> str:
    inside = deeper(indent)
    entries = []
    for name, child in sorted(node.children.items()):
        documentation = comment(_documentation(child.definition), inside).lstrip()
        parts = [] if child.definition is None else [_reference(child.definition, inside)]
        if child.children:
            parts.append(_tree(child, inside))
        entry = f"{key(name)}: {' & '.join(parts)}"
        entries.append(f"{documentation}{inside}{entry}" if documentation else entry)
    return block(entries, indent, is_flat_allowed=False)


def _documentation(definition: FunctionDefinition | None) -> str | None:
    """What the author wrote about the function. An object that is called has the words of its class."""
    if definition is None:
        return None
    handler = inspect.unwrap(definition.handler)
    return handler.__doc__ if inspect.isroutine(handler) else None


def _reference(definition: FunctionDefinition, indent: str) -> str:
    inside = deeper(indent)
    words = [f'"{definition.kind}"', f'"{definition.visibility}"']
    words += [arguments_text(definition, inside), result_text(definition, inside)]
    flat = f"FunctionReference<{', '.join(words)}>"
    # The name in front of it is not counted: a little more than the length is no harm.
    if "\n" not in flat and len(indent) + len(flat) <= LINE_LENGTH:
        return flat
    return "FunctionReference<\n" + ",\n".join(inside + word for word in words) + f"\n{indent}>"


def arguments_text(definition: FunctionDefinition, indent: str = "") -> str:
    """The type of a function's arguments.

    Without validators, the handler's parameters still say which names there are, and which must be given. One that has
    none accepts whatever comes; it is not written so, or `onClick={reset}` would send the event.
    """
    if definition.args is None and definition.parameters is not None:
        named = {
            name: v.any() if name in definition.required else v.optional(v.any())
            for name in sorted(definition.parameters)
        }
        return object_text(named, None, indent)
    arguments = _arguments(definition)
    return "any" if arguments is None else type_text(arguments, indent)


def result_text(definition: FunctionDefinition, indent: str = "") -> str:
    """The type of a function's result."""
    result = definition.returns
    if result is not None and result.required() == UNTYPED_OBJECT and _is_paginated(definition):
        # A page that is declared as a plain dict; the hooks must see that it is one.
        result = pagination_result_validator(v.any())
    return "any" if result is None else type_text(result, indent)


def _arguments(definition: FunctionDefinition) -> Validator | None:
    """What a function takes, with pagination options where a plain dict is declared in their place."""
    arguments = definition.args
    if isinstance(arguments, ObjectValidator):
        options = arguments.fields.get(_PAGINATION)
        if options is not None and options.required() == UNTYPED_OBJECT:
            given = replace(pagination_opts_validator, is_optional=options.is_optional)
            return arguments.extend({_PAGINATION: given})
    return arguments


def _is_paginated(definition: FunctionDefinition) -> bool:
    fields = getattr(definition.args, "fields", None)
    names = definition.parameters if fields is None else fields
    return definition.kind == "query" and _PAGINATION in (names or ())


def untyped_parts(definition: FunctionDefinition) -> tuple[str, ...]:
    """Which of its arguments and its result nothing is declared about: a client may do anything with them."""
    is_bare = definition.args is None and definition.parameters != frozenset()
    return (*(["arguments"] if is_bare else []), *(["result"] if definition.returns is None else []))
