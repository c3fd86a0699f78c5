"""The table of `%convex` words: nbconvex.notebook.command_table."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

from nbconvex.notebook import convex_commands, server_commands
from nbconvex.notebook.command_table import COMMANDS, Command, argument, command, in_order


def test_every_module_of_commands_adds_to_one_table() -> None:
    homes = {each.run.__module__ for each in COMMANDS.values()}
    assert {convex_commands.__name__, server_commands.__name__} <= homes
    assert convex_commands.COMMANDS is COMMANDS


def test_command_has_a_parser_made_of_its_arguments(monkeypatch) -> None:
    monkeypatch.setitem(COMMANDS, "greet", None)

    @command("greet", "Say hello.", argument("name"), argument("--loud", action="store_true"), takes="file")
    def greet(session, options):
        return f"hello {options.name}{'!' * options.loud}"

    added = COMMANDS["greet"]
    assert (added.name, added.summary, added.run, added.takes) == ("greet", "Say hello.", greet, "file")
    assert greet(None, added.parser.parse_words(["Ada", "--loud"])) == "hello Ada!"
    with pytest.raises(UsageError, match="%convex greet"):
        added.parser.parse_words([])


def test_people_are_told_of_all_commands_in_an_order_and_of_unplaced_ones_last(app, monkeypatch) -> None:
    monkeypatch.setitem(COMMANDS, "greet", Command("greet", "Say hello.", None, COMMANDS["help"].parser))
    names = [each.name for each in in_order()]
    assert sorted(names) == sorted(COMMANDS)
    assert names[:4] == ["status", "functions", "routes", "data"]
    assert names[-2:] == ["help", "greet"]
    shown = app.run("%convex help").plain[0]
    assert shown.index("%convex status") < shown.index("%convex logs") < shown.index("%convex serve")
