"""What goes to standard output, and what does not."""

from __future__ import annotations

from nbconvex.cli.printed import complain, print_rows, print_value, tell


def test_results_go_out_and_everything_else_aside(capsys):
    print_value({"a": 1, "b": None})
    print_rows([["table", "documents"], ["messages", "1"]])
    tell("a word")
    complain("a problem")
    out, err = capsys.readouterr()
    assert out == '{"a":1.0,"b":null}\ntable     documents\nmessages  1\n'
    assert err == "a word\nnbconvex: a problem\n"
