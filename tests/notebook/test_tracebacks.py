"""Errors without our frames: nbconvex.notebook.tracebacks."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import pytest

from nbconvex.errors import CallerError
from nbconvex.notebook.tracebacks import describe, folded, has_user_frames, place_of
from nbconvex.values.codec import normalize


def caught(action: Callable[[], object]) -> BaseException:
    try:
        action()
    except Exception as error:
        return error
    raise AssertionError


def names(error: BaseException, tb=None) -> list[str]:
    return [frame.name for frame in traceback.extract_tb(tb or error.__traceback__)]


def refused() -> None:
    normalize({"a": object()})


def test_our_frames_are_left_out_of_our_own_refusals() -> None:
    error = caught(refused)
    assert names(error)[-1] != "refused"
    assert names(error, folded(error, error.__traceback__)) == ["caught", "refused"]


def test_bug_of_ours_is_shown_whole() -> None:
    error = caught(lambda: normalize({"a": 1}, limits=object()))
    assert not isinstance(error, CallerError)
    assert folded(error, error.__traceback__) is error.__traceback__


def test_error_of_user_code_called_by_us_keeps_its_frames() -> None:
    error = caught(lambda: 1 / 0)
    assert folded(error, error.__traceback__) is error.__traceback__


def test_place_and_description_name_the_line() -> None:
    error = caught(refused)
    assert place_of(error).startswith("test_tracebacks.py, line ")
    assert place_of(error).endswith(", in refused")
    title, message = describe(error)
    assert title == type(error).__name__
    assert message.endswith(place_of(error))
    assert describe(ValueError()) == ("ValueError", "no message")
    assert place_of(ValueError()) == ""


def test_description_has_what_to_write_instead_and_no_request_id() -> None:
    error = ValueError("no")
    error.add_note("  Write instead:  yes")
    error.add_note("[Request ID: 0123456789abcdef] notes:list")
    assert describe(error) == ("ValueError", "no\n  Write instead:  yes")


def test_frames_of_installed_code_are_no_user_frames() -> None:
    def ours() -> None:
        import json

        json.loads("{")

    error = caught(ours)
    assert has_user_frames(error)
    error.__traceback__ = error.__traceback__.tb_next.tb_next
    assert not has_user_frames(error)


@pytest.mark.parametrize("fold", [True, False])
def test_folding_can_be_switched_off(shell, fold) -> None:
    shell.run(f"%config NbConvex.fold_tracebacks = {fold}")
    shell.run("%%mutation\ndef f(ctx):\n    ctx.db.insert('t', {'a': 1 / 0})")
    ran = shell.fail("api.main.f()")
    assert "1 / 0" in ran.stdout
    assert ("nbconvex/" in ran.stdout or "hidden" in ran.stdout) is not fold


def test_causes_are_folded_too(shell) -> None:
    shell.run(
        "%%mutation\ndef f(ctx):\n    try:\n        ctx.db.insert('t', {'a': {1, 2}})\n"
        "    except Exception as error:\n        raise ValueError('outer') from error"
    )
    ran = shell.fail("api.main.f()")
    assert "direct cause" in ran.stdout
    assert "ctx.db.insert('t', {'a': {1, 2}})" in ran.stdout
    assert "nbconvex/" not in ran.stdout
