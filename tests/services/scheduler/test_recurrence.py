"""When something that recurs is due."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from nbconvex.errors import CallerError
from nbconvex.services.scheduler import recurrence
from nbconvex.services.scheduler.recurrence import Recurrence


def ms(*when: int, tz: str = "UTC") -> float:
    return datetime(*when, tzinfo=ZoneInfo(tz)).timestamp() * 1e3


def following(each: Recurrence, start_ms: float, count: int) -> list[str]:
    found, at = [], start_ms
    for _ in range(count):
        at = each.next_ms(at)
        found.append(datetime.fromtimestamp(at / 1e3, ZoneInfo(each.tz)).strftime("%Y-%m-%d %H:%M %a"))
    return found


@pytest.mark.case("crons/cron_string")
def test_cron_line_with_a_day_of_the_month():
    assert following(recurrence.line("0 16 1 * *"), ms(2025, 1, 1, 17), 2) == [
        "2025-02-01 16:00 Sat", "2025-03-01 16:00 Sat",
    ]  # fmt: skip


@pytest.mark.case("crons/cron_sunday_zero")
def test_sunday_is_zero():
    assert following(recurrence.line("0 0 * * 0"), ms(2025, 1, 1), 2) == [
        "2025-01-05 00:00 Sun", "2025-01-12 00:00 Sun",
    ]  # fmt: skip


@pytest.mark.case("crons/monthly_30")
def test_thirtieth_of_each_month_skips_february():
    runs = following(recurrence.monthly("x", 30, 9, 0), ms(2025, 1, 1), 11)
    assert [run[5:7] for run in runs] == ["01", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12"]


@pytest.mark.case("crons/timezone_option")
def test_nine_in_berlin_is_nine_in_berlin_on_both_sides_of_a_change():
    each = recurrence.daily("x", 9, 0, "Europe/Berlin")
    spring, autumn = ms(2025, 3, 28, 12), ms(2025, 10, 24, 12)
    for start, days in ((spring, (29, 30, 31)), (autumn, (25, 26, 27))):
        assert [run[8:16] for run in following(each, start, 3)] == [f"{day} 09:00" for day in days]
    utc = [datetime.fromtimestamp(each.next_ms(ms(2025, 3, day, 0)) / 1e3, UTC).hour for day in (29, 31)]
    assert utc == [8, 7]


def test_time_that_a_change_of_clocks_skips_or_repeats_comes_once_a_day():
    each = recurrence.daily("x", 2, 30, "Europe/Berlin")
    assert [run[8:16] for run in following(each, ms(2025, 3, 29, 0), 3)] == ["29 02:30", "30 03:00", "31 02:30"]
    assert [run[8:16] for run in following(each, ms(2025, 10, 25, 0), 3)] == ["25 02:30", "26 02:30", "27 02:30"]


def test_weekly_and_hourly():
    assert following(recurrence.weekly("x", "Monday", 9, 5), ms(2025, 1, 1), 1) == ["2025-01-06 09:05 Mon"]
    assert following(recurrence.hourly("x", 15), ms(2025, 1, 1), 2) == ["2025-01-01 00:15 Wed", "2025-01-01 01:15 Wed"]


@pytest.mark.case("crons/minute_omitted_stable")
def test_minute_that_was_left_out_is_always_the_same_for_a_name():
    runs = following(recurrence.daily("backup", 3), ms(2025, 1, 1), 2)
    assert runs[0][11:16] == runs[1][11:16]
    assert len({recurrence.daily(f"cron {n}", 3).line for n in range(50)}) > 20


@pytest.mark.case("crons/interval_from_schedule")
def test_interval_counts_from_when_the_last_run_was_due():
    each = recurrence.interval(hours=1)
    assert each.first_ms(1_000) == 1_000
    assert each.next_after_ms(1_000, 1_000 + 600_000) == (1_000 + 3_600_000, 0)
    assert each.next_after_ms(0, 3 * 3_600_000 + 5) == (4 * 3_600_000, 3)


def test_missed_runs_of_a_line_are_counted():
    each = recurrence.daily("x", 9, 0)
    assert each.next_after_ms(ms(2025, 1, 1, 9), ms(2025, 1, 4, 12)) == (ms(2025, 1, 5, 9), 3)
    assert each.next_after_ms(ms(2025, 1, 1, 9), ms(2025, 1, 1, 9)) == (ms(2025, 1, 2, 9), 0)
    next_ms, missed = recurrence.line("* * * * *").next_after_ms(ms(2020, 1, 1), ms(2025, 1, 1))
    assert (next_ms, missed) == (ms(2025, 1, 1, 0, 1), 10_000)


@pytest.mark.parametrize("units", [{"hours": 1, "minutes": 5}, {}, {"days": 1}])
@pytest.mark.case("crons/two_units")
def test_interval_has_exactly_one_unit(units):
    with pytest.raises(CallerError, match="exactly one of seconds, minutes and hours"):
        recurrence.interval(**units)


@pytest.mark.parametrize("amount", [0, -1, 1.5, "5", True])
@pytest.mark.case("crons/bad_interval")
def test_interval_is_a_positive_whole_number(amount):
    with pytest.raises(CallerError, match="minutes must be a positive integer"):
        recurrence.interval(minutes=amount)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: recurrence.daily("x", 24, 0), "hour must be a whole number from 0 to 23, got 24"),
        (lambda: recurrence.daily("x", 9, 60), "minute must be a whole number from 0 to 59, got 60"),
        (lambda: recurrence.monthly("x", 32, 9, 0), "day must be a whole number from 1 to 31, got 32"),
        (lambda: recurrence.weekly("x", "mon", 9, 0), "day_of_week must be one of sunday, monday"),
        (lambda: recurrence.weekly("x", 1, 9, 0), "day_of_week must be one of"),
        (lambda: recurrence.daily("x", True, 0), "hour must be"),
        (lambda: recurrence.line("0 9 * *"), "five fields"),
        (lambda: recurrence.line("0 0 9 * * *"), "five fields"),
        (lambda: recurrence.line("61 9 * * *"), "no cron line: Bad minute"),
        (lambda: recurrence.line("0 9 31 2 *"), "no cron line"),
        (lambda: recurrence.line(None), "five fields"),
        (lambda: recurrence.daily("x", 9, 0, "Europe/Atlantis"), "no time zone 'Europe/Atlantis'"),
        (lambda: recurrence.daily("x", 9, 0, "../etc"), "no time zone"),
    ],
)
@pytest.mark.case("crons/bad_ranges")
def test_what_is_out_of_range_is_refused(make, problem):
    with pytest.raises(CallerError, match=problem):
        make()


def test_recurrence_is_kept_as_json_and_said_in_words():
    for each, words in (
        (recurrence.interval(seconds=90), "every 90s"),
        (recurrence.interval(minutes=120), "every 2h"),
        (recurrence.interval(minutes=5), "every 5m"),
        (recurrence.daily("x", 9, 0, "Europe/Berlin"), "0 9 * * * (Europe/Berlin)"),
    ):
        assert Recurrence.from_json(each.to_json()) == each
        assert str(each) == words
