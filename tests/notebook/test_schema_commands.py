"""What `%convex schema` does: nbconvex.notebook.schema_commands."""

from __future__ import annotations


def test_a_cell_is_offered_put_below_and_runs(app, monkeypatch) -> None:
    offered = app.run("%convex schema").plain[0]
    assert offered == '%%schema\nmessages = table({\n    "channel": v.string(),\n    "body": v.string(),\n})'
    below = []
    monkeypatch.setattr(app.ipython, "set_next_input", below.append)
    assert "in the cell below" in app.run("%convex schema messages --cell").plain[0]
    assert below == [offered]
    assert "3 documents were checked" in app.run(offered).plain[0]
    assert "there is no table" in str(app.fail("%convex schema other").error)
    assert app.complete("%convex schema mess") == ["%convex schema messages"]


def test_without_tables_there_is_nothing_to_conclude(shell) -> None:
    assert "No tables yet" in shell.run("%convex schema").plain[0]
