"""`%convex auth`, `%convex token`, `%convex as`: nbconvex.notebook.auth_commands."""

from __future__ import annotations

import httpx
import pytest
from IPython.core.error import UsageError

from tests.services.auth.issuers import data_address, key_set, public_jwk, unsigned

WHO = """%%query
def who(ctx):
    user = ctx.auth.get_user_identity()
    return None if user is None else dict(user)
"""
CLERK = "https://verb-noun-00.clerk.accounts.dev"


@pytest.fixture
def served(bare_shell, monkeypatch):
    """A shell with one query that says who calls."""
    monkeypatch.setenv("NBCONVEX_DATABASE", ":memory:")
    monkeypatch.setenv("NBCONVEX_PORT", "0")
    monkeypatch.delenv("CLERK_JWT_ISSUER_DOMAIN", raising=False)
    bare_shell.run("%load_ext nbconvex")
    bare_shell.run(WHO)
    return bare_shell


def server_of(shell):
    return shell.ipython.nbconvex_extension.session.server


def subject(shell, code: str = "api.main.who()"):
    who = shell.value(code)
    return None if who is None else who["subject"]


def refusal(shell, line: str) -> str:
    error = shell.fail(line).error
    assert isinstance(error, UsageError)
    return str(error)


# -- auth -------------------------------------------------------------------------------------------------------------


def test_providers_are_listed_added_and_removed(served, monkeypatch) -> None:
    assert "Nobody may vouch for callers: every token is refused." in served.run("%convex auth").plain[0]
    added = served.run(f"%convex auth add clerk {CLERK}").plain[0]
    assert f"OIDC(domain={CLERK}, app_id=convex) may vouch for callers" in added
    served.run("%convex auth add oidc https://tenant.eu.auth0.com/ my-app")
    jwks = data_address(key_set(public_jwk()))
    served.run(f"%convex auth add custom https://issuer.example '{jwks}' --algorithm RS256 --application app")
    listed = served.run("%convex auth list").plain[0]
    for part in (CLERK, "auth0.com", "issuer.example", "my-app", "kept in the store"):
        assert part in listed
    assert served.run("%auth").plain[0] == listed
    assert "Forgotten: OIDC" in served.run(f"%convex auth remove {CLERK}").plain[0]
    assert CLERK not in served.run("%convex auth").plain[0]
    monkeypatch.setenv("CLERK_JWT_ISSUER_DOMAIN", CLERK)
    assert "CLERK_JWT_ISSUER_DOMAIN" in served.run("%convex auth").plain[0]
    monkeypatch.setenv("CLERK_JWT_ISSUER_DOMAIN", "http://x.example")
    assert "plain http" in served.run("%convex auth").plain[0]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("add", "what kind of provider? clerk, oidc or custom."),
        ("add clerk", "CLERK_JWT_ISSUER_DOMAIN is not set"),
        ("add clerk a b", "this takes 1 word, not 3."),
        ("add oidc https://a.example", "this takes 3 words, not 2."),
        ("add oidc http://a.example x", "plain http"),
        ("add custom https://a.example https://a.example/keys", "algorithm is missing"),
        ("add custom https://a.example https://a.example/keys --algorithm HS256", "shared secret"),
        ("remove", "this takes 1 word, not 0."),
        ("remove https://a.example", "was added; there is: none"),
        ("explain", "this takes 1 word, not 0."),
        ("explian x", 'Did you mean "explain"?'),
    ],
)
def test_line_that_cannot_be_done_says_what_to_write(served, line, sentence) -> None:
    assert sentence in refusal(served, f"%convex auth {line}")


def test_token_is_explained_check_by_check(served) -> None:
    served.run("%convex token --subject ada --into good")
    served.run("%convex token --subject ada --expired --into old")
    explained = served.run("%convex auth explain good").plain[0]
    assert explained.endswith("✓ All good.")
    assert "✓ signature: it is (expected: made with that key)" in explained
    explained = served.run("%convex auth explain old").plain[0]
    assert "✗ expiry (exp): " in explained
    assert "1 hour ago; expected: after " in explained
    assert explained.endswith("✗ Not good: expiry (exp).")
    assert served.run(f"%convex auth explain {served.value('old')}").plain[0].endswith("✗ Not good: expiry (exp).")
    served.run("%convex auth add oidc http://127.0.0.1:1 convex")
    gone = unsigned({"alg": "EdDSA"}, {"iss": "http://127.0.0.1:1", "aud": "convex", "sub": "a", "exp": 4e9}, b"xx")
    assert "? Could not be checked: keys." in served.run(f"%convex auth explain {gone}").plain[0]


# -- token ------------------------------------------------------------------------------------------------------------


def test_token_is_made_for_whoever_is_named_first(served) -> None:
    assert served.run("%convex token ada --name Ada").plain[0].startswith("a token for ada\n")


