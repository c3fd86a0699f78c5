"""What cron cells say, read without a notebook. Each form is seen in tests/notebook/test_cron_cells.py too."""

from __future__ import annotations

import pytest

from nbconvex.errors import CallerError
from nbconvex.functions.cell_options import read_cell_line
from nbconvex.services.scheduler.cron_words import read_call, recurrence_of


def test_options_become_a_recurrence():
    for line, schedule in (
        ("tidy --every 5m", "every 5m"),
        ("tidy --monthly 1 09:00 --tz Europe/Berlin", "0 9 1 * * (Europe/Berlin)"),
        ('tidy --cron "0 16 1 * *"', "0 16 1 * * (UTC)"),
    ):
        assert str(recurrence_of("tidy", read_cell_line("cron", line))) == schedule


def test_a_cron_says_once_when_it_runs():
    with pytest.raises(CallerError, match="got --hourly, --daily"):
        recurrence_of("tidy", read_cell_line("cron", "tidy --hourly :15 --daily 09:00"))


def test_the_body_is_a_call_that_is_not_made():
    called = []
    namespace = {"f": called.append, "one": 1, "more": {"b": 2}}
    assert read_call("\nf(a=one, **more)", "cell", namespace) == (called.append, {"a": 1, "b": 2})
    assert read_call("await f({'a': one})", "cell", namespace) == (called.append, {"a": 1})
    assert not called


@pytest.mark.parametrize("body", ["", "f", "f()\nf()", "x = f()", "f(1, 2)", "f(*given)"])
def test_anything_else_is_refused(body):
    with pytest.raises(CallerError, match=r"the call that recurs|by name, or as one dict"):
        read_call(body, "cell", {"f": print, "given": []})


def test_errors_stand_on_the_cells_lines():
    with pytest.raises(SyntaxError) as caught:
        read_call("\n\nf(", "app.ipynb, cell 3", {})
    assert (caught.value.filename, caught.value.lineno) == ("app.ipynb, cell 3", 3)
