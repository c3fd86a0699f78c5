"""`%%http` cells: nbconvex.notebook.http_cells."""

from __future__ import annotations

import re

import httpx
import pytest
from IPython.core.error import UsageError

from nbconvex.errors import CallerError

HELLO = """%%http GET /hello
def handler(ctx, request):
    return {"hello": _name(request)}

def _name(request):
    return request.query.get("name", "world")
"""


@pytest.fixture
def shell(bare_shell, monkeypatch):
    """A shell whose server takes any two ports."""
    monkeypatch.setenv("NBCONVEX_DATABASE", ":memory:")
    monkeypatch.setenv("NBCONVEX_PORT", "0")
    bare_shell.run("%load_ext nbconvex")
    return bare_shell


def server_of(shell):
    return shell.ipython.nbconvex_extension.session.server


def site(shell) -> str:
    return server_of(shell).site_url


def test_cell_starts_the_server_and_shows_url_and_a_line_for_curl(shell) -> None:
    assert server_of(shell) is None
    ran = shell.run(HELLO)
    url = f"{site(shell)}/hello"
    assert ran.plain == [f"GET /hello is there\n  url     {url}\n  try it  curl {url}\n  CORS    any page"]
    assert url in ran.html[0]
    answer = httpx.get(url, params={"name": "Ada"}, headers={"Origin": "https://a.example"})
    assert (answer.json(), answer.headers["access-control-allow-origin"]) == ({"hello": "Ada"}, "*")
    assert shell.run(HELLO).plain[0].startswith("GET /hello is changed")


def test_line_for_curl_is_ready_to_be_used(shell) -> None:
    plain = shell.run("%%http POST /notes --auth\ndef handler(ctx, request): return request.json()").plain[0]
    assert "curl -X POST -H 'Content-Type: application/json' -d '{}' -H 'Authorization: Bearer TOKEN' http" in plain
    assert "auth    401 unless somebody is signed in" in plain


def test_cell_sees_the_notebook_and_the_functions_see_its_edits(shell) -> None:
    shell.run("%%mutation notes\ndef add(ctx, body: str):\n    return ctx.db.insert('notes', {'body': body})")
    shell.run("greeting = 'hi'")
    shell.run(
        "%%http POST /notes\nasync def handler(ctx, request):\n"
        "    await ctx.run_mutation(api.notes.add, await request.json())\n"
        "    return Response(greeting, status=201)"
    )
    answer = httpx.post(f"{site(shell)}/notes", json={"body": "x"})
    assert (answer.status_code, answer.text) == (201, "hi")
    shell.run("greeting = 'hello'")
    assert httpx.post(f"{site(shell)}/notes", json={"body": "x"}).text == "hello"


def test_options_say_what_pages_may_do(shell) -> None:
    cell = "%%http get '/a/*' --origins 'https://a.example http://b.example:3' --credentials --max-age 60\n"
    plain = shell.run(cell + "def handler(ctx, request): return request.rest").plain[0]
    assert "CORS    https://a.example, http://b.example:3 with cookies" in plain
    answer = httpx.get(f"{site(shell)}/a/b", headers={"Origin": "http://b.example:3"})
    assert answer.headers["access-control-allow-credentials"] == "true"
    plain = shell.run("%%http GET /b --no-cors\ndef handler(ctx, request): return 'x'").plain[0]
    assert "CORS    off: browsers keep its answers" in plain
    shell.run(
        "%%http GET /c --headers X-A --enforce --origins https://a.example\ndef handler(ctx, request): return 'x'"
    )
    assert httpx.get(f"{site(shell)}/c", headers={"Origin": "https://b.example"}).status_code == 403
    assert "or else 403" in shell.run("%http").plain[0]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("%%http\n", "wants a method and a path"),
        ("%%http GET\n", "wants a method and a path"),
        ("%%http FETCH /a\n", "'FETCH' is no method"),
        ("%%http GET a\n", "must begin with /"),
        ("%%http GET /a --credentials\n", "browsers refuse that"),
        ("%%http GET /a --origins https://a.example/\n", "is no origin"),
        ("%%http GET /a --max-age soon\n", "invalid int"),
    ],
)
def test_line_with_a_mistake_is_refused_in_a_few_words(shell, cell, words) -> None:
    ran = shell.fail(cell + "def handler(ctx, request): return 'x'")
    assert isinstance(ran.error, UsageError)
    assert words in str(ran.error)
    assert "No endpoint is defined yet" in shell.run("%convex routes").plain[0]


