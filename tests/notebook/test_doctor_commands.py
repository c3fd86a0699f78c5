"""`%convex doctor`: nbconvex.notebook.doctor_commands."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError


@pytest.fixture
def shell(bare_shell, monkeypatch):
    monkeypatch.setenv("NBCONVEX_DATABASE", ":memory:")
    monkeypatch.setenv("NBCONVEX_PORT", "0")
    bare_shell.run("%load_ext nbconvex")
    return bare_shell


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%convex doctor corse /x", 'Did you mean "cors"?'),
        ("%convex doctor cors", "wants the URL of an endpoint"),
        ("%convex doctor http nonsense", "nonsense is no address"),
    ],
)
def test_doctor_that_is_asked_wrongly_says_how(shell, line, words) -> None:
    ran = shell.fail(line)
    assert isinstance(ran.error, UsageError)
    assert words in str(ran.error)


def test_path_alone_is_one_of_ours(shell) -> None:
    plain = shell.run("%convex doctor http /none").plain[0]
    assert shell.ipython.nbconvex_extension.session.server.site_url + "/none" in plain
    assert "status 404" in plain
