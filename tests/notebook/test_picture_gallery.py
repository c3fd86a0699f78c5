"""What a notebook shows, as pictures for the pages: one notebook in JupyterLab, cell by cell.

`make pictures` keeps them, in both themes; every other run goes the same way in one theme and keeps nothing.
"""

from __future__ import annotations

import re
import shutil
from typing import Any

import pytest

import nbconvex
from tests.notebook.dashboard_page import DashboardPage
from tests.notebook.lab_driver import PATIENCE_S, Lab, LabNotebook
from tests.notebook.test_browser import NOTEBOOKS, code_cells
from tests.pictures import Pictures

pytestmark = [pytest.mark.browser, pytest.mark.kernel, pytest.mark.timeout(300)]

CELLS = {
    "load": "%load_ext nbconvex",
    "schema": """%%schema
sightings = table({
    "bird": v.string(),
    "place": v.string(),
    "count": v.number(),
    "latin": v.optional(v.string()),
}).index("by_place", ["place"])""",
    "mutations": """%%mutation sightings
def add(ctx, bird: str, place: str, count: int = 1) -> Id["sightings"]:
    # nbconvex: allow identity
    return ctx.db.insert("sightings", {"bird": bird, "place": place, "count": count})

def again(ctx, sighting: Id["sightings"], count: int) -> None:
    # nbconvex: allow identity
    ctx.db.patch(sighting, {"count": ctx.db.get(sighting)["count"] + count})""",
    "queries": """%%query sightings
def newest(ctx, place: str):
    # nbconvex: allow identity
    return ctx.db.query("sightings").with_index("by_place", place=place).order("desc").take(6)

def places(ctx):
    # nbconvex: allow identity
    counts = {}
    for each in ctx.db.query("sightings"):
        key = (each["place"], each["bird"])
        counts[key] = counts.get(key, 0) + each["count"]
    return [{"place": place, "bird": bird, "birds": count} for (place, bird), count in counts.items()]

def of(ctx, bird: str):
    # nbconvex: allow identity
    return ctx.db.query("sightings").filter(lambda each: each["bird"] == bird).collect()""",
    "rows": """import random
dice = random.Random(3)
BIRDS = {"pond": ["heron", "kingfisher", "mallard"], "wood": ["jay", "nuthatch"], "meadow": ["skylark", "jay"]}
for _ in range(120):
    place = dice.choice(list(BIRDS))
    api.sightings.add(bird=dice.choice(BIRDS[place]), place=place, count=dice.randint(1, 4))
heron = api.sightings.add(bird="heron", place="pond")
for bird, count in [("mallard", 4), ("kingfisher", 1), ("mallard", 7), ("heron", 2)]:
    api.sightings.add(bird=bird, place="pond", count=count)

def latin_name(bird):
    sum(range(600_000))
    return {"heron": "Ardea cinerea", "jay": "Garrulus glandarius"}.get(bird, "?")""",
    "live-table": "%live sightings:newest place=pond",
    "live-chart": "%live sightings:places --chart bar --x place --y birds --color bird",
    "news": """api.sightings.again(sighting=heron, count=1)
api.sightings.add(bird="kingfisher", place="pond", count=2)""",
    "calls": """for _ in range(3):
    api.sightings.of(bird="jay")
    api.sightings.newest(place="wood")
try:
    api.sightings.again(sighting=None, count=1)
except Exception:
    pass""",
    "checklist": "%convex check",
    "insights": "%convex insights",
    "exercise-cell": """%%exercise exercise-1
def check(backend):
    "sightings:species lists each bird of a place once."
    backend.api.sightings.add(bird="jay", place="wood")
    backend.api.sightings.add(bird="jay", place="wood", count=3)
    species = backend.api.sightings.species(place="wood")
    assert species == ["jay"], f"Two jays were seen in the wood, and your query says {species}." """,
    "answer": """%%query sightings
def species(ctx, place: str) -> list[str]:
    return [each["bird"] for each in ctx.db.query("sightings").with_index("by_place", place=place)]""",
    "exercise": "%convex check exercise-1",
    "upload": "%convex upload",
    "migration": """%%migration latin_names --table sightings --batch 2
def migrate_one(ctx, doc):
    return {"latin": latin_name(doc["bird"])}""",
    "action": """%%action mails
def thank(ctx, place: str):
    # nbconvex: allow identity
    ...""",
    "mistake": """%%mutation rare
def add(ctx, bird: str, place: str):
    ctx.db.insert("sightings", {"bird": bird, "place": place, "count": 1})
    ctx.run_action(api.mails.thank, place=place)""",
    "error": 'api.rare.add(bird="owl", place="wood")',
}
AT = {name: at for at, name in enumerate(CELLS)}
#: What JupyterLab shows where the pointer is, and of the cell that is active.
CSS = ".jp-OutputArea-promptOverlay, .jp-cell-toolbar { display: none !important }"
UPLOADING = "() => [...document.querySelectorAll('.nbc-up-bar')].some(({ value }) => 9 < value && value < 99)"
SWITCH = "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"
IS_IN = "(isLight) => document.body.dataset.jpThemeLight === String(isLight)"
SLOW_BYTES = 300_000
#: What leaves a cell as wide as the pages' text.
WIDTH = 860


