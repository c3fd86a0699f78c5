"""A migration as a person sees it: its bar, an interrupt, a draft put into a cell, in JupyterLab in a real browser."""

from __future__ import annotations

import re

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.kernel, pytest.mark.timeout(300)]

CELLS = [
    "%load_ext nbconvex",
    """%%mutation m
def fill(ctx, n: int):
    for i in range(n):
        ctx.db.insert("users", {"name": f"u{i}", "zip": str(i), "nick": "<b>x</b>"})

def count(ctx) -> int:
    return len([each for each in ctx.db.query("users") if each.get("visits") == 1])""",
    "m.fill(n=2000)",
    """%%migration visit --table users --batch 10
def migrate_one(ctx, doc):
    sum(range(60_000))
    return {"visits": doc.get("visits", 0) + 1}""",
    "m.count()",
    """%%migration zips --table users --dry-run
def migrate_one(ctx, doc):
    if doc["name"] == "u3":
        raise ValueError("<i>no</i>")
    return {"zip": float(doc["zip"]), "nick": UNSET}""",
    """%%migration zips --table users
def migrate_one(ctx, doc):
    if doc["name"] == "u700":
        raise ValueError("<i>no</i>")
    return {"zip": float(doc["zip"])}""",
    "%convex migrations",
    "%%schema\nusers = table({'name': v.string(), 'zip': v.number(), 'age': v.number(), 'visits': v.number()})",
    "%convex migrations --draft",
]


def test_migration_is_interrupted_and_goes_on_and_a_draft_lands_in_a_new_cell(browser, lab, artefacts):
    context = browser.new_context(viewport={"width": 1250, "height": 1100})
    lab.write("migrate.ipynb", CELLS)
    notebook = lab.open(context.new_page(), "migrate.ipynb")
    page = notebook.page
    for at in range(3):
        notebook.run(at)
    notebook.start(3)
    page.wait_for_function("() => document.querySelector('.nbc-progress progress')?.value > 0.05")
    (artefacts / "lab-migration-bar.png").write_bytes(page.screenshot())
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:interrupt-kernel')")
    notebook.wait(3)
    page.wait_for_function("() => document.body.innerText.includes('interrupted: run the cell again')")
    assert page.locator(".nbc-progress").count() == 0, "a picture has taken the bar's place"
    text = notebook.output(3).inner_text()
    done = int(re.search(r"([\d,]+) of 2,000 documents", text)[1].replace(",", ""))
    assert 0 < done < 2000
    notebook.run(3)
    text = notebook.output(3).inner_text()
    assert "visit is done: 2,000 documents of users visited" in text
    assert f"{done:,} of them before" in text
    notebook.run(4)
    assert notebook.output(4).inner_text().split()[-1] == "2000"
    for at in range(5, 10):
        notebook.run(at)
    assert "<i>no</i>" in notebook.output(5).inner_text()
    assert page.locator(".jp-OutputArea i").count() == 0
    failed = notebook.output(6).inner_text()
    assert "700 of 2,000 documents · stopped at document" in failed
    assert "ValueError" in failed
    for at, what in ((5, "dry"), (6, "failed"), (7, "list"), (8, "draft")):
        notebook.cell(at).scroll_into_view_if_needed()
        notebook.picture(artefacts, f"lab-migration-{what}")
    assert notebook.cell(10).inner_text().splitlines()[1].startswith("%%migration fit_users --table users") or (
        "%%migration fit_users --table users" in notebook.cell(10).inner_text()
    )
    context.close()
