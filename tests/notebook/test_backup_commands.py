"""What `%convex backup` and `%convex restore` do: nbconvex.notebook.backup_commands."""

from __future__ import annotations

import re
import zipfile

import pytest

BACKEND = "get_ipython().nbconvex_extension.session.backend"


def state(shell) -> dict[str, list]:
    """All documents and files, with their ids and times."""
    backend = shell.value(BACKEND)
    names = [each.name for each in backend.database.snapshot.tables.values() if not each.name.startswith("_")]
    transaction = backend.database.begin(writable=False)
    documents = {name: transaction.query(name).collect() for name in names}
    shell.run("%%query every\ndef file(ctx):\n    return ctx.db.system.query('_storage').collect()")
    files = shell.value("api.every.file()")
    contents = [backend.files.get(transaction, each["_id"]).read() for each in files]
    return {**{name: each for name, each in documents.items() if each}, "files": files, "bytes": contents}


@pytest.mark.case("tooling/backup_restore")
def test_a_restore_brings_back_the_state_of_that_moment(stored_app) -> None:
    shell = stored_app
    shell.run("kept = files.store(b'a picture', 'image/png')")
    before = state(shell)
    told = shell.run("%convex backup").plain[0]
    assert "3 documents and 1 file" in told
    name = re.search(r"%convex restore (nbconvex-\d{4}-\d\d-\d\d-\d{6}\.zip)", told)[1]
    shell.run("%%mutation change\ndef all(ctx):\n"
              "    for each in ctx.db.query('messages').collect():\n        ctx.db.delete(each['_id'])\n"
              "    ctx.db.insert('messages', {'channel': 'a', 'body': 'new'})\n"
              "    ctx.db.insert('others', {})\n")  # fmt: skip
    shell.run("api.change.all()\nfiles.delete(kept)\nfiles.store(b'another')")
    assert state(shell) != before
    asked = shell.run(f"%convex restore {name}").plain[0]
    assert re.search(r"would put back the state of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, in place of 2 documents", asked)
    assert len(state(shell)["messages"]) == 1
    assert (
        "is back: 3 documents and 1 file, in place of 2 documents"
        in shell.run(f"%convex restore {name} --yes").plain[0]
    )
    assert state(shell) == before
    # Also in a store that never had them.
    shell.run("%convex open other.duckdb")
    shell.run(f"%convex restore {name} --yes")
    assert state(shell) == before


def test_a_schema_that_is_newer_is_named_and_nothing_changes(app) -> None:
    app.run("%convex backup old.zip")
    app.run("%convex reset --yes")
    app.run("%%schema\nmessages = table({'channel': v.string(), 'body': v.string(), 'more': v.number()})")
    error = str(app.fail("%convex restore old.zip --yes").error)
    assert "nothing was changed" in error
    assert "run the %%schema cell of that time" in error
    assert app.value("internal.hidden.count()") == 0


def test_what_is_no_backup_is_named(app, tmp_path) -> None:
    (tmp_path / "words.zip").write_text("words")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as file:
        file.writestr("a.txt", "a")
    for line, words in (
        ("restore nowhere.zip", "there is no file nowhere.zip"),
        ("restore words.zip", "words.zip is no backup"),
        ("restore other.zip --yes", "other.zip is no backup"),
        ("backup 'my app.duckdb'", '%convex backup "my app.duckdb".zip'),
    ):
        assert words in str(app.fail(f"%convex {line}").error)
    assert app.value("internal.hidden.count()") == 3


def test_a_backup_in_memory_is_called_after_nobody(app) -> None:
    assert "%convex restore nbconvex-" in app.run("%convex backup").plain[0]
