"""Exercises: a check is attached by a cell, and plays with an empty copy of the app."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

from nbconvex.errors import CallerError

SCHEMA = '%%schema\nposts = table({"author": v.string()}).index("by_author", ["author"], unique=True)'
ADD = '%%mutation posts\ndef add(ctx, author: str):\n    return ctx.db.insert("posts", {"author": author})'
COUNT = "%%query posts\ndef count(ctx):\n    return {}"
RIGHT = 'ctx.db.query("posts").count()'
BOTH = """%%mutation both
def add_and_count(ctx):
    ctx.run_mutation(api.posts.add, author="bob")
    return ctx.run_query(api.posts.count)"""
EXERCISE = """%%exercise exercise-1
def check(backend):
    "Count the posts."
    backend.api.posts.add(author="ada")
    count = backend.api.posts.count()
    assert count == 1, f"there is one post, and your query says {count}."
"""


@pytest.fixture
def lesson(shell):
    for cell in (SCHEMA, ADD, EXERCISE):
        shell.run(cell)
    return shell


def checked(shell, name: str = "exercise-1") -> str:
    (answer,) = shell.run(f"%convex check {name}").plain
    return answer


def test_cell_says_how_its_exercise_is_tried(shell) -> None:
    assert shell.run(EXERCISE).plain == ["exercise-1: when you have a solution, try it with  %convex check exercise-1"]


def test_missing_wrong_and_right_solutions_are_told_apart_and_none_is_an_error(lesson) -> None:
    assert "✗ exercise-1: not yet. There is no function posts:count yet." in checked(lesson)
    lesson.run(COUNT.format("0"))
    assert "✗ exercise-1: not yet. there is one post, and your query says 0." in checked(lesson)
    assert "try again:  %convex check exercise-1" in checked(lesson)
    lesson.run(COUNT.format("1 / 0"))
    assert "not yet. ZeroDivisionError: division by zero" in checked(lesson)
    lesson.run(COUNT.format(RIGHT))
    assert checked(lesson) == "✓ exercise-1: right."


def test_check_neither_sees_nor_changes_the_notebooks_documents(lesson) -> None:
    lesson.run(COUNT.format(RIGHT))
    lesson.run('api.posts.add(author="ada")')  # unique: in the same store the check's own would be refused
    for _ in range(2):
        assert checked(lesson) == "✓ exercise-1: right."
    assert lesson.value("api.posts.count()") == 1


def test_check_meets_triggers_and_what_they_schedule(lesson) -> None:
    lesson.run("%%trigger posts\ndef refuse(ctx, change):\n    raise ConvexError('closed')")
    assert "not yet. ConvexError: closed" in checked(lesson)


def test_check_reaches_endpoints(lesson) -> None:
    lesson.run("from nbconvex.clock import ManualClock\nfrom nbconvex.testing import TestBackend")
    lesson.run(
        "%%exercise exercise-2\n"
        "def check(backend):\n"
        "    status = TestBackend(backend, ManualClock()).fetch('/hello').status\n"
        "    assert status == 200, f'It answers {status}.'"
    )
    assert "It answers 404." in checked(lesson, "exercise-2")
    lesson.run("%%http GET /hello\ndef hello(ctx, request):\n    return 'hello'")
    assert "exercise-2: right." in checked(lesson, "exercise-2")


def test_functions_keep_calling_the_notebooks_own_store_after_a_check(lesson) -> None:
    lesson.run(COUNT.format(RIGHT))
    lesson.run(BOTH)
    checked(lesson)
    assert lesson.value("api.both.add_and_count()") == 1
    assert lesson.value("api.posts.count()") == 1


def test_assert_without_words_is_shown_itself_and_praise_is_passed_on(lesson) -> None:
    lesson.run("%%exercise a\ndef check(backend):\n    assert 1 == 2")
    assert "not yet. This does not hold:  assert 1 == 2" in checked(lesson, "a")
    lesson.run("%%exercise a\ndef check(backend):\n    return 'Well counted.'")
    assert checked(lesson, "a") == "✓ a: right. Well counted."


def test_listing_has_what_each_asks_and_whether_it_is_solved(lesson) -> None:
    lesson.run("%%exercise a\ndef check(backend):\n    pass")
    assert "not tried yet" in lesson.run("%exercise").plain[0]
    checked(lesson)
    checked(lesson, "a")
    first, second = lesson.run("%exercise").plain[0].splitlines()[-2:]
    assert first.split() == ["exercise-1", "Count", "the", "posts.", "✗", "not", "yet"]
    assert second.split() == ["a", "✓", "right"]


def test_learners_own_check_is_left_alone(lesson) -> None:
    lesson.run("check = 'mine'")
    lesson.run(EXERCISE)
    assert lesson.value("check") == "mine"
    lesson.run("del check")
    lesson.run(EXERCISE)
    assert isinstance(lesson.fail("check").error, NameError)


def test_cell_with_an_error_leaves_the_old_check_in_force(lesson) -> None:
    lesson.run(COUNT.format(RIGHT))
    assert isinstance(lesson.fail("%%exercise exercise-1\ndef check(backend)").error, SyntaxError)
    assert isinstance(lesson.fail("%%exercise exercise-1\n1 / 0").error, ZeroDivisionError)
    assert checked(lesson) == "✓ exercise-1: right."


def test_cell_without_a_check_or_without_a_name_is_refused(lesson) -> None:
    lesson.run("check = len")
    refused = lesson.fail("%%exercise b\nx = 1")
    assert "no function called check" in str(refused.error)
    assert isinstance(refused.error, CallerError | UsageError)
    assert lesson.fail("x").error is not None
    assert "wants a name" in str(lesson.fail("%%exercise\ndef check(backend): pass").error)
