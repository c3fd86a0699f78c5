"""`%%auth`: nbconvex.notebook.cell_magics."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

CELL = """%%auth
import os
providers = [{"domain": os.environ["CLERK_JWT_ISSUER_DOMAIN"], "applicationID": "convex"}]
"""
CLERK = "https://verb-noun-00.clerk.accounts.dev"


@pytest.fixture
def issuers(shell):
    """The issuers that count now."""

    def issuers() -> list[str]:
        session = shell.ipython.nbconvex_extension.session
        return [each.issuer for each in session.backend.auth.providers]

    return issuers


def test_cell_says_who_may_vouch_and_a_later_one_takes_its_place(shell, issuers, monkeypatch) -> None:
    monkeypatch.setenv("CLERK_JWT_ISSUER_DOMAIN", CLERK)
    assert CLERK in shell.run(CELL).plain[0]
    assert issuers() == [CLERK]
    monkeypatch.delenv("CLERK_JWT_ISSUER_DOMAIN")
    shell.run("%%auth\nproviders = [{'domain': 'https://other.example', 'applicationID': 'x'}]")
    assert issuers() == ["https://other.example"]
    assert "other.example" in shell.run("%auth").plain[0]
    shell.run("%%auth\nproviders = []")
    assert issuers() == []


def test_cell_that_fails_changes_nothing(shell, issuers, monkeypatch) -> None:
    monkeypatch.delenv("CLERK_JWT_ISSUER_DOMAIN", raising=False)
    shell.run("%%auth\nproviders = [{'domain': 'https://other.example', 'applicationID': 'x'}]")
    assert isinstance(shell.fail(CELL).error, KeyError)
    for cell, sentence in (
        ("x = 1", "this cell does not say what providers is."),
        ("providers = 7", "providers is a list"),
        ("import os\nproviders = [{'domain': os.environ.get('CLERK_JWT_ISSUER_DOMAIN'), 'applicationID': 'convex'}]",
         "for Clerk it is CLERK_JWT_ISSUER_DOMAIN"),
    ):  # fmt: skip
        error = shell.fail(f"%%auth\n{cell}").error
        assert isinstance(error, UsageError)
        assert sentence in str(error)
        assert shell.value("providers")[0]["domain"] == "https://other.example"
    assert isinstance(shell.fail("%%auth\nproviders = [").error, SyntaxError)
    assert issuers() == ["https://other.example"]
