"""The variables of a store: nbconvex.services.environment.variables."""

from __future__ import annotations

import threading

import pytest

import nbconvex
from nbconvex import Limits
from nbconvex.errors import CallerError, LimitExceededError, VariableMissingError
from nbconvex.services.environment.variables import read_env_file


@pytest.fixture
def backend():
    with nbconvex.open() as backend:
        yield backend


def test_variables_are_kept_in_the_store_and_come_back(tmp_path):
    with nbconvex.open(tmp_path / "a.duckdb") as backend:
        backend.env.set("MODE", "test")
        backend.env.set("KEY", "sk-very-secret")
    with nbconvex.open(tmp_path / "a.duckdb") as backend:
        assert dict(backend.env) == {"KEY": "sk-very-secret", "MODE": "test"}
        assert [(each.name, each.characters) for each in backend.env.variables()] == [("KEY", 14), ("MODE", 4)]
        backend.action(name="a")(lambda ctx: print(ctx.env["KEY"]))
        backend.run("main:a")
        assert list(backend.logs)[-1].lines == ("[KEY]",), "what was kept is masked from the first run on"


def test_value_is_in_no_repr_and_no_error(backend):
    backend.env.set("KEY", "sk-very-secret")
    assert repr(backend.env) == "<variables: KEY>"
    assert "sk-very" not in repr(backend.env.variables())
    for do in (
        lambda: backend.env.set("CONVEX_SITE_URL", "sk-very-secret"),
        lambda: backend.env.set("1X", "sk-very-secret"),
        lambda: backend.env.set("X", b"sk-very-secret"),
        lambda: backend.env.set("X", "sk-very-secret" * 1_000),
        lambda: read_env_file("A=1\nsk-very-secret"),
    ):
        with pytest.raises(CallerError) as caught:
            do()
        assert "sk-very" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "1A", "A-B", "Ä", "A B", None, "CONVEX_CLOUD_URL"])
def test_name_that_cannot_be_is_refused(backend, name):
    with pytest.raises(CallerError):
        backend.env.set(name, "x")
    assert len(backend.env) == 0


def test_limits_hold_and_nothing_of_what_breaks_them_is_kept():
    with nbconvex.open(limits=Limits(env_variables=2, env_value_bytes=10)) as backend:
        backend.env.set_all({"A": "1", "B": "2"})
        backend.env.set("B", "ä" * 5)
        with pytest.raises(LimitExceededError, match="env_variables"):
            backend.env.set("C", "3")
        with pytest.raises(LimitExceededError, match="env_value_bytes"):
            backend.env.set_all({"A": "9", "B": "ä" * 6})
        with pytest.raises(LimitExceededError, match="env_name_length"):
            backend.env.set("A" * 41, "x")
        assert dict(backend.env) == {"A": "1", "B": "äääää"}


def test_removed_one_is_gone_and_no_longer_masked(backend):
    backend.env.set("KEY", "sk-very-secret")
    backend.env.remove("KEY")
    assert "KEY" not in backend.env
    assert backend.runner.environment.mask is None
    for do in (lambda: backend.env.remove("KEY"), lambda: backend.env["KEY"]):
        with pytest.raises(VariableMissingError, match="KEY is not set"):
            do()


def test_short_values_are_not_masked_and_longer_ones_come_first(backend):
    backend.env.set_all({"SHORT": "true", "KEY": "secret", "LONG": "secret-and-more", "ODD": "a.c+d(e"})
    masked = backend.runner.environment.masked
    assert masked("true secret secret-and-more a.c+d(e abc") == "true [KEY] [LONG] [ODD] abc"


def test_reset_deletes_documents_and_keeps_variables(backend):
    backend.env.set("MODE", "test")
    backend.mutation(name="add")(lambda ctx: ctx.db.insert("a", {}))
    backend.run("main:add")
    assert backend.reset() == 1
    assert dict(backend.env) == {"MODE": "test"}


def test_function_sets_no_variable(backend):
    backend.mutation(name="m")(lambda ctx: backend.env.set("A", "1"))
    with pytest.raises(CallerError, match="sets none"):
        backend.run("main:m")
    backend.query(name="q")(lambda ctx: ctx.db.system.query("_environment").collect())
    with pytest.raises(CallerError):
        backend.run("main:q")


def test_setting_from_several_threads_keeps_all(backend):
    threads = [threading.Thread(target=backend.env.set, args=(f"V{n}", f"value-{n}")) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(backend.env) == 8
    assert backend.runner.environment.masked("value-1 value-7") == "[V1] [V7]"


def test_env_file_is_read_as_shells_and_tools_write_it():
    assert read_env_file(
        '# comment\n\nA=1\nexport B = two words # not this\nC=\'single # kept\'\nD="line\\nnext"\nE=\nF=a=b#c\nG="open'
    ) == {"A": "1", "B": "two words", "C": "single # kept", "D": "line\nnext", "E": "", "F": "a=b#c", "G": '"open'}
    with pytest.raises(CallerError, match="line 2 of the file"):
        read_env_file("A=1\nwhat is this\n")
