"""Lines with options: nbconvex.notebook.command_line."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

from nbconvex.errors import CallerError
from nbconvex.functions.command_words import LineError
from nbconvex.notebook.command_line import CommandParser, HelpWanted, nearest, read_words, short_errors


@pytest.fixture
def parser() -> CommandParser:
    parser = CommandParser("%convex run", "Run it.")
    parser.add_argument("function")
    parser.add_argument("arguments", nargs="*")
    parser.add_argument("--json", action="store_true")
    return parser


@pytest.mark.parametrize("line", ["--json f a=1 b=2", "f --json a=1 b=2", "f a=1 b=2 --json"])
def test_options_may_stand_anywhere(parser, line) -> None:
    options = parser.parse_words(read_words(line))
    assert (options.function, options.arguments, options.json) == ("f", ["a=1", "b=2"], True)


@pytest.mark.parametrize("line", ["--help", "f -h", "--nope --help"])
def test_help_goes_before_everything(parser, line) -> None:
    with pytest.raises(HelpWanted) as wanted:
        parser.parse_words(read_words(line))
    assert "%convex run" in wanted.value.text


@pytest.mark.parametrize(
    ("line", "sentence"), [("", "required: function"), ("f --nope", "unrecognized arguments: --nope")]
)
def test_refusal_shows_usage_and_where_to_read_more(parser, line, sentence) -> None:
    for _ in range(2):
        with pytest.raises(UsageError, match=sentence) as refused:
            parser.parse_words(read_words(line))
        assert "usage: %convex run [--help] [--json] function" in str(refused.value)
        assert "%convex run --help tells more" in str(refused.value)


def test_options_are_listed_for_completion(parser) -> None:
    assert parser.option_names == ["--help", "--json"]


def test_nearest_word_is_suggested() -> None:
    assert nearest("statsu", ["status", "logs"]) == ' Did you mean "status"?'
    assert nearest("xyz", ["status"]) == ""


def test_our_refusals_become_short_and_errors_of_user_code_stay(capsys) -> None:
    with pytest.raises(UsageError, match="cannot be read"), short_errors():
        raise LineError("cannot be read")
    with short_errors():
        raise HelpWanted("some help")
    assert capsys.readouterr().out == "some help\n"
    namespace = {"error": CallerError("raised by a cell")}
    with pytest.raises(CallerError), short_errors():
        exec(compile("raise error", "/tmp/a-cell.py", "exec"), namespace)
    with pytest.raises(ZeroDivisionError), short_errors():
        raise ZeroDivisionError


def test_open_quote_is_refused() -> None:
    with pytest.raises(UsageError, match="is missing at the end"):
        read_words('a="b')
