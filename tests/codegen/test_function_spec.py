"""What a backend offers, as data: nbconvex.codegen.function_spec."""

from __future__ import annotations

from nbconvex.codegen.function_spec import function_spec
from nbconvex.testing import convex_test


def test_functions_stand_with_validators_and_visibility_before_endpoints() -> None:
    with convex_test() as t:

        @t.backend.mutation(name="notes:add")
        def add(ctx, body: str, stars: int | None = None) -> str:
            return body

        @t.backend.query(name="notes:all", internal=True)
        def everything(ctx):
            return []

        @t.backend.http.get("/files/*")
        def files(ctx, request):
            return {}

        spec = function_spec(t.backend.registry.functions.values(), t.backend.http.routes.table)
    first, second, third = spec
    assert first["identifier"] == "notes:add"
    assert first["functionType"] == "Mutation"
    assert first["visibility"] == {"kind": "public"}
    assert first["args"]["value"]["body"] == {"fieldType": {"type": "string"}, "optional": False}
    assert first["args"]["value"]["stars"]["optional"] is True
    assert first["returns"] == {"type": "string"}
    assert second["visibility"] == {"kind": "internal"}
    assert second["returns"] == {"type": "any"}
    assert third == {"functionType": "HttpAction", "method": "GET", "path": "/files/*"}
