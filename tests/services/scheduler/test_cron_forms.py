"""Declaring what recurs."""

from __future__ import annotations

import pytest

from nbconvex import cron, mutation
from nbconvex.errors import CallerError
from nbconvex.services.scheduler.cron_forms import declared_crons


@pytest.mark.parametrize("name", ["täglich", "", "a\nb", 7, "\x7f"])
@pytest.mark.case("crons/bad_name")
def test_name_is_printable_ascii(name):
    for make in (
        lambda: cron.interval(name, "m:f", hours=1),
        lambda: cron.daily(name, "m:f", hour=1),
        lambda: cron.cron(name, "* * * * *", "m:f"),
    ):
        with pytest.raises(CallerError, match="a cron's name is printable ASCII"):
            make()


def test_each_form_is_a_function_and_a_decorator():
    @cron.interval("a", None, {"n": 1}, seconds=5)
    @cron.hourly("b", minute=1)
    @cron.daily("c", hour=1)
    @cron.weekly("d", day_of_week="monday", hour=1, minute=2)
    @cron.monthly("e", day=1, hour=1, minute=2, tz="Europe/Berlin")
    @cron.cron("f", "0 0 * * *")
    @mutation
    def tidy(ctx, n=0):
        pass

    bound = cron.daily("g", tidy, {"n": 2}, hour=4)
    found = {each.name: each for each in declared_crons({"tidy": tidy, "bound": bound, "other": 7})}
    assert sorted(found) == [*"abcdefg"]
    assert all(each.target is tidy for each in found.values())
    assert (found["a"].args, found["g"].args) == ({"n": 1}, {"n": 2})
    assert str(found["e"].recurrence) == "2 1 1 * * (Europe/Berlin)"


def test_cron_that_calls_nothing_is_refused():
    with pytest.raises(CallerError, match="above a decorator that makes a function"):
        cron.daily("x", hour=1)(lambda ctx: None)
    with pytest.raises(CallerError, match="the cron 'x' calls nothing"):
        list(declared_crons({"bound": cron.daily("x", hour=1)}))
