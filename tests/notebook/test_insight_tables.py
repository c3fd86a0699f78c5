"""The cells of insights."""

from __future__ import annotations


def test_a_long_error_is_cut_and_a_value_of_the_environment_masked(shell) -> None:
    shell.run("%%mutation m\ndef f(ctx):\n    raise ValueError('x' * 300)")
    shell.fail("m.f()")
    (html,) = shell.run("%convex insights").html
    assert "ValueError: xxx" in html
    assert "x" * 120 not in html


def test_functions_with_errors_come_first(shell) -> None:
    shell.run("%%query m\ndef good(ctx):\n    return 1\ndef bad(ctx):\n    raise ValueError('no')")
    shell.run("m.good(); m.good()")
    shell.fail("m.bad()")
    (text,) = shell.run("%convex insights").plain
    assert text.index("m:bad") < text.index("m:good")
