"""Definitions by path; one origin replaced at once."""

from __future__ import annotations

import pytest

from nbconvex.errors import CallerError, FunctionNotFoundError
from nbconvex.functions.definition import FunctionDefinition, define
from nbconvex.functions.registry import Registry, RegistryChange, normalize_path, path_in_module
from nbconvex.testing import convex_test


def a_query(path: str, origin: str = "cell 1", *, internal: bool = False) -> FunctionDefinition:
    return define("query", lambda ctx: path, path, origin=origin, is_internal=internal)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("m:f", "m:f"),
        ("dir/m:f", "dir/m:f"),
        ("m", "m:default"),
        ("m.js:f", "m:f"),
        ("m.py:f", "m:f"),
    ],
)
def test_paths_have_one_spelling(text: str, path: str) -> None:
    assert normalize_path(text) == path


@pytest.mark.parametrize("text", ["", ":", "m:", ":f", "a b:f", "m:f:g", "ü:f", "m:" + "x" * 65, "/m:f"])
def test_what_cannot_be_a_path_is_refused(text: str) -> None:
    with pytest.raises(CallerError, match="is no function path"):
        normalize_path(text)


def test_name_may_be_a_whole_path() -> None:
    assert path_in_module("m", "f") == "m:f"
    assert path_in_module("", "f") == "main:f"
    assert path_in_module("m", "other:f") == "other:f"


def test_replacing_an_origin_says_what_is_new_changed_and_gone() -> None:
    registry = Registry()
    heard: list[RegistryChange] = []
    stop = registry.listen(heard.append)
    assert registry.replace("cell 1", [a_query("m:a"), a_query("m:b")]).added == ("m:a", "m:b")
    assert registry.replace("cell 1", [a_query("m:b"), a_query("m:c")]) == RegistryChange(("m:c",), ("m:b",), ("m:a",))
    assert registry.replace("cell 2", [a_query("m:b", "cell 2")]).taken_over == ("m:b",)
    # The first cell no longer owns m:b.
    assert registry.replace("cell 1", []).removed == ("m:c",)
    assert sorted(registry.functions) == ["m:b"]
    assert [change.paths for change in heard] == [("m:a", "m:b"), ("m:c", "m:b", "m:a"), ("m:b",), ("m:c",)]
    stop()
    registry.replace("cell 2", [])
    assert len(heard) == 4


def test_generation_rises_with_every_definition_and_rests_where_nothing_was_run() -> None:
    registry = Registry()
    one = a_query("m:a")
    registry.replace("cell 1", [one])
    first = registry.functions["m:a"]
    assert registry.replace("cell 1", [one]).paths == ()
    assert registry.functions["m:a"] is first
    registry.replace("cell 1", [a_query("m:a")])
    assert registry.functions["m:a"].generation > first.generation


def test_view_of_the_functions_is_not_moved_by_later_changes() -> None:
    registry = Registry()
    registry.replace("cell 1", [a_query("m:a")])
    seen = registry.functions
    registry.replace("cell 1", [])
    assert list(seen) == ["m:a"]


def test_missing_function_is_answered_with_the_nearest() -> None:
    registry = Registry()
    registry.replace("cell 1", [a_query("messages:list"), a_query("users:secret", internal=True)])
    with pytest.raises(FunctionNotFoundError) as caught:
        registry.find("mesages:list")
    assert str(caught.value) == "Could not find public function for 'mesages:list'. Did you mean \"messages:list\"?"


@pytest.mark.parametrize(
    ("asked", "suggested"),
    [
        ("main:nope", None),
        ("list", "messages:list"),
        ("messages:unlike", None),
        ("main:outr", "main:outer"),
        ("mesages:lst", "messages:list"),
        ("mesages", "messages:list"),
        ("other:list", None),
    ],
)
def test_a_name_is_suggested_only_where_each_part_looks_alike(asked: str, suggested: str | None) -> None:
    registry = Registry()
    registry.replace("cell 1", [a_query("main:outer"), a_query("messages:list")])
    with pytest.raises(FunctionNotFoundError) as caught:
        registry.find(asked)
    assert caught.value.suggestion == suggested


@pytest.mark.case("functions/internal_hidden_from_clients")
def test_internal_function_is_not_told_apart_from_a_missing_one() -> None:
    registry = Registry()
    registry.replace("cell 1", [a_query("users:secret", internal=True)])
    sentences = []
    for path in ("users:secret", "users:secrex"):
        with pytest.raises(FunctionNotFoundError) as caught:
            registry.find(path, is_public_only=True)
        sentences.append(str(caught.value).replace(path, "it"))
    assert sentences[0] == sentences[1] == "Could not find public function for 'it'."


@pytest.mark.case("functions/internal_callable_by_admin")
def test_internal_function_is_found_by_whoever_may_do_everything() -> None:
    with convex_test() as t:

        @t.backend.query(internal=True)
        def secret(ctx):
            return 42

        assert t.backend.run("main:secret") == 42
        assert t.internal.main.secret() == 42
        assert t.backend.run_query("main:secret") == 42
        with pytest.raises(FunctionNotFoundError):
            t.backend.run_query("main:secret", public=True)
        with pytest.raises(FunctionNotFoundError, match=r"write internal\.main\.secret"):
            t.api.main.secret()


@pytest.mark.case("functions/internal_callable_from_functions")
def test_internal_function_is_called_by_functions() -> None:
    with convex_test() as t:

        @t.backend.mutation(internal=True)
        def add(ctx):
            return ctx.db.insert("t", {})

        @t.backend.action
        def run(ctx):
            return ctx.run_mutation(t.internal.main.add)

        run()
        assert t.query(lambda ctx: ctx.db.query("t").count()) == 1


@pytest.mark.case("functions/default_export_called_by_module")
def test_default_export_goes_by_its_module() -> None:
    with convex_test() as t:

        @t.backend.query(name="queries:default")
        def default(ctx):
            return "here"

        assert t.query("queries") == t.query("queries:default") == t.api.queries() == "here"


def test_remembered_function_is_answered_with_its_cell() -> None:
    registry = Registry({"main:list": "a %%query main cell"})
    with pytest.raises(
        FunctionNotFoundError,
        match=r"by a %%query main cell, which has not been run since this store was opened: run it again",
    ):
        registry.find("main:list")
    with pytest.raises(FunctionNotFoundError) as caught:
        registry.find("main:list", is_public_only=True)
    assert "kernel" not in str(caught.value)


def test_only_what_names_a_function_is_taken() -> None:
    with pytest.raises(CallerError, match="got int"):
        Registry().find(5)
