"""What one notebook holds: nbconvex.notebook.session."""

from __future__ import annotations

from typing import Any

import pytest

from nbconvex.errors import CallerError, NbconvexError
from nbconvex.notebook.session import Session


@pytest.fixture
def session(stored_shell) -> Session:
    return stored_shell.ipython.nbconvex_extension.session


def test_store_opens_with_the_first_need_and_once(session) -> None:
    assert not session.is_open
    backend = session.backend
    assert session.is_open
    assert session.backend is backend


def test_looking_at_a_reference_opens_nothing(session) -> None:
    assert repr(session.api.messages.send) == "<reference api.messages.send>"
    assert list(dir(session.api)) == []
    assert not session.is_open


def test_names_are_injected_where_free_and_withdrawn_where_unchanged(session) -> None:
    user_ns: dict[str, Any] = session.shell.user_ns
    user_ns["mine"] = 1
    assert session.inject({"mine": 2, "ours": 3, "print": 4, "changed": 5}) == ["mine", "print"]
    user_ns["changed"] = "by the user"
    session.withdraw()
    assert (user_ns["mine"], user_ns["changed"]) == (1, "by the user")
    assert not {"ours", "print"} & set(user_ns)


def test_path_is_shown_relative_to_the_working_folder(session, tmp_path) -> None:
    assert session.path == str(tmp_path / "nbconvex.duckdb")
    assert session.shown_path == "nbconvex.duckdb"
    session.open(":memory:")
    assert session.shown_path == ":memory:"


def test_store_that_cannot_be_opened_leaves_the_old_one(session, tmp_path) -> None:
    backend = session.backend
    (tmp_path / "other.duckdb").write_bytes(b"no database" * 1_000)
    with pytest.raises(NbconvexError):
        session.open("other.duckdb")
    assert session.backend is backend
    assert not backend.is_closed


def test_opening_the_open_store_changes_nothing(session) -> None:
    backend = session.backend
    session.open("nbconvex.duckdb")
    assert session.backend is backend


def test_closing_twice_is_fine_and_nothing_opens_afterwards(session, stored_shell) -> None:
    backend = session.backend
    stored_shell.run("%unload_ext nbconvex")
    session.close()
    assert backend.is_closed
    with pytest.raises(CallerError, match="%load_ext nbconvex"):
        _ = session.backend
