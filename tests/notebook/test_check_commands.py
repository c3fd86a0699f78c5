"""`%convex check` and `%convex insights` in a notebook: the list, exercises by their names, tables."""

from __future__ import annotations

import pytest

SCHEMA = '%%schema\nposts = table({"author": v.string()})'
FILL = (
    "%%mutation filling --internal\ndef fill(ctx):\n    for n in range(200):\n"
    '        ctx.db.insert("posts", {"author": f"a{n}"})'
)
BY_FILTER = (
    "%%query finding\ndef by(ctx, a: str):\n"
    "    return ctx.db.query('posts').filter(lambda d: d['author'] == a).collect()"
)
GUIDE = 10


@pytest.mark.case("guide/check_command")
def test_each_violation_of_the_guide_is_found_with_cell_and_cure_and_none_after_fixing(shell) -> None:
    shell.run("from nbconvex import CORS_HEADERS, Response, ConvexError")
    for cell in (
        SCHEMA, FILL, "internal.filling.fill()",
        "%%query posts\ndef add(ctx):\n    ctx.db.insert('posts', {})",
        BY_FILTER,
        "api.finding.by(a='a7')",
        "%%mutation waiting\nimport time\ndef wait(ctx):\n    time.sleep(1)\n    ctx.run_action(internal.mail.send)",
        "%%action mail --internal\ndef send(ctx):\n    return 'https://cat.convex.cloud/a', '/api/storage/x'",
        "%%http GET /a --no-cors\ndef a(ctx, request):\n    return request.headers.get('authorization')",
    ):  # fmt: skip
        shell.run(cell)
    (text,) = shell.run("%convex check").plain
    marks = [line[0] for line in text.splitlines() if line.startswith(("✓", "!", "✗"))]
    assert marks[:GUIDE] == ["✗"] * GUIDE
    assert text.count("Write:  ") >= GUIDE
    assert "posts:add (Cell In[" in text
    assert "], line 2): is a query, and calls ctx.db.insert" in text

    # A test's shell has no ids of cells, so what has gone is said.
    for cell in (
        '%%schema\nposts = table({"author": v.string()}).index("by_author", ["author"])',
        "%%mutation posts\ndef add(ctx):\n    ctx.auth.get_user_identity()\n    ctx.db.insert('posts', {})",
        (
            "%%query finding\ndef by(ctx, a: str):\n    # nbconvex: allow identity\n"
            "    return ctx.db.query('posts').with_index('by_author', author=a).first()"
        ),
        "%%mutation waiting --internal\ndef wait(ctx):\n    ctx.scheduler.run_after(0, internal.mail.send)",
        "%%action mail --internal\ndef send(ctx):\n    return 'https://cat.convex.site/a', ctx.storage.get_url('x')",
        "%%http GET /a\ndef a(ctx, request):\n    return ctx.auth.get_user_identity()",
    ):
        shell.run(cell)
    (text,) = shell.run("%convex check").plain
    assert text.endswith("13 fine.")


def test_insights_show_calls_and_reads(shell) -> None:
    assert shell.run("%convex insights").plain == ["No calls in the log."]
    for cell in (SCHEMA, FILL, "internal.filling.fill()",
                 ("%%query finding\ndef by(ctx, a: str):\n"
                 "    return ctx.db.query('posts').filter(lambda q: q.eq(q.field('author'), a)).collect()"),
                 "len(api.finding.by(a='a7'))"):  # fmt: skip
        shell.run(cell)
    (text,) = shell.run("%convex insights").plain
    assert "full scan of posts" in text
    (html,) = shell.run("%convex insights --function finding:by").html
    assert "1 query, 200 documents read, 1 given, filtered by author" in html
    assert "Did you mean" in str(shell.fail("%convex insights --function finding:bye").error)


def test_unknown_exercise_is_answered_with_the_nearest(shell) -> None:
    assert "run the cells that begin with %%exercise" in str(shell.fail("%convex check one").error)
    shell.run("%%exercise exercise-1\ndef check(backend):\n    pass")
    assert 'Did you mean "exercise-1"?' in str(shell.fail("%convex check exercise1").error)


def test_tab_offers_the_exercises(shell) -> None:
    shell.run("%%exercise first\ndef check(backend):\n    pass")
    assert "%convex check first" in shell.complete("%convex check f")


def test_names_with_markup_are_only_text(shell) -> None:
    shell.run("%%exercise <b>x</b>\ndef check(backend):\n    assert False, '<img src=x>'")
    (html,) = shell.run("%convex check <b>x</b>").html
    assert "<img" not in html
    assert "<b>x" not in html
