"""The OpenAPI document of a backend: its endpoints, and its functions.

Owns:  `openapi_document`, `openapi_text`.
Must not know: files.
Invariants: what the document says is what the server does. An endpoint checks its own input, so of that the document
says nothing that is not known.
Threads: pure functions.
Source: OpenAPI 3.1.
"""

from __future__ import annotations

import inspect
import json
import re
from typing import TYPE_CHECKING, Any, Final

from nbconvex.codegen.json_schema import json_schema
from nbconvex.codegen.source_text import MARK

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbconvex.functions.definition import FunctionDefinition
    from nbconvex.functions.http_routes import Route

_JSON: Final = "application/json"
_BODIES: Final = frozenset({"POST", "PUT", "PATCH"})
_REST: Final = "rest"


def openapi_text(
    routes: Iterable[Route], functions: Iterable[FunctionDefinition], *, title: str, site_url: str, api_url: str
) -> str:
    """The document as JSON text."""
    document = openapi_document(routes, functions, title=title, site_url=site_url, api_url=api_url)
    return json.dumps(document, indent=2) + "\n"


def openapi_document(
    routes: Iterable[Route], functions: Iterable[FunctionDefinition], *, title: str, site_url: str, api_url: str
) -> dict[str, Any]:
    """The document as a tree: endpoints at the site address, public functions at the API address."""
    paths: dict[str, Any] = {}
    for route in routes:
        item = paths.setdefault(_templated(route), {})
        item[route.method.lower()] = _operation(route)
    for function in functions:
        if not function.is_internal:
            module, _, name = function.path.partition(":")
            paths[f"/api/run/{module}/{name}"] = {"servers": [{"url": api_url}], "post": _call(function)}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1", "description": MARK},
        "servers": [{"url": site_url}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "schemas": {
                "Error": {
                    "type": "object",
                    "properties": {"code": {"type": "string"}, "message": {"type": "string"}, "data": {}},
                    "required": ["code"],
                }
            },
        },
    }


def _templated(route: Route) -> str:
    path = re.sub(r"[{}]", lambda found: f"%{ord(found[0]):02X}", route.path)
    return f"{path}{{{_REST}}}" if route.is_prefix else path


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", route.name).strip("_"),
        **_described(route.handler),
        "responses": {
            "default": {"description": "What the handler answers."},
            **{status: _error(what) for status, what in _failures(route).items()},
        },
    }
    if route.is_prefix:
        operation["parameters"] = [{"name": _REST, "in": "path", "required": True, "schema": {"type": "string"}}]
    if route.method in _BODIES:
        operation["requestBody"] = {"content": {_JSON: {"schema": {}}}, "required": False}
    if route.needs_identity:
        operation["security"] = [{"bearer": []}]
    return operation


def _failures(route: Route) -> dict[str, str]:
    found = {"400": "The request is not as the handler, or a function that it calls, wants it."}
    if route.needs_identity:
        found["401"] = "Nobody is signed in; the body says why."
    return {**found, "413": "The body is too long.", "500": "The handler failed.", "503": "Too many calls at once."}


def _error(what: str) -> dict[str, Any]:
    return {"description": what, "content": {_JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}}


def _call(function: FunctionDefinition) -> dict[str, Any]:
    args = json_schema(function.args) if function.args is not None else {"type": "object"}
    success = {
        "type": "object",
        "properties": {
            "status": {"const": "success"}, "value": json_schema(function.returns), "logLines": _lines(),
        },
        "required": ["status", "value"],
    }  # fmt: skip
    failure = {
        "type": "object",
        "properties": {
            "status": {"const": "error"}, "errorMessage": {"type": "string"}, "errorData": {}, "logLines": _lines(),
        },
        "required": ["status", "errorMessage"],
    }  # fmt: skip
    return {
        "operationId": re.sub(r"\W+", "_", f"{function.kind}_{function.name}"),
        **_described(function.handler),
        "tags": [function.kind],
        "requestBody": {
            "required": True,
            "content": {
                _JSON: {
                    "schema": {
                        "type": "object",
                        "properties": {"args": args, "format": {"enum": ["json", "convex_encoded_json"]}},
                        "required": ["args"],
                    }
                }
            },
        },
        "responses": {
            "200": {
                "description": "What the function gave, or how it failed.",
                "content": {_JSON: {"schema": {"anyOf": [success, failure]}}},
            },
            "400": _error("The request is no call."),
            "401": _error("The token or key proves nothing."),
            "503": _error("Too many calls at once, or a conflict that lasted."),
        },
    }


def _lines() -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}}


def _described(handler: Any) -> dict[str, str]:
    text = inspect.getdoc(handler) if handler.__doc__ else ""
    summary, _, rest = (text or "").strip().partition("\n\n")
    found = {"summary": " ".join(summary.split()), "description": rest.strip()}
    return {name: words.encode("utf-8", "replace").decode() for name, words in found.items() if words}
