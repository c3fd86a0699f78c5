"""Forms: nbconvex.functions.http_form."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.errors import RequestRefusedError
from nbconvex.functions.http_form import Form, UploadedFile, read_form

URLENCODED = "application/x-www-form-urlencoded"


def sent(**what) -> tuple[bytes, str]:
    request = httpx.Request("POST", "http://x", **what)
    return request.read(), request.headers["content-type"]


def test_form_of_a_page_has_texts_and_files() -> None:
    body, kind = sent(
        data={"name": "Ada", "tag": ["a", "b"]}, files={"file": ("zoë.txt", b"caf\xc3\xa9\r\n", "text/plain")}
    )
    form = read_form(body, kind, parts_max=10)
    assert form["name"] == "Ada"
    assert form.get_all("tag") == ["a", "b"]
    assert form["file"] == UploadedFile("zoë.txt", "text/plain", b"caf\xc3\xa9\r\n")
    assert (form["file"].size, form["file"].text()) == (7, "café\r\n")
    assert sorted(form) == ["file", "name", "tag"]
    assert len(form) == 3
    assert "zoë.txt" in repr(form)


def test_simple_form_has_texts() -> None:
    form = read_form(b"name=Ada+L&tag=a&tag=b&empty=", f"{URLENCODED}; charset=utf-8", parts_max=10)
    assert form == Form([("name", "Ada L"), ("tag", "a"), ("tag", "b"), ("empty", "")])
    assert form.get_all("tag") == ["a", "b"]


@pytest.mark.parametrize(
    ("body", "kind", "status", "words"),
    [
        (b"{}", "application/json", 415, "application/json"),
        (b"{}", None, 415, "multipart/form-data"),
        (b"--b\r\n", "multipart/form-data", 400, "no boundary"),
        (b"nothing", "multipart/form-data; boundary=b", 400, "cannot be read"),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx', "multipart/form-data; boundary=b", 400, "ends"),
        (b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b", 400, "no name"),
        (b"&" * 10, URLENCODED, 413, "form_parts"),
    ],
)
def test_what_is_no_form_is_refused(body, kind, status, words) -> None:
    with pytest.raises(RequestRefusedError, match=words) as refused:
        read_form(body, kind, parts_max=5)
    assert refused.value.status == status


def test_bomb_of_parts_ends_at_the_limit() -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
    with pytest.raises(RequestRefusedError, match="form_parts"):
        read_form(part * 100_000 + b"--b--\r\n", "multipart/form-data; boundary=b", parts_max=1_000)


def test_bomb_of_headers_in_a_part_is_refused() -> None:
    for head in (b"X-A: 1\r\n" * 100_000, b"X-A: " + b"a" * 1_000_000 + b"\r\n"):
        body = b'--b\r\nContent-Disposition: form-data; name="a"\r\n' + head + b"\r\nx\r\n--b--\r\n"
        with pytest.raises(RequestRefusedError, match="cannot be read"):
            read_form(body, "multipart/form-data; boundary=b", parts_max=1_000)


@given(st.binary(max_size=200), st.sampled_from([URLENCODED, "multipart/form-data; boundary=b"]))
def test_no_body_breaks_the_reader(body, kind) -> None:
    for text in (body, b"--b\r\n" + body, b"--b\r\n" + body + b"\r\n--b--\r\n"):
        try:
            read_form(text, kind, parts_max=5)
        except RequestRefusedError:
            continue
