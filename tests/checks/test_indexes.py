"""Filters without an index, and the lines that would give them one."""

from __future__ import annotations

import pytest

from nbconvex.checks.indexes import index_findings, suggestions, unused_index_findings
from nbconvex.checks.source import codes_of

BY = 'def by(ctx, author: str):\n    return ctx.db.query("posts").filter({}).collect()'


def findings(app):
    return list(index_findings(codes_of(app.backend), app.backend.runner.plans, app.backend.schema))


def by(condition: str) -> str:
    return BY.format(condition)


@pytest.mark.parametrize(
    ("condition", "use"),
    [
        ('lambda q: q.eq(q.field("author"), author)', '.with_index("by_author", author=author)'),
        ('lambda d: d["author"] == author', '.with_index("by_author", author=author)'),
        ('lambda d: d.get("author") == author and d["n"] >= 3',
         '.with_index("by_author_and_n", lambda q: q.eq("author", author).gte("n", 3))'),
        ('lambda q: q.and_(q.eq(q.field("author"), author), q.eq(q.field("n"), 3))',
         '.with_index("by_author_and_n", author=author, n=3)'),
        ('lambda q: q.gt(q.field("a.b"), 3)', '.with_index("by_a_b", lambda q: q.gt("a.b", 3))'),
    ],
)  # fmt: skip
def test_a_filter_becomes_the_index_that_would_find_the_same(app, condition, use) -> None:
    app.define("query", by(condition))
    (found,) = findings(app)
    assert f"{use}   instead of the filter" in found.cure
    assert not found.is_grave


def test_what_it_suggests_works_and_nothing_is_left_to_suggest(app) -> None:
    app.fill(200)
    app.define("query", by('lambda d: d["author"] == author'))
    before = app.backend.run("posts:by", {"author": "author 7"})
    (found,) = findings(app)
    assert found.is_grave
    assert "200 documents read for 4 (the filter drops 98%)" in found.problem
    line, _, use = found.cure.partition("   behind posts in the %%schema cell, and   ")
    app.schema(f'posts = table({{"author": v.string(), "n": v.number()}}){line}')
    use = use.partition("   ")[0]
    app.define("query", f'def by(ctx, author: str):\n    return ctx.db.query("posts"){use}.collect()')
    assert app.backend.run("posts:by", {"author": "author 7"}) == before
    assert findings(app) == []


def test_an_index_that_is_there_needs_no_line_in_the_schema(app) -> None:
    app.schema('posts = table({"author": v.string(), "n": v.number()}).index("of", ["author", "n"])')
    app.define("query", by('lambda d: d["author"] == author'))
    assert findings(app)[0].cure == '.with_index("of", author=author)   instead of the filter'


@pytest.mark.parametrize(
    "text",
    [
        'ctx.db.query("posts").full_table_scan().filter(lambda d: d["n"] == 1).collect()',
        'ctx.db.query("posts").filter(lambda d: d["n"] == 1 or d["n"] == 2).collect()',
        'ctx.db.query("posts").collect()',
    ],
)
def test_a_scan_on_purpose_and_what_no_index_could_do_are_left_alone(app, text) -> None:
    app.define("query", f"def f(ctx):\n    return {text}")
    assert [each for code in codes_of(app.backend) for each in suggestions(code)] == []


def test_a_filter_that_keeps_most_is_not_grave(app) -> None:
    app.fill(200)
    app.define("query", 'def f(ctx):\n    return ctx.db.query("posts").filter(lambda d: d["n"] >= 1).collect()')
    app.backend.run("posts:f")
    assert [each.is_grave for each in findings(app)] == [False]


def test_indexes_that_nobody_names_and_those_within_others_are_told(app) -> None:
    app.schema(
        'posts = table({"author": v.string(), "n": v.number()}).index("a", ["author"]).index("b", ["author", "n"])'
        '.index("c", ["n"]).index("d", ["n", "author"], unique=True)'
    )
    app.define("query", 'def f(ctx):\n    return ctx.db.query("posts").with_index("a").first(), "b"')
    found = {each.owner: each.problem for each in unused_index_findings(codes_of(app.backend), app.backend.schema)}
    assert found == {
        "posts.a": "begins as b does, which finds the same documents.",
        "posts.c": "is an index that no function uses.",
    }