class Gallery:
    """An open notebook of which pictures are taken."""

    def __init__(self, notebook: LabNotebook, pictures: Pictures, artefacts: Any) -> None:
        self.notebook, self.page = notebook, notebook.page
        self._pictures, self._artefacts = pictures, artefacts
        self.page.set_default_timeout(PATIENCE_S * 1e3)
        self.page.add_style_tag(content=CSS)
        self.page.evaluate("window.jupyterapp.shell.collapseLeft()")

    def keep(self, name: str, at: int, *, output_only: bool = False) -> None:
        """The cell and what stands under it, in each theme; the last one stays."""
        for theme in reversed(self._pictures.themes):
            self.page.evaluate(SWITCH, f"JupyterLab {theme.title()}")
            self.page.wait_for_function(IS_IN, arg=theme == "light")
            # No cell is marked as the active one.
            self.page.evaluate("window.jupyterapp.shell.currentWidget.content.activeCellIndex = 0")
            part = self.notebook.output(at) if output_only else self.notebook.cell(at)
            part.scroll_into_view_if_needed()
            self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            box = part.bounding_box()
            left = 0 if output_only else 10  # of a cell: the bar that folds it
            clip = {"x": box["x"] + left, "y": box["y"] + 1, "width": box["width"] - left, "height": box["height"] - 2}
            png = self.page.screenshot(clip=clip)
            self._pictures.keep(name, theme, png)
            (self._artefacts / f"{name}-{theme}.png").write_bytes(png)


def choose(page: Any, name: str, size: int) -> None:
    page.locator(".nbc-up-input").set_input_files([{"name": name, "mimeType": "audio/flac", "buffer": bytes(size)}])


def test_pictures_of_one_notebook(browser, tmp_path, artefacts, pictures, monkeypatch) -> None:
    monkeypatch.setenv("NBCONVEX_PORT", "0")
    with Lab(tmp_path) as lab:
        lab.write("birds.ipynb", list(CELLS.values()))
        context = browser.new_context(viewport={"width": WIDTH, "height": 1_000}, device_scale_factor=1.5)
        notebook = lab.open(context.new_page(), "birds.ipynb")
        gallery, page = Gallery(notebook, pictures, artefacts), notebook.page
        for name, at in AT.items():
            if name == "migration":
                continue
            notebook.run(at)
            if name == "live-chart":
                page.wait_for_selector(".nbc-chart canvas")
            elif name == "news":
                page.wait_for_function("() => document.querySelector('.nbc-foot')?.innerText.includes('1 changed')")
                gallery.keep("live-table", AT["live-table"])
                gallery.keep("live-chart", AT["live-chart"])
        for name in ("checklist", "exercise", "error"):
            gallery.keep(name, AT[name])
        page.set_viewport_size({"width": 1_010, "height": 1_000})
        gallery.keep("insights", AT["insights"])
        page.set_viewport_size({"width": WIDTH, "height": 1_000})
        assert "filters sightings by bird without an index" in notebook.output(AT["checklist"]).text_content()
        assert "full scan" in notebook.output(AT["insights"]).text_content()
        assert "your query says ['jay', 'jay']" in notebook.output(AT["exercise"]).text_content()
        assert "Write instead:  ctx.scheduler.run_after(0" in notebook.output(AT["error"]).text_content()

        choose(page, "heron.flac", 300_000)
        page.wait_for_selector(".nbc-up-file[data-state=done]")
        network = context.new_cdp_session(page)
        network.send("Network.enable")
        slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": SLOW_BYTES}
        network.send("Network.emulateNetworkConditions", slow)
        choose(page, "dawn chorus.flac", 20 * SLOW_BYTES)
        page.wait_for_function(UPLOADING)
        gallery.keep("upload", AT["upload"])
        page.get_by_role("button", name="Cancel the upload of dawn chorus.flac").click()

        notebook.start(AT["migration"])
        page.wait_for_function("() => document.querySelector('.nbc-progress progress')?.value > 0.2")
        gallery.keep("migration", AT["migration"])
        notebook.wait(AT["migration"])
        context.close()


