"""`%convex import` and `%convex export`: nbconvex.notebook.data_commands."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from IPython.core.error import UsageError

SCHEMA = """%%schema
cities = table({"name": v.string(), "people": v.optional(v.number())}).index("by_name", ["name"])
"""


def test_a_file_becomes_a_table_of_its_name(shell) -> None:
    Path("cities.csv").write_text("name,people\nUlm,128000\n007,\n")
    shell.run(SCHEMA)
    assert shell.run("%convex import cities.csv").plain[0].startswith("✓ cities.csv: 2 into cities, in ")
    assert "007" in shell.run("%convex data cities").plain[0]
    with pytest.raises(UsageError, match=r"--append.*--replace"):
        shell.run("%convex import cities.csv")
    shell.run("%convex import cities.csv --append")
    shell.run("%convex import cities.csv --table others")
    assert "4" in shell.run("%convex data").plain[0]
    answer = shell.run("%convex import cities.csv --replace-all").plain[0]
    assert "emptied: others" in answer


def test_a_variable_is_imported_by_its_name(shell) -> None:
    shell.run("rows = [{'a': n} for n in range(3)]")
    assert shell.run("%convex import rows").plain[0].startswith("✓ rows: 3 into rows, in ")
    shell.run("import pandas as pd\nframe = pd.DataFrame({'a': [1.5, None]})")
    assert shell.run("%convex import frame --table cities").plain[0].startswith("✓ frame: 2 into cities")


def test_misfits_are_told_in_a_few_lines_without_a_traceback(shell) -> None:
    Path("cities.csv").write_text("name,people\nUlm,many\nCaen,few\n")
    shell.run(SCHEMA)
    with pytest.raises(UsageError) as caught:
        shell.run("%convex import cities.csv")
    text = str(caught.value)
    assert text.startswith("cities.csv was not imported; nothing was changed.\nline 2: it does not match the schema")
    assert "(2 lines have this problem: 2, 3.)" in text


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%convex import none.csv", "there is no file none.csv"),
        ("%convex import my-file.csv", "is no name for a table: say which one"),
        ("%convex import a.csv --append --replace", "--append and --replace exclude each other"),
        ("%convex import a.xlsx --table a", "no ending that says what is in it"),
        ("%convex export a.jsonl", "holds one table"),
        ("%convex export a.zip --table none", 'there is no table "none"'),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(shell, line, said) -> None:
    for name in ("my-file.csv", "a.csv", "a.xlsx"):
        Path(name).write_text("a\n1\n")
    with pytest.raises(UsageError, match=said):
        shell.run(line)


def test_a_store_is_exported_and_imported(app) -> None:
    app.run("files.store(b'hello', 'text/plain')")
    answer = app.run("%convex export backup.zip").plain[0]
    assert answer.startswith("✓ backup.zip: 3 documents of 1 table of a store in memory, ")
    assert "The files are not in it: --include-files writes them too." in answer
    answer = app.run("%convex export backup.zip --include-files").plain[0]
    assert "3 documents of 1 table and 1 file of" in answer
    assert "--include-files" not in answer
    app.run("%convex reset --yes")
    answer = app.run("%convex import backup.zip").plain[0]
    assert answer.startswith("✓ backup.zip: 3 into messages, and 1 file, in ")
    app.run("%convex export all")
    app.run("%convex export messages.parquet --table messages")
    assert sorted(each.name for each in Path("all").iterdir()) == ["messages.parquet"]
    app.run("%convex reset --yes")
    assert app.run("%convex import messages.parquet").plain[0].startswith("✓ messages.parquet: 3 into messages")


def test_tab_offers_files(shell) -> None:
    Path("cities.csv").write_text("")
    assert "%convex import" in shell.complete("%convex imp")[0]
    assert "--include-files" in "".join(shell.complete("%convex export a.zip --inc"))


def test_what_was_passed_over_is_said(shell) -> None:
    import zipfile

    with zipfile.ZipFile("s.zip", "w") as file:
        file.writestr("t/documents.jsonl", "{}\n")
        file.writestr("notes.txt", "")
    assert "passed over: notes.txt" in shell.run("%convex import s.zip").plain[0]


@pytest.mark.kernel
@pytest.mark.timeout(180)
def test_the_stop_button_ends_an_import_without_a_trace(kernel) -> None:
    kernel.run("%load_ext nbconvex\nimport itertools, nbconvex")
    kernel.run("%%mutation m\ndef note(ctx): ctx.db.insert('notes', {})\n")
    kernel.run("api.m.note()")
    loading = kernel.send("nbconvex.import_data(({'a': n} for n in itertools.count()), 'endless')")
    time.sleep(1.0)
    kernel.interrupt()
    kernel.wait(loading)
    assert loading.error == "KeyboardInterrupt"
    listed = kernel.run("%convex data").text
    assert "notes" in listed
    assert "endless" not in listed
    kernel.run("nbconvex.import_data([{'a': 1}], 'endless')\napi.m.note()")
