"""The panel Files: nbconvex.dashboard.files."""

from __future__ import annotations

import json

import pytest

from nbconvex.dashboard.files import FilesPanel
from nbconvex.errors import CallerError, DocumentNotFoundError, ValueInvalidError
from tests.services.files.stores import backend_with


@pytest.fixture
def files():
    with backend_with() as made:
        made.mutation(name="m:save")(lambda ctx, value: ctx.db.insert("photos", {"value": value}))
        yield made


def test_files_are_listed_newest_first_with_size_and_type(files) -> None:
    first = files.storage.store(b"hello", "text/plain")
    files.clock.advance(1)
    second = files.storage.store(b"x" * 2000, "image/png")
    view = json.loads(json.dumps(FilesPanel(files).view({})))
    assert [(each["id"], each["size"], each["type"], each["url"]) for each in view["files"]] == [
        (second, 2000, "image/png", None), (first, 5, "text/plain", None),
    ]  # fmt: skip
    assert (view["total"], view["bytes"], view["served"]) == (2, 2005, False)
    assert view["files"][0]["at"] > view["files"][1]["at"]


def test_addresses_are_those_that_functions_give(files) -> None:
    file_id = files.storage.store(b"hello")
    panel = FilesPanel(files, address=lambda: "http://files.test")
    view = panel.view({})
    assert (view["files"][0]["url"], view["served"]) == (files.storage.get_url(file_id), True)


def test_files_are_found_by_type_and_by_being_in_no_document(files) -> None:
    kept, lost = files.storage.store(b"a", "image/png"), files.storage.store(b"b", "text/csv")
    files.run("m:save", {"value": {"photo": kept}})
    panel = FilesPanel(files)
    assert [each["id"] for each in panel.view({"find": "PNG"})["files"]] == [kept]
    assert [each["id"] for each in panel.view({"orphans": True})["files"]] == [lost]
    view = panel.view({"limit": 1})
    assert (len(view["files"]), view["found"]) == (1, 2)


def test_documents_that_mention_a_file_are_named_before_it_is_deleted(files) -> None:
    file_id, other = files.storage.store(b"a"), files.storage.store(b"b")
    ids = [files.run("m:save", {"value": [file_id]}) for _ in range(6)]
    files.run("m:save", {"value": f"not {other}"})
    panel = FilesPanel(files)
    told = panel.act("mentions", {"id": file_id})
    assert told["more"]
    assert {(each["table"], each["id"]) for each in told["documents"]} <= {("photos", each) for each in ids}
    assert panel.act("mentions", {"id": other}) == {"documents": [], "more": False}
    assert panel.act("delete", {"id": file_id}) == {"said": f"Deleted: {file_id}."}
    assert [each["id"] for each in panel.view({})["files"]] == [other]
    with pytest.raises(DocumentNotFoundError):
        panel.act("delete", {"id": file_id})


def test_bad_input_from_the_page_has_a_clear_error(files) -> None:
    panel = FilesPanel(files)
    with pytest.raises(CallerError, match="id is missing: which file"):
        panel.act("delete", {})
    with pytest.raises(ValueInvalidError):
        panel.act("delete", {"id": "nonsense"})
    with pytest.raises(CallerError, match="no action 'upload'; it knows mentions, delete"):
        panel.act("upload", {})
    with pytest.raises(CallerError, match="orphans must be true or false"):
        panel.view({"orphans": 1})
