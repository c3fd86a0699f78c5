"""`%convex env set` as a person sees it: it asks in a field that hides what is typed, and nothing of it is saved."""

from __future__ import annotations

import json

import pytest

from tests.notebook.lab_driver import PATIENCE_S

pytestmark = [pytest.mark.browser, pytest.mark.kernel, pytest.mark.timeout(300)]

SECRET = "sk-typed-and-hidden"
CELLS = [
    "%load_ext nbconvex",
    "%convex env set EMAIL_API_KEY",
    "%%action mail\ndef send(ctx):\n    key = ctx.env['EMAIL_API_KEY']\n    print('with', key)\n    return len(key)",
    "mail.send()",
    "%convex env",
]


def test_value_is_typed_unseen_and_stands_nowhere_in_the_notebook(browser, lab, artefacts):
    context = browser.new_context(viewport={"width": 1250, "height": 900})
    lab.write("env.ipynb", CELLS)
    notebook = lab.open(context.new_page(), "env.ipynb")
    page = notebook.page
    notebook.run(0)
    notebook.start(1)
    field = page.wait_for_selector(".jp-Stdin-input", timeout=PATIENCE_S * 1e3)
    assert field.get_attribute("type") == "password"
    field.fill(SECRET)
    field.press("Enter")
    notebook.wait(1)
    for at in (2, 3, 4):
        notebook.run(at)
    assert "EMAIL_API_KEY is set: 19 characters" in notebook.output(1).inner_text()
    assert "with [EMAIL_API_KEY]" in notebook.output(3).inner_text()
    assert notebook.output(3).inner_text().split()[-1] == str(len(SECRET))
    notebook.picture(artefacts, "lab-env")
    assert SECRET not in page.inner_text("body")
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(500)
    saved = (lab.root / "env.ipynb").read_text()
    assert any(cell["outputs"] for cell in json.loads(saved)["cells"])
    assert SECRET not in saved
    context.close()
