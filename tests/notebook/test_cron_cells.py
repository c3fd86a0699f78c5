"""`%%cron` cells: nbconvex.notebook.cron_cells."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

APP = "%%mutation m\ndef note(ctx, n: int = 0):\n    ctx.db.insert('notes', {'n': n})"


@pytest.fixture
def app(shell):
    shell.run(APP)
    return shell


def crons(app) -> dict:
    scheduler = app.ipython.nbconvex_extension.session.backend.scheduler
    return {each["name"]: each for each in scheduler.crons.documents()}


@pytest.mark.parametrize(
    ("line", "schedule"),
    [
        ("--every 30s", "every 30s"),
        ("--every 5m", "every 5m"),
        ("--hourly :15", "15 * * * * (UTC)"),
        ("--daily 09:30", "30 9 * * * (UTC)"),
        ("--daily 09:30 --tz Europe/Berlin", "30 9 * * * (Europe/Berlin)"),
        ("--weekly mon 09:00", "0 9 * * 1 (UTC)"),
        ("--weekly Sunday 09:00", "0 9 * * 0 (UTC)"),
        ("--monthly 1 09:00", "0 9 1 * * (UTC)"),
        ('--cron "0 16 1 * *"', "0 16 1 * * (UTC)"),
    ],
)
def test_each_form_is_read(app, line, schedule):
    [plain] = app.run(f"%%cron tidy {line}\nm.note(n=1)").plain
    assert plain.startswith(f"✓ new cron tidy: m:note, {schedule}; next ")
    assert crons(app)["tidy"]["args"] == {"n": 1}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("tidy", "says once when it runs, got nothing"),
        ("tidy --every 5m --daily 09:00", "got --every, --daily"),
        ("--every 5m", "a cron has a name"),
        ("tidy --every 5", "--every takes a number and s, m or h"),
        ("tidy --every 0m", "positive integer"),
        ("tidy --daily 9", "a time of day is written 09:00"),
        ("tidy --daily 24:00", "hour must be"),
        ("tidy --weekly xx 09:00", "day_of_week must be one of"),
        ("tidy --monthly first 09:00", "--monthly takes a day"),
        ("tidy --monthly 32 09:00", "day must be"),
        ("tidy --hourly x", "--hourly takes a minute"),
        ("tidy --daily 09:00 --tz Mars", "no time zone"),
        ('tidy --cron "1 2 3"', "five fields"),
        ("täglich --every 5m", "printable ASCII"),
        ("tidy --weekly mon", "expected 2 arguments"),
    ],
)
def test_line_that_cannot_be_is_refused_and_makes_no_cron(app, line, problem):
    error = app.fail(f"%%cron {line}\nm.note(n=1)").error
    assert isinstance(error, UsageError)
    assert problem in str(error)
    assert crons(app) == {}


@pytest.mark.parametrize("body", ["", "1 + 1", "x = m.note()", "m.note()\nm.note()", "m.note", "m.note(1, 2)"])
def test_body_is_one_call(app, body):
    error = app.fail(f"%%cron tidy --every 5m\n{body}").error
    assert isinstance(error, UsageError)
    assert crons(app) == {}


def test_call_is_not_made_and_its_arguments_are_computed_now(app):
    app.run("n = 6\nextra = {'n': 40}")
    app.run("%%cron tidy --daily 09:00\nm.note(n=n * 7)")
    app.run("%%cron other --daily 09:00\napi.m.note(extra)")
    app.run("%%cron third --daily 09:00\nawait internal.m.note(**extra)")
    app.run("n = 0")
    assert {name: each["args"]["n"] for name, each in crons(app).items()} == {"tidy": 42, "other": 40, "third": 40}
    assert app.value("m.note")  # a reference, still


def test_error_in_an_argument_is_the_cells_error(app):
    assert isinstance(app.fail("%%cron tidy --every 5m\nm.note(n=1 / 0)").error, ZeroDivisionError)
    assert isinstance(app.fail("%%cron tidy --every 5m\nm.note(n=").error, SyntaxError)
    assert crons(app) == {}


def test_cell_that_is_run_again_replaces_its_cron_and_one_that_becomes_another_has_none(app, monkeypatch):
    for module in ("cron_cells", "extension"):
        monkeypatch.setattr(f"nbconvex.notebook.{module}.cell_origin", lambda _: "cell-1")
    app.run("%%cron tidy --every 5m\nm.note(n=1)")
    [plain] = app.run("%%cron clean --every 5m\nm.note(n=1)").plain
    assert "new cron clean" in plain
    assert "gone: cron tidy" in plain
    assert app.run("%%cron clean --every 5m\nm.note(n=1)").plain[0].startswith("✓ unchanged: cron clean")
    assert app.run("%%cron clean --every 10m\nm.note(n=1)").plain[0].startswith("✓ changed cron clean")
    assert app.run("1 + 1").plain == ["✓ gone: cron clean"]
    assert crons(app) == {}


def test_crons_of_plain_cells_are_declared_with_decorators_and_functions(app):
    app.run(
        "from nbconvex import cron, mutation\n@cron.daily('a', hour=9)\n@mutation\ndef tidy(ctx): pass\n"
        "nightly = cron.daily('b', tidy, hour=3)"
    )
    assert sorted(crons(app)) == ["a", "b"]
    app.run("del nightly")
    assert sorted(crons(app)) == ["a"]


def test_line_form_lists_the_crons(app):
    assert app.run("%cron").plain == ["No crons. A cell that begins with %%cron NAME --every 5m makes one."]
    app.run("%%cron tidy --daily 09:00\nm.note(n=1)")
    assert "0 9 * * * (UTC)" in app.run("%cron").plain[0]


def test_cell_says_when_nothing_runs(app):
    app.run("%convex pause")
    assert "paused (by %convex pause)" in app.run("%%cron tidy --daily 09:00\nm.note(n=1)").plain[0]
