"""`%convex check`, as a command: names, and what it says where there is nothing."""

from __future__ import annotations


def test_unknown_exercise_is_answered_with_the_nearest(shell) -> None:
    assert "run the cells that begin with %%exercise" in str(shell.fail("%convex check one").error)
    shell.run("%%exercise exercise-1\ndef check(backend):\n    pass")
    assert 'Did you mean "exercise-1"?' in str(shell.fail("%convex check exercise1").error)


def test_tab_offers_the_exercises(shell) -> None:
    shell.run("%%exercise first\ndef check(backend):\n    pass")
    assert "%convex check first" in shell.complete("%convex check f")


def test_names_with_markup_are_only_text(shell) -> None:
    shell.run("%%exercise <b>x</b>\ndef check(backend):\n    assert False, '<img src=x>'")
    (html,) = shell.run("%convex check <b>x</b>").html
    assert "<img" not in html
    assert "<b>x" not in html
