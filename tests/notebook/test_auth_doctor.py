"""`%convex doctor`: nbconvex.notebook.doctor_commands."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

from nbconvex.notebook.auth_doctor import ask
from nbconvex.services.auth.checkup import Question
from tests.services.auth.issuers import redirect_to, site


@pytest.fixture
def served(bare_shell, monkeypatch):
    """A shell whose server takes any two ports."""
    monkeypatch.setenv("NBCONVEX_DATABASE", ":memory:")
    monkeypatch.setenv("NBCONVEX_PORT", "0")
    monkeypatch.delenv("CLERK_JWT_ISSUER_DOMAIN", raising=False)
    bare_shell.run("%load_ext nbconvex")
    return bare_shell


def lines(shell, line: str) -> list[str]:
    return shell.run(line).plain[0].splitlines()


def test_own_backend_is_looked_at_when_nothing_else_is_named(served) -> None:
    found = lines(served, "%convex doctor auth")
    assert found[0].endswith(", and tokens")
    wrong = [each for each in found if each.startswith("✗")]
    assert wrong[0].startswith("✗ providers: none: every token is refused; expected: at least one. %convex auth add")
    assert wrong[1:] == ["✗ Not good: providers."]


def test_good_token_passes_every_check_and_an_old_one_says_which_it_fails(served) -> None:
    served.run("%convex token --subject ada --into good")
    served.run("%convex token --subject ada --expired --into old")
    assert lines(served, "%convex doctor auth --token good")[-1] == "✓ All good."
    found = lines(served, "%convex doctor auth --token old")
    assert found[-1] == "✗ Not good: your token, expiry (exp)."
    assert any("It expired 1 hour ago" in each for each in found)


def test_path_alone_is_an_endpoint_of_our_own(served) -> None:
    assert "/nowhere, and tokens" in lines(served, "%convex doctor auth /nowhere")[0].replace("http", "")


def test_other_addresses_are_looked_at_without_our_own_providers(served) -> None:
    with site() as page:
        page.pages["/me"] = {"ok": True}
        found = lines(served, f"%convex doctor auth {page.url}/me")
        assert page.asked == ["/me"] * 3
        assert any(each.startswith("✗ preflight: status 501") for each in found)
        assert any(each.startswith("· wrong token: status 200") for each in found)
        assert not any("provider" in each for each in found)
        found = lines(served, f"%convex doctor auth {page.url}/nowhere")
        assert found[-1] == "✗ Not good: address."
    assert lines(served, f"%convex doctor auth {page.url}/me")[-1] == "✗ Not good: reachable."


@pytest.mark.parametrize(
    ("line", "sentence"),
    [("outh x", 'cannot look at "outh". Did you mean "auth"?'), ("auth example.org", "example.org is no address")],
)
def test_what_the_doctor_cannot_look_at_is_told(served, line, sentence) -> None:
    error = served.fail(f"%convex doctor {line}").error
    assert isinstance(error, UsageError)
    assert sentence in str(error)


def test_redirections_are_answers() -> None:
    with site() as page:
        page.pages["/moved"] = redirect_to("http://127.0.0.1:1/")
        answer = ask(Question("x", "GET", f"{page.url}/moved", {}))
        assert (answer.status, answer.header("location")) == (302, "http://127.0.0.1:1/")
