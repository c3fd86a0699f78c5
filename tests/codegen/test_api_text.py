"""Functions as typed references."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.codegen.api_text import API_JS, api_declarations, arguments_text, result_text, untyped_parts
from nbconvex.codegen.source_text import head
from nbconvex.functions.definition import FunctionDefinition, define
from nbconvex.values.page_validators import pagination_opts_validator, pagination_result_validator
from nbconvex.values.validators import v
from tests.codegen.balance import is_balanced, strings_of
from tests.values.strategies import validators

PAGE = pagination_result_validator(v.any())
names = st.text(st.sampled_from("abAB01_."), min_size=1, max_size=4)
documentation = st.none() | st.text(st.characters() | st.sampled_from("*/\n"), max_size=12)


def a_function(handler, path: str = "m:f", kind: str = "query", **settings) -> FunctionDefinition:
    return define(kind, handler, path, **settings)


def body_of(text: str) -> str:
    """The text behind the head."""
    return text.partition(" */\n\n")[2]


def test_every_function_stands_at_its_path_with_its_words() -> None:
    def send(ctx, channel: v.id("channels"), body: str = "", marked_as_read: bool = False) -> None:
        """Send a message.

        It is kept forever.
        """

    def first(ctx):
        "One line."

    def clean(ctx, before: float) -> float: ...

    functions = [
        a_function(send, "chat/messages:send", "mutation"),
        a_function(first, "2024:first"),
        a_function(first, "chat:messages"),
        a_function(clean, "jobs:clean", "action", is_internal=True),
        a_function(first, "chat/messages:default"),
    ]
    text = api_declarations(functions)
    assert text.startswith(head("The functions of a backend, with the types of what they take and give."))
    assert body_of(text) == (
        """\
import type { FunctionReference } from "convex/server";
import type { Id } from "./dataModel.js";

/** References to the functions that clients may call: `api.module.name`. */
export declare const api: {
  "2024": {
    /** One line. */
    first: FunctionReference<"query", "public", Record<string, never>, any>;
  };
  chat: {
    /** One line. */
    messages: FunctionReference<"query", "public", Record<string, never>, any> & {
      /** One line. */
      default: FunctionReference<"query", "public", Record<string, never>, any>;
      /**
       * Send a message.
       *
       * It is kept forever.
       */
      send: FunctionReference<
        "mutation",
        "public",
        { channel: Id<"channels">; body?: string; marked_as_read?: boolean },
        null
      >;
    };
  };
};

/** References to the functions that only other functions may call. */
export declare const internal: {
  jobs: {
    clean: FunctionReference<"action", "internal", { before: number }, number>;
  };
};
"""
    )
    assert api_declarations(reversed(functions)) == text


def test_no_functions_are_two_empty_objects() -> None:
    assert "declare const api: {};\n" in api_declarations([])
    assert "declare const internal: {};\n" in api_declarations([])
    assert "import" not in api_declarations([])


def test_the_module_beside_it_is_the_same_for_every_app() -> None:
    assert 'import { anyApi } from "convex/server";' in API_JS
    assert "export const api = anyApi;" in API_JS
    assert "export const internal = anyApi;" in API_JS


@pytest.mark.parametrize(
    ("handler", "declared", "text"),
    [
        (lambda ctx: 0, None, "Record<string, never>"),
        (lambda ctx, body, mood=None: 0, None, "{ body: any; mood?: any }"),
        (lambda ctx, **more: 0, None, "any"),
        (lambda ctx, args: 0, None, "any"),
        (lambda ctx, args: 0, v.any(), "any"),
        (lambda ctx, args: 0, {}, "Record<string, never>"),
        (lambda ctx, body: 0, {"body": v.string()}, "{ body: string }"),
        (lambda ctx, paginationOpts: 0, {"paginationOpts": pagination_opts_validator}, "{ paginationOpts: Pagination}"),
        (
            lambda ctx, paginationOpts: 0,
            {"paginationOpts": v.object({}, rest=v.any())},
            "{ paginationOpts: Pagination}",
        ),
        (lambda ctx, other: 0, {"other": v.object({}, rest=v.any())}, "{ other: Record<string, any> }"),
    ],
)
def test_arguments_have_the_types_of_their_validators_or_their_names(handler, declared, text) -> None:
    text = text.replace("Pagination}", "PaginationOptions }")
    assert arguments_text(a_function(handler, args=declared)) == text


@pytest.mark.parametrize(
    ("kind", "handler", "declared", "text"),
    [
        ("query", lambda ctx: 0, None, "any"),
        ("query", lambda ctx: 0, v.array(v.string()), "string[]"),
        ("query", lambda ctx: 0, v.object({}, rest=v.any()), "Record<string, any>"),
        ("query", lambda ctx, paginationOpts: 0, v.object({}, rest=v.any()), "PaginationResult<any>"),
        ("mutation", lambda ctx, paginationOpts: 0, v.object({}, rest=v.any()), "Record<string, any>"),
        ("query", lambda ctx, paginationOpts: 0, PAGE, "PaginationResult<any>"),
        ("query", lambda ctx, paginationOpts: 0, v.null(), "null"),
    ],
)
def test_results_have_the_types_of_their_validators(kind, handler, declared, text) -> None:
    assert result_text(a_function(handler, kind=kind, returns=declared)) == text


def test_what_nothing_is_declared_about_is_known() -> None:
    assert untyped_parts(a_function(lambda ctx: 0)) == ("result",)
    assert untyped_parts(a_function(lambda ctx, body: 0)) == ("arguments", "result")
    assert untyped_parts(a_function(lambda ctx, body: 0, args={"body": v.any()}, returns=v.null())) == ()


def test_words_that_the_author_did_not_write_are_no_documentation() -> None:
    def add(ctx, more=1): ...

    text = api_declarations([a_function(functools.partial(add, more=2), "m:partial")])
    assert "partial(func" not in text


@given(st.lists(st.tuples(names, names, documentation, st.booleans(), validators), max_size=4))
def test_any_functions_give_balanced_text_with_all_their_names(drawn) -> None:
    functions = {}
    for module, name, words, is_internal, validator in drawn:

        def handler(ctx, field): ...

        handler.__doc__ = words
        path = f"{module}:{name}"
        functions[path] = a_function(
            handler, path, args={"field": validator}, returns=validator, is_internal=is_internal
        )
    text = api_declarations(functions.values())
    assert is_balanced(text)
    assert api_declarations(list(functions.values())[::-1]) == text
    strings = strings_of(text)
    for path in functions:
        for part in path.split(":"):
            assert part in strings or f"{part}: " in text
    text.encode("utf-8")