@pytest.mark.parametrize("variable", [":id", "{id}", "[id]"])
def test_path_with_what_is_a_variable_elsewhere_is_told_of_the_star(shell, variable) -> None:
    plain = shell.run(f"%%http GET /notes/{variable}/likes\ndef handler(ctx, request): return 'x'").plain[0]
    assert f"{variable} stands for itself, not for a variable; /notes/* is everything below, as request.rest" in plain
    plain = shell.run("%%http GET /notes/*\ndef handler(ctx, request): return request.rest").plain[0]
    assert "variable" not in plain
    assert httpx.get(f"{site(shell)}/notes/7").text == "7"


def test_cell_with_an_error_changes_nothing(shell) -> None:
    shell.run(HELLO)
    ran = shell.fail(HELLO.replace("world", "there") + "\n1 / 0")
    assert isinstance(ran.error, ZeroDivisionError)
    assert "nbconvex" not in ran.stdout
    ran = shell.fail("%%http GET /hello\ndef one(ctx, request): pass\ndef two(ctx, request): pass")
    assert isinstance(ran.error, UsageError | CallerError)
    ran = shell.fail("%%http GET /hello\ndef handler(ctx, request:")
    assert isinstance(ran.error, SyntaxError)
    assert httpx.get(f"{site(shell)}/hello").json() == {"hello": "world"}


def test_decorators_in_a_plain_cell_define_endpoints_too(shell) -> None:
    ran = shell.run("from nbconvex import http\n@http.get('/deco')\ndef deco(ctx, request): return 'x'")
    assert ran.plain == ["✓ new GET /deco"]
    assert httpx.get(f"{site(shell)}/deco").text == "x"
    assert shell.run("del deco").plain == ["✓ gone GET /deco"]
    assert httpx.get(f"{site(shell)}/deco").status_code == 404


def test_endpoint_is_defined_even_where_nothing_is_served(shell) -> None:
    shell.run("%config NbConvex.serve = 'never'")
    plain = shell.run(HELLO).plain[0]
    assert plain.startswith("GET /hello is there\n  CORS")
    assert "NbConvex.serve is 'never'" in plain


def test_addresses_are_those_of_the_users_browser(shell, monkeypatch) -> None:
    monkeypatch.setenv("CODESPACE_NAME", "happy")
    monkeypatch.setenv("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN", "app.github.dev")
    plain = shell.run(HELLO).plain[0]
    assert re.search(r"url +https://happy-\d+\.app\.github\.dev/hello\n", plain)


def test_origins_of_the_notebook_are_a_setting_that_holds_at_once(shell) -> None:
    shell.run(HELLO)

    def allowed() -> str | None:
        answer = httpx.get(f"{site(shell)}/hello", headers={"Origin": "https://a.example"})
        return answer.headers.get("access-control-allow-origin")

    assert allowed() == "*"
    shell.run("%config NbConvex.cors_origins = 'https://b.example'")
    assert allowed() is None
    shell.run("%config NbConvex.cors_origins = 'https://a.example, https://b.example'")
    assert allowed() == "https://a.example"
    assert "it stays" in shell.run("%config NbConvex.cors_origins = 'nonsense'").stderr
    assert allowed() == "https://a.example"


def test_tab_offers_methods_and_options(shell) -> None:
    assert "%%http GET" in shell.complete("%%http G")
    assert "%%http GET /a --no-cors" in shell.complete("%%http GET /a --no")


def test_unloading_takes_the_magic_away(shell) -> None:
    shell.run(HELLO)
    shell.run("%unload_ext nbconvex")
    assert "http" not in shell.ipython.magics_manager.magics["cell"]
