"""What `%convex run` does: nbconvex.notebook.run_commands."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

from nbconvex.errors import ArgumentsInvalidError
from nbconvex.functions.updates import Newest

SESSION = "get_ipython().nbconvex_extension.session"
WHO = "%%query who\ndef am_i(ctx):\n    user = ctx.auth.get_user_identity()\n    return user and user.subject"


def test_watching_follows_as_live_does_and_only_queries(app) -> None:
    app.run("%config NbConvex.live = 'html'")
    ran = app.run("%convex run messages:newest channel=a --watch")
    assert "text 2" in ran.html[0]
    assert [view.title for view in app.value(f"{SESSION}.views")] == ["messages:newest"]
    ran = app.fail("%convex run messages:send body=x channel=a --watch")
    assert "only a query can be followed" in str(ran.error)


def test_a_terminal_prints_each_result_until_it_is_interrupted(app, monkeypatch) -> None:
    take, backend = Newest.take, app.value(f"{SESSION}.backend")
    taken = []

    def scripted(box: Newest, timeout_s: float) -> object:
        if len(taken) == 1:
            backend.run_outcome("messages:send", {"channel": "a", "body": "later"})
        if len(taken) == 2:
            raise KeyboardInterrupt
        taken.append(take(box, 10.0))
        return taken[-1]

    monkeypatch.setattr(Newest, "take", scripted)
    ran = app.run("%convex run messages:newest --watch")
    assert ran.plain == ["Stopped following."]
    first, second = ran.stdout.split("messages:newest\n")[1:]
    assert "later" not in first
    assert "later" in second
    taken.clear()
    assert isinstance(
        app.fail("%convex run messages:newest channel=5 --watch").error, ArgumentsInvalidError | UsageError
    )


def test_run_as_somebody_counts_once(app) -> None:
    app.run(WHO)
    assert "ada" in app.run("%convex run who:am_i --as ada").plain[0]
    assert "null" in app.run("%convex run who:am_i").plain[0]
    app.run("%config NbConvex.live = 'html'")
    assert "ada" in app.run("%convex run who:am_i --watch --as ada").plain[0]
    assert "null" in app.run("%convex run who:am_i --watch").plain[0]


@pytest.mark.case("tooling/inline_readonly_query")
def test_an_inline_query_reads_and_is_refused_to_write(app) -> None:
    ran = app.run('%convex run --inline-query \'ctx.db.query("messages").order("desc").first()["body"]\' --into got')
    assert "text 2" in ran.plain[0]
    assert "request" in ran.plain[0]
    assert app.value("got") == "text 2"
    app.run("wanted = 'text 1'")
    several = 'found = ctx.db.query("messages").collect(); [d for d in found if d["body"] == wanted]'
    assert app.run(f"%convex run --inline-query '{several}' --json").plain[0].count('"body"') == 1
    ran = app.fail("%convex run --inline-query 'ctx.db.insert(\"messages\", {})'")
    assert "an inline query only reads" in str(ran.error)
    assert app.value("internal.hidden.count()") == 3


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "run what?"),
        ("messages:newest --into 1x", "--into wants a name"),
        ("messages:newest --into x --watch", "choose one"),
        ("messages:newest --inline-query 1", "takes the place of a function"),
        ("--inline-query 'ctx.db.query(' ", "is Python, and this is none"),
        ("--inline-query 1 --watch", "define it in a %%query cell"),
    ],
)
def test_wrong_lines_are_told_what_is_right(app, line, words) -> None:
    assert words in str(app.fail(f"%convex run {line}").error)
