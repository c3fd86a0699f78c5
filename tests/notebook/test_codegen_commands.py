"""`%convex codegen`: nbconvex.notebook.codegen_commands."""

from __future__ import annotations

from pathlib import Path

from IPython.core.error import UsageError

SCHEMA = "%%schema\nmessages = table({'channel': v.string(), 'body': v.string()})"
QUERY = "%%query messages\ndef count(ctx, channel: str) -> int:\n    return 0"


def api_types(folder: str = "web") -> str:
    return (Path(folder) / "_generated" / "api.d.ts").read_text(encoding="utf-8")


def test_types_are_written_and_a_card_tells_what_they_are_from(app) -> None:
    ran = app.run("%convex codegen web")
    lines = [line.split(None, 1) for line in ran.plain[0].splitlines()[1:]]
    assert lines == [
        ["folder", "web/_generated"],
        ["files", "written api.d.ts, api.js, dataModel.d.ts"],
        ["functions", "4"],
        ["tables", "1"],
        ["any", "messages:fail (result), messages:newest (result), messages:send (result)"],
    ]
    assert "<table" in ran.html[0]
    assert "newest: FunctionReference" in api_types()
    assert "same api.d.ts" in app.run("%convex codegen web").plain[0]


def test_a_long_list_of_functions_without_types_is_cut(shell) -> None:
    shell.run("%%query\n" + "\n".join(f"def f{n}(ctx): ..." for n in range(7)))
    assert "main:f4 (result) and 2 more" in shell.run("%convex codegen web").plain[0]


def test_without_a_folder_the_line_to_write_is_shown(shell) -> None:
    ran = shell.fail("%convex codegen")
    assert isinstance(ran.error, UsageError)
    assert "%convex codegen ../my-app/convex" in str(ran.error)
    Path("file").write_text("")
    assert "is a file" in str(shell.fail("%convex codegen file").error)


def test_watched_types_follow_functions_and_schema_until_they_are_stopped(app) -> None:
    assert "until %convex codegen --stop" in app.run("%convex codegen 'web' --watch").plain[0]
    assert app.run("x = 1").plain == []
    assert app.run(QUERY).plain[-1] == "✓ types: written api.d.ts · same api.js, dataModel.d.ts"
    assert "count: FunctionReference" in api_types()
    assert app.run(SCHEMA).plain[-1] == "✓ types: written dataModel.d.ts · same api.d.ts, api.js"
    app.run("from nbconvex import query\n@query\ndef plain(ctx) -> str: ...")
    assert "plain: FunctionReference" in api_types()
    app.fail("%%query messages\ndef lost(ctx):\n    return 0\n1 / 0")
    assert "lost" not in api_types()
    assert "until %convex codegen --stop" in app.run("%convex codegen").plain[0]
    assert "until" not in app.run("%convex codegen other").plain[0]
    assert app.run("%convex codegen --stop").plain == ["✓ web is left as it is now."]
    app.run("%%query messages\ndef later(ctx): ...")
    assert "later" not in api_types()
    assert app.run("%convex codegen --stop").plain == ["No folder was followed."]


def test_a_folder_that_cannot_be_written_any_more_fails_no_cell(app) -> None:
    app.run("%convex codegen web --watch")
    generated = Path("web/_generated")
    for file in generated.iterdir():
        file.unlink()
    generated.rmdir()
    generated.write_text("")
    ran = app.run(QUERY)
    assert "! The types were not written:" in ran.plain[-1]
    assert "%convex codegen --stop ends this." in ran.plain[-1]
    assert app.value("api.messages.count(channel='a')") == 0
    generated.unlink()
    assert "written api.d.ts, api.js, dataModel.d.ts" in app.run("x = 1").plain[-1]


def test_closing_and_unloading_end_the_watch_and_reloading_does_not(app) -> None:
    session = app.value("get_ipython().nbconvex_extension.session")
    app.run("%convex codegen web --watch")
    app.run("%reload_ext nbconvex")
    app.run(QUERY)
    assert "count: FunctionReference" in api_types()
    app.run("%convex close")
    assert session.types_watch is None
    app.run("%convex codegen web --watch")
    app.run("%unload_ext nbconvex")
    assert session.types_watch is None
