"""Who is let in, what is checked of what comes in, which addresses are used."""

from __future__ import annotations

import nbconvex
from nbconvex.checks.access import (
    address_findings,
    cron_findings,
    identity_findings,
    url_findings,
    validator_findings,
)
from nbconvex.checks.source import codes_of


def test_public_functions_that_never_ask_who_calls_are_listed(app) -> None:
    app.define("query", "def _who(ctx):\n    return ctx.auth.get_user_identity()\n"
               "def asks(ctx):\n    return _who(ctx)\n"
               "def open(ctx):\n    return 1")  # fmt: skip
    app.define("query", "def hidden(ctx):\n    return 1", module="inner", internal=True)
    (found,) = identity_findings(codes_of(app.backend))
    assert (found.owner, found.is_grave) == ("posts:open", False)


def test_an_endpoint_that_takes_a_token_and_checks_nobody_is_wrong(app) -> None:
    text = "def a(ctx, request):\n    return request.headers.get('Authorization').removeprefix('Bearer ')"
    app.http("GET /a", text)
    app.http("GET /b", text, auth=True)
    (found,) = identity_findings(codes_of(app.backend))
    assert (found.owner, found.is_grave) == ("GET /a", True)
    assert found.cure.startswith("%%http GET /a --auth")


def test_parameters_that_nobody_checks_are_told_and_annotated_ones_are_not(app) -> None:
    app.define("query", "def a(ctx, author, count=10):\n    return 1\ndef b(ctx, author: str):\n    return 1\n"
               "def c(ctx):\n    return 1")  # fmt: skip
    (found,) = validator_findings(codes_of(app.backend))
    assert found.owner == "posts:a"
    assert "def a(ctx, author: str, count: int = 10):" in found.cure


def test_addresses_put_together_by_hand_are_found_and_docstrings_are_not_read(app) -> None:
    app.define("query", 'def a(ctx, id: str):\n    return f"/api/storage/{id}"\n'
               'def b(ctx):\n    "Not /api/storage/x."\n    return 1')  # fmt: skip
    (found,) = url_findings(codes_of(app.backend))
    assert found.owner == "posts:a"


def test_an_endpoint_at_the_address_of_functions_is_found_in_code_and_pages(app) -> None:
    app.define("action", "def a(ctx):\n    return 'https://cat.convex.cloud/hello'\n"
               "def b(ctx):\n    return 'https://cat.convex.cloud', 'https://cat.convex.cloud/api/query'")  # fmt: skip
    page = {"cell 3": "<script>fetch('https://cat.convex.cloud/hello')</script>"}
    found = list(address_findings(codes_of(app.backend), page))
    assert [each.owner for each in found] == ["posts:a", "cell 3"]
    assert found[0].cure.startswith("https://cat.convex.site/hello")


def test_a_cron_at_the_full_hour_is_moved_and_others_stay(app) -> None:
    app.define("mutation", "def tidy(ctx):\n    return 1")
    made = [nbconvex.cron.daily("at nine", "posts:tidy", hour=9, minute=0),
            nbconvex.cron.daily("later", "posts:tidy", hour=9, minute=7),
            nbconvex.cron.interval("often", "posts:tidy", hours=1)]  # fmt: skip
    app.backend.scheduler.declare_crons("test", made)
    (found,) = cron_findings(app.backend.scheduler.crons.documents())
    assert found.owner == "the cron at nine"
    assert not found.cure.split('"')[1].startswith("0 ")