def test_token_is_made_and_counts_for_clients(served) -> None:
    assert server_of(served) is None
    ran = served.run('%convex token --subject ada --name "Ada Lovelace" --claim role=admin --claim n=7 --into token')
    token, server = served.value("token"), server_of(served)
    assert token in ran.plain[0]
    assert f"{server.site_url}|ada" in ran.plain[0]
    answer = httpx.post(
        f"{server.url}/api/query", json={"path": "main:who", "args": {}}, headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.json()["value"] == {
        "tokenIdentifier": f"{server.site_url}|ada", "issuer": server.site_url, "subject": "ada",
        "name": "Ada Lovelace", "role": "admin", "n": 7.0,
    }  # fmt: skip


def test_no_answer_shows_a_private_key(served) -> None:
    shown = served.run("%convex token --subject ada").plain[0] + served.run("%convex auth").plain[0]
    assert "PRIVATE" not in shown
    kept = served.value("get_ipython().nbconvex_extension.session.backend.database.get_global('auth_development_key')")
    assert b"PRIVATE KEY" in kept


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("", "whom is the token for?"),
        ("--subject ada --expires soon", "--expires wants a duration, not 'soon'."),
        ("--subject ada --expires 0h", "--expires wants a duration"),
        ("--subject ada --into 7", "--into wants a name"),
        ("--subject ada --claim sub=eve", "the claim sub is made by the issuer"),
        ("--subject ada --claim eve", "write name=value"),
    ],
)
def test_token_that_cannot_be_made_says_why(served, words, sentence) -> None:
    assert sentence in refusal(served, f"%convex token {words}")


def test_tokens_count_only_where_this_machine_is_served_unless_asked_for(served) -> None:
    served.run("%convex serve --host 0.0.0.0 --port 0")
    assert "development tokens do not count here" in refusal(served, "%convex token --subject ada")
    served.run("%config NbConvex.development_tokens = 'always'")
    served.run("%convex serve --stop")
    served.run("%convex serve --host 0.0.0.0 --port 0")
    served.run("%convex token --subject ada")
    served.run("%config NbConvex.development_tokens = 'never'")
    served.run("%convex serve --stop")
    assert "%config NbConvex.development_tokens = 'always'" in refusal(served, "%convex token --subject ada")


# -- as ---------------------------------------------------------------------------------------------------------------


def test_cells_call_as_somebody_until_told_otherwise(served) -> None:
    assert served.run("%convex as").plain[0] == "Cells call as nobody."
    assert subject(served) is None
    told = served.run('%convex as ada --name "Ada" --claim role=admin').plain[0]
    assert told == "✓ Cells call as ada (Ada), nbconvex|ada."
    assert served.value("api.main.who()") == {
        "tokenIdentifier": "nbconvex|ada", "issuer": "nbconvex", "subject": "ada", "name": "Ada", "role": "admin",
    }  # fmt: skip
    assert "nbconvex|ada" in served.run("%convex run main:who").plain[0]
    assert "calling as  ada (Ada), nbconvex|ada" in served.run("%convex status").plain[0]
    assert subject(served, "__import__('nbconvex').api.main.who()") == "ada"
    served.run("%convex as bob --issuer https://i.example")
    assert served.value("api.main.who()")["tokenIdentifier"] == "https://i.example|bob"
    assert served.run("%convex as --nobody").plain[0] == "Cells call as nobody."
    assert subject(served) is None


def test_cells_call_as_whoever_a_token_means(served) -> None:
    served.run("%convex token --subject ada --into token")
    told = served.run("%convex as --token token").plain[0]
    assert told == f"✓ Cells call as ada, {server_of(served).site_url}|ada."
    assert "Could not parse JWT payload." in refusal(served, "%convex as --token x.y.z")
    assert subject(served) == "ada"


def test_clients_are_not_whom_cells_call_as(served) -> None:
    served.run("%convex as ada")
    served.run("%convex serve")
    answer = httpx.post(f"{server_of(served).url}/api/query", json={"path": "main:who", "args": {}})
    assert answer.json()["value"] is None


def test_block_goes_before_what_cells_were_told(served) -> None:
    served.run("%convex as ada")
    served.run("import nbconvex\nwith nbconvex.as_user(subject='bob'):\n    seen = api.main.who()['subject']")
    assert served.value("seen") == "bob"
    assert subject(served) == "ada"


def test_other_store_and_reload_keep_whom_cells_call_as(served) -> None:
    served.run("%convex as ada")
    served.run("%convex open other.duckdb")
    served.run(WHO)
    assert subject(served) == "ada"
    served.run("%reload_ext nbconvex")
    assert subject(served) == "ada"
    served.run("%convex close")
    served.run(WHO)
    assert subject(served) == "ada"


def test_live_view_stays_somebodys_also_when_it_rests(served, monkeypatch) -> None:
    monkeypatch.setenv("NBCONVEX_LIVE", "html")
    served.run("%config NbConvex.live = 'html'")
    served.run("%convex as ada")
    served.run("view = live(api.main.who)")
    served.run("%convex as bob")
    session = served.ipython.nbconvex_extension.session
    (view,) = session.views
    assert view.refresh().to_json().count("nbconvex|ada")
    view.rest()
    view.resume()
    served.run(WHO)
    assert session.backend.live.settle()
    assert "nbconvex|ada" in view.refresh().to_json()
    assert "bob" not in view.refresh().to_json()
