"""The official client's file is found where npm puts it or where the variable says, and its absence teaches."""

from __future__ import annotations

import asyncio

import pytest
from starlette.requests import Request
from starlette.responses import Response

from nbconvex.server.bundle import INSTALLED, PATH, VARIABLE, bundle_answer, find_bundle


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A notebook's folder, two levels below one in which npm may be run."""
    folder = tmp_path / "course" / "week 1"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.delenv(VARIABLE, raising=False)
    return folder


def install(folder, content: str = "var convex = {};"):
    file = folder / INSTALLED
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return file


def asked(**headers: str) -> Response:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return asyncio.run(bundle_answer(None, Request({"type": "http", "method": "GET", "path": PATH, "headers": raw})))


def test_the_nearest_installation_is_found_in_the_folder_or_above_it(folder, tmp_path) -> None:
    assert find_bundle({}, folder) is None
    above = install(tmp_path)
    assert find_bundle({}, folder) == above
    here = install(folder)
    assert find_bundle({}, folder) == here


def test_the_variable_goes_before_what_npm_has_installed(folder, tmp_path) -> None:
    install(folder)
    named = tmp_path / "client.js"
    assert find_bundle({VARIABLE: str(named)}, folder) is None
    named.write_text("")
    assert find_bundle({VARIABLE: str(named)}, folder) == named


def test_the_file_is_served_as_a_script_that_is_asked_for_again(folder) -> None:
    install(folder, "var convex = 1;")
    answer = asked()
    assert (answer.status_code, answer.body) == (200, b"var convex = 1;")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    again = asked(if_none_match=answer.headers["etag"])
    assert (again.status_code, again.body) == (304, b"")
    install(folder, "var convex = 12;")
    assert asked(if_none_match=answer.headers["etag"]).status_code == 200


def test_without_the_file_the_answer_says_what_to_run_and_names_no_folder(folder, monkeypatch) -> None:
    answer = asked()
    text = bytes(answer.body).decode()
    assert answer.status_code == 404
    assert "npm install convex" in text
    assert VARIABLE in text
    assert str(folder) not in text
    install(folder)
    assert asked().status_code == 200, "nothing has to be restarted"
    monkeypatch.setenv(VARIABLE, str(folder / "nowhere.js"))
    assert b"no such file" in asked().body
