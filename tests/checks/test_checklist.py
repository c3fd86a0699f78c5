"""The whole list: an app with every fault, and the same app after doing as it says."""

from __future__ import annotations

import nbconvex
from nbconvex.checks.checklist import checklist

GUIDE = ("types", "cors", "options", "index", "schedule", "actions", "address", "urls", "identity", "errors")


def marks(app) -> dict[str, str]:
    return {line.key: line.mark for line in checklist(app.backend)}


def test_an_empty_app_is_fine(app) -> None:
    assert set(marks(app).values()) == {"✓"}


def test_each_fault_of_the_guide_is_found_and_none_after_the_cures(app) -> None:
    app.fill(200)
    app.define("query", 'def add(ctx):\n    ctx.db.insert("posts", {})', cell="1")
    app.define("query", 'def by(ctx, a: str):\n'
        '    return ctx.db.query("posts").filter(lambda d: d["author"] == a).collect()',
               module="finding", cell="2")  # fmt: skip
    app.define(
        "mutation", "import time\ndef wait(ctx):\n    time.sleep(1)\n    ctx.run_action(internal.mail.send)", cell="3"
    )
    app.define("action", "def send(ctx):\n    return 'https://cat.convex.cloud/a', '/api/storage/x'", module="mail",
               internal=True, cell="4")  # fmt: skip
    app.http(
        "GET /a", "def a(ctx, request):\n    return request.headers.get('authorization')", no_cors=True, origin="5"
    )
    app.backend.run("finding:by", {"a": "author 7"})
    before = marks(app)
    assert [before[key] for key in GUIDE] == ["✗"] * 10

    app.schema('posts = table({"author": v.string(), "n": v.number()}).index("by_author", ["author"])')
    app.define("mutation", 'def add(ctx):\n    ctx.auth.get_user_identity()\n    ctx.db.insert("posts", {})', cell="1")
    app.define("query", 'def by(ctx, a: str):\n    # nbconvex: allow identity\n'
        ''
               '    return ctx.db.query("posts").with_index("by_author", author=a).first()',
               module="finding", cell="2")  # fmt: skip
    app.define(
        "mutation", "def wait(ctx):\n    ctx.scheduler.run_after(0, internal.mail.send)", internal=True, cell="3"
    )
    app.define("action", "def send(ctx):\n    return 'https://cat.convex.site/a', ctx.storage.get_url('x')",
               module="mail",
               internal=True, cell="4")  # fmt: skip
    app.http("GET /a", "def a(ctx, request):\n    return ctx.auth.get_user_identity()", origin="5")
    assert set(marks(app).values()) == {"✓"}


def test_a_comment_allows_one_line_for_one_function(app) -> None:
    app.define("query", "def f(ctx):\n    # nbconvex: allow identity\n    return 1\ndef g(ctx):\n    return 1")
    (line,) = [each for each in checklist(app.backend) if each.findings]
    assert [each.owner for each in line.findings] == ["posts:g"]


def test_crons_and_arguments_have_their_lines(app) -> None:
    app.define("mutation", "def f(ctx, a):\n    return 1")
    app.backend.scheduler.declare_crons("t", [nbconvex.cron.daily("tidy", "posts:f", {"a": 1}, hour=3, minute=0)])
    found = marks(app)
    assert (found["validators"], found["cron"]) == ("!", "!")