@pytest.mark.node
def test_pictures_of_the_class_app(web, browser, tmp_path, artefacts, pictures, monkeypatch) -> None:
    if pictures.folder is None:
        pytest.skip("the poll is tried in a test of its own: here it is run for pictures only")
    monkeypatch.setenv("NBCONVEX_CONVEX_JS", str(web / "node_modules/convex/dist/browser.bundle.js"))
    monkeypatch.setenv("NBCONVEX_PORT", "0")
    name = "10-live-poll.ipynb"
    with Lab(tmp_path) as lab:
        shutil.copytree(NOTEBOOKS, lab.root, dirs_exist_ok=True)
        context = browser.new_context(viewport={"width": WIDTH, "height": 1_000}, device_scale_factor=1.5)
        notebook = lab.open(context.new_page(), name)
        gallery = Gallery(notebook, pictures, artefacts)
        code = code_cells(NOTEBOOKS / name)
        live = next(at for at, source in code.items() if source.startswith("%live"))
        robots = next(at for at, source in code.items() if "def phone(" in source)
        served = next(at for at, source in code.items() if source.startswith("%%http"))
        for at in (each for each in code if each <= robots):
            notebook.run(at)
        address = re.search(r"http://\S+/poll", notebook.output(served).text_content())
        assert address is not None
        for theme in pictures.themes:
            phone = browser.new_context(
                viewport={"width": 390, "height": 420}, color_scheme=theme, device_scale_factor=1.5
            )
            page = phone.new_page()
            page.goto(address[0])
            page.get_by_role("button", name="The platypus").click()
            page.get_by_role("button", name="The platypus", pressed=True).wait_for()
            pictures.keep("class-phone", theme, page.screenshot())
            phone.close()
        notebook.page.wait_for_timeout(500)
        gallery.keep("class-wall", live)
        context.close()


def test_pictures_of_the_dashboard(browser, artefacts, pictures) -> None:
    if pictures.folder is None:
        pytest.skip("the dashboard is tried in tests of its own: here it is opened for pictures only")
    names = {"v": nbconvex.v, "table": nbconvex.table, "Id": nbconvex.Id}
    with nbconvex.open() as backend:
        backend.define_schema_cell(CELLS["schema"].partition("\n")[2], namespace=dict(names))
        for kind, cell in (("mutation", "mutations"), ("query", "queries")):
            source = CELLS[cell].partition("\n")[2].replace("    # nbconvex: allow identity\n", "")
            backend.define_cell(kind, source, module="sightings", namespace=dict(names), filename="birds.py")
        exec(CELLS["rows"], {"api": backend.api})
        for theme in pictures.themes:
            context = browser.new_context(
                viewport={"width": 1_000, "height": 560}, color_scheme=theme, device_scale_factor=1.5
            )
            tables = DashboardPage(context, backend, panel="tables", place={"table": "sightings"})
            tables.wait_text("td", "kingfisher")
            pictures.keep("dashboard-tables", theme, tables.page.locator(".nbc-dash").screenshot())
            tables.close()
            functions = DashboardPage(context, backend, panel="functions")
            functions.wait_text("button", "newest")
            functions.page.get_by_role("button", name="newest").first.click()
            functions.wait_text("button", "Run")
            functions.page.get_by_label("place", exact=True).fill("pond")
            functions.page.get_by_role("button", name="Run query").click()
            functions.wait_text(".nbc-result td", "kingfisher")
            functions.wait("!document.body.innerText.includes('Not called yet')")
            pictures.keep("dashboard-functions", theme, functions.page.locator(".nbc-dash").screenshot())
            functions.close()
            context.close()
