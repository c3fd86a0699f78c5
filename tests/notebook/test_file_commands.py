"""`%convex files`, `%convex upload`, `%convex snippet`: nbconvex.notebook.file_commands."""

from __future__ import annotations

import httpx
import pytest
from IPython.core.error import UsageError


@pytest.fixture
def files(bare_shell, monkeypatch):
    """A shell whose server takes any two ports."""
    monkeypatch.setenv("NBCONVEX_DATABASE", ":memory:")
    monkeypatch.setenv("NBCONVEX_PORT", "0")
    bare_shell.run("%load_ext nbconvex")
    return bare_shell


def server_of(shell):
    return shell.ipython.nbconvex_extension.session.server


def test_files_are_listed_the_newest_first(files) -> None:
    assert files.run("%convex files").plain == ['No files yet: files.store("photo.png"), or %convex upload.']
    one = files.value("files.store(b'hello', 'text/plain')")
    two = files.value("files.store(b'x' * 20_000)")
    plain = files.run("%convex files").plain[0]
    lines = plain.splitlines()
    assert lines[0] == "files: 2, 20.0 kB on disk"
    assert two in plain
    assert plain.index(two) < plain.index(one)
    assert "5 bytes" in plain
    assert "text/plain" in plain
    assert files.run("%convex files --limit 1").plain[0].startswith("files: 1 of 2,")
    assert server_of(files) is None, "who only stores needs no server"


def test_orphans_are_the_files_that_no_document_mentions(files) -> None:
    one, two = files.value("files.store(b'1')"), files.value("files.store(b'2')")
    files.run("%%mutation m\ndef save(ctx, id: str): ctx.db.insert('notes', {'file': id})")
    files.run(f"api.m.save(id={one!r})")
    plain = files.run("%convex files --orphans").plain[0]
    assert "files in no document: 1" in plain
    assert two in plain
    assert one not in plain
    files.run(f"api.m.save(id={two!r})")
    assert files.run("%convex files --orphans").plain == ["Each file stands in some document."]


def test_why_says_what_is_wrong_with_an_id_or_an_address(files) -> None:
    assert "is malformed" in files.run("%convex files --why abc").plain[0]
    assert "put together by hand" in files.run('%convex files --why "http://127.0.0.1:3210/storage/abc"').plain[0]


def test_an_address_starts_the_server_also_inside_of_a_function(files) -> None:
    files.run("%%query m\ndef url(ctx, id: str): return ctx.storage.get_url(id)")
    file_id = files.value("files.store(b'hello')")
    assert server_of(files) is None
    url = files.value(f"api.m.url(id={file_id!r})")
    assert server_of(files) is not None
    assert httpx.get(url).content == b"hello"
    assert files.value(f"files.get_url({file_id!r})") == url


def test_where_nothing_may_be_served_nothing_has_an_address(files) -> None:
    files.run("%config NbConvex.serve = 'never'")
    assert "NbConvex.serve is 'never'" in str(files.fail("files.generate_upload_url()").error)


def test_addresses_follow_the_server_to_another_port(files) -> None:
    files.run("%%query m\ndef url(ctx, id: str): return ctx.storage.get_url(id)")
    file_id = files.value("files.store(b'hello')")
    before = files.value(f"api.m.url(id={file_id!r})")
    files.run("%convex serve --stop")
    files.run("%convex serve --port 0")
    after = files.value(f"api.m.url(id={file_id!r})")
    assert httpx.get(after).content == b"hello"
    assert before.rpartition("/")[2] == after.rpartition("/")[2]


def test_the_snippet_is_code_to_copy(files) -> None:
    assert files.run("%convex snippet").plain == ["%convex snippet upload"]
    ran = files.run("%convex snippet upload")
    assert "new XMLHttpRequest()" in ran.plain[0]
    assert "request.upload.onprogress" in ran.plain[0]
    assert "<script" not in ran.html[0]
    with pytest.raises(UsageError, match="no snippet 'download'"):
        files.run("%convex snippet download")


def test_upload_shows_a_panel_and_may_bind_it_to_a_name(files) -> None:
    ran = files.run("%convex upload --accept image/* --into uploads")
    assert "A panel for uploading files" in ran.plain[0]
    assert files.value("uploads.accept") == "image/*"
    assert files.value("uploads.files") == []
    assert files.value("uploads.url").startswith(f"{server_of(files).url}/api/storage/upload?token=")
    with pytest.raises(UsageError, match="--into wants a name"):
        files.run("%convex upload --into 5")
