"""`%convex env`: nbconvex.notebook.env_commands."""

from __future__ import annotations

import getpass

import pytest
from IPython.core.error import UsageError

SECRET = "sk-very-secret"


def everything(ran) -> str:
    return "".join([*ran.plain, *ran.html, ran.stdout, ran.stderr, str(ran.error or "")])


@pytest.fixture
def asked(monkeypatch):
    prompts = []

    def answer(prompt: str) -> str:
        prompts.append(prompt)
        return SECRET

    monkeypatch.setattr(getpass, "getpass", answer)
    return prompts


def test_set_asks_for_the_value_and_shows_it_nowhere(shell, asked):
    ran = shell.run("%convex env set EMAIL_API_KEY")
    assert asked == ["EMAIL_API_KEY: "]
    assert ran.plain == ["✓ EMAIL_API_KEY is set: 14 characters. Functions find it in ctx.env from now on."]
    listed = shell.run("%convex env")
    assert "EMAIL_API_KEY" in listed.plain[0]
    assert "14" in listed.plain[0]
    got = shell.run("%convex env get EMAIL_API_KEY")
    assert "is set: 14 characters" in got.plain[0]
    for each in (ran, listed, got, shell.run("%convex env set EMAIL_API_KEY")):
        assert SECRET not in everything(each)
    shell.run("%convex env get EMAIL_API_KEY --into key")
    assert shell.value("key") == SECRET


def test_function_finds_it_and_what_it_prints_is_masked_below_the_cell_and_in_the_log(shell, asked):
    shell.run("%convex env set EMAIL_API_KEY")
    shell.run(
        "%%action mail\nimport os\ndef send(ctx):\n    print('with', ctx.env['EMAIL_API_KEY'])\n"
        "    raise ValueError('refused ' + os.environ['EMAIL_API_KEY'])"
    )
    ran = shell.fail("mail.send()")
    assert ran.stdout.startswith("with [EMAIL_API_KEY]")
    logs = shell.run("%convex logs")
    assert SECRET not in everything(logs)
    assert "ValueError: refused [EMAIL_API_KEY]" in logs.plain[0]


@pytest.mark.parametrize("line", ["set MODE test mode", "set MODE='test mode'", 'set MODE "test mode"'])
def test_value_may_be_written_and_the_cell_says_that_it_is_saved_there(shell, line):
    [plain] = shell.run(f"%convex env {line}").plain
    assert "! The value stands in this cell and is saved with it." in plain
    shell.run("%convex env get MODE --into mode")
    assert shell.value("mode") == "test mode"
    assert "MODE is changed" in shell.run("%convex env set MODE x").plain[0]
    assert "is not hidden" in shell.run("%convex env set MODE x").plain[0]


def test_values_come_from_a_file_or_from_the_process(shell, tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("A=one\nB='two'\nC=three\n")
    assert shell.run("%convex env set --from-file .env B").plain == ["✓ Set: B."]
    assert shell.run("%convex env set --from-file .env").plain == ["✓ Set: A, B, C."]
    assert "no D" in str(shell.fail("%convex env set --from-file .env D").error)
    assert "cannot be read" in str(shell.fail("%convex env set --from-file none").error)
    monkeypatch.setenv("NBC_KEY", SECRET)
    assert "NBC_KEY is set" in shell.run("%convex env set NBC_KEY --from-process").plain[0]
    assert "has no NBC_NONE" in str(shell.fail("%convex env set NBC_NONE --from-process").error)


def test_removed_one_is_gone(shell, asked):
    shell.run("%convex env set KEY")
    assert shell.run("%convex env remove KEY").plain == ["✓ Removed: KEY."]
    assert shell.run("%convex env list").plain[0].startswith("No variables.")
    assert "KEY is not set" in str(shell.fail("%convex env remove KEY").error)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("sett A 1", 'Did you mean "set"'),
        ("set", "set wants a name"),
        ("get", "get wants one name"),
        ("remove A B", "remove wants one name"),
        ("get NONE", "NONE is not set"),
        ("set 1X y", "begins with no digit"),
        ("set A=1 --from-process", "either a value or"),
    ],
)
def test_line_that_cannot_be_is_refused_in_a_few_lines(shell, line, problem):
    error = shell.fail(f"%convex env {line}").error
    assert isinstance(error, UsageError)
    assert problem in str(error)


def test_where_nobody_can_be_asked_it_says_what_else_there_is(shell, monkeypatch):
    def refuse(_prompt: str) -> str:
        raise NotImplementedError

    monkeypatch.setattr(getpass, "getpass", refuse)
    assert "--from-file .env" in str(shell.fail("%convex env set KEY").error)
    monkeypatch.setattr(getpass, "getpass", lambda _: "")
    assert "nothing was entered" in str(shell.fail("%convex env set KEY").error)
    assert shell.fail("%convex env get KEY --into 1x").error is not None


def test_addresses_start_the_server_when_a_function_asks_for_them(shell, monkeypatch):
    monkeypatch.setenv("NBCONVEX_PORT", "0")
    shell.run("%config NbConvex.port = 0")
    shell.run("%%query where\ndef am_i(ctx):\n    return ctx.env['CONVEX_SITE_URL']")
    assert shell.value("where.am_i()").startswith("http://127.0.0.1:")
    assert shell.ipython.nbconvex_extension.session.server is not None


def test_addresses_are_missing_where_there_is_to_be_no_server(shell):
    shell.run("%config NbConvex.serve = 'never'")
    shell.run("%%query where\ndef am_i(ctx):\n    return ctx.env.get('CONVEX_SITE_URL', 'nowhere')")
    assert shell.value("where.am_i()") == "nowhere"
