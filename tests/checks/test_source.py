"""The code of functions, read without running it."""

from __future__ import annotations

import ast

from nbconvex.checks.source import arguments_text, code_of_function, codes_of, dotted, place_of


def test_the_place_of_a_function_is_named_by_who_knows_the_files(app) -> None:
    app.define("query", "\n\ndef f(ctx):\n    return 1")
    (code,) = codes_of(app.backend, lambda _: "cell 7")
    assert code.place == "cell 7, line 3"
    assert place_of(code.handler, lambda _: "cell 7") == "cell 7, line 3"
    # Nobody knows what such a file's name means.
    assert place_of(code.handler) == place_of(len) == ""
    assert place_of(test_the_place_of_a_function_is_named_by_who_knows_the_files) == "test_source.py, line 10"


def test_comments_allow_checks_by_name(app) -> None:
    app.define("query", "def f(ctx):\n    # nbconvex: allow scan, identity\n    return 1")
    assert codes_of(app.backend)[0].allowed == {"scan", "identity"}


def test_helpers_are_reached_by_name_and_by_closure_and_cycles_end(app) -> None:
    text = (
        "def _deep(ctx):\n    return f, 'deep'\n"
        "def _wrap(inner):\n    def wrapped(ctx):\n        return inner(ctx)\n    return wrapped\n"
        "@_wrap\ndef f(ctx):\n    return _deep(ctx)\n"
    )
    app.define("query", text)
    assert "deep" in set(codes_of(app.backend)[0].texts())


def test_code_without_text_is_passed_over(app) -> None:
    names: dict = {}
    exec("def f(ctx):\n    return ctx.db.insert()", names)
    app.backend.query(names["f"])
    (code,) = [code_of_function(each) for each in app.backend.registry.functions.values()]
    assert code.trees == ()
    assert list(code.calls()) == []


def test_chains_and_arguments_are_written_as_they_stand() -> None:
    call = ast.parse("ctx.db.table('a').insert(x, n=1, **more)", mode="eval").body
    assert dotted(call.func) == "ctx.db.table().insert"
    assert arguments_text(call) == "x, n=1, **more"
    assert dotted(ast.parse("a[0].b", mode="eval").body) == ""
