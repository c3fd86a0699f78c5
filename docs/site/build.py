"""Build the site: `make docs`.

Puts the pages together in `.build/docs/source` (notebooks executed, the reference written from the code), has Sphinx
build them with every warning an error, and says where they are. `--no-notebooks` takes the notebooks as they are.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "docs" / "site"
NOTEBOOK_S = 600
_FENCE = re.compile(r"^(\s*)```(python|output)\b.*$", re.MULTILINE)
#: A test that shows what a page says.
_TEST = re.compile(r"\[([^\]]+)\]\((?:\.\./)*tests/[\w/]+/(test_\w+\.py)\)")
# Links to what is in the repository and not on the site.
_OFF_SITE = re.compile(
    r"\[([^\]]+)\]\((?:\.\./)*(?:changes|tests|benchmarks|binder|notebooks)(?:/(?![\w-]+\.ipynb)[^)]*)?\)"
)
#: A picture in two themes, as hosts of repositories show it.
_PICTURE = re.compile(
    r'<picture>\n  <source [^>]* srcset="([^"]+)">\n  <img alt="([^"]+)" src="([^"]+)" width="(\d+)">\n</picture>'
)
_FOLDER = re.compile(r"\]\(((?:\.\./)*docs/adr)/?\)")


def stage(source: Path, *, executes: bool) -> None:
    """Put together everything that Sphinx reads."""
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    for page in [
        *ROOT.glob("docs/**/*.md"),
        *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG")),
    ]:
        target = source / page.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(as_sphinx_reads(page.read_text(encoding="utf-8")), encoding="utf-8")
    sys.path.insert(0, str(SITE))
    from reference import write_reference

    write_reference(source / "docs" / "reference")
    shutil.copytree(ROOT / "notebooks", source / "notebooks",
                    ignore=shutil.ignore_patterns("*.duckdb*", "__pycache__", "execute.py"))  # fmt: skip
    shutil.copy(ROOT / "LICENSE", source)
    shutil.copytree(ROOT / "docs" / "pictures", source / "docs" / "pictures")
    for notebook in sorted((source / "notebooks").glob("*.ipynb")):
        if executes:
            print(f"  {notebook.name}", flush=True)
            execute(notebook)
        read = json.loads(notebook.read_text(encoding="utf-8"))
        read["metadata"].setdefault("language_info", {"name": "python"})["pygments_lexer"] = "ipython3"
        notebook.write_text(json.dumps(read), encoding="utf-8")
    add_contents(source)


def as_sphinx_reads(text: str) -> str:
    """A page with the languages that Sphinx knows: cells are IPython, what they show is text."""
    languages = {"python": "ipython3", "output": "text"}
    text = _PICTURE.sub(_pictures, text)
    text = _FENCE.sub(lambda found: f"{found[1]}```{languages[found[2]]}", text)
    text = _TEST.sub(r'[\1]{.nbc-test title="\2"}', text)
    return _OFF_SITE.sub(r"\1", _FOLDER.sub(r"](\1/README.md)", text))


def _pictures(found: re.Match[str]) -> str:
    """Both pictures of a pair; the theme's style sheet shows the one that fits."""
    dark, words, light, width = found.groups()
    return "\n".join(
        f"```{{image}} {path}\n:alt: {words}\n:width: {width}px\n:class: only-{theme}\n```\n"
        for path, theme in ((light, "light"), (dark, "dark"))
    )


def execute(notebook: Path) -> None:
    """Run every cell where the file lies, and keep what they show."""
    import nbformat
    from nbclient import NotebookClient

    read = nbformat.read(notebook, as_version=4)
    # As JupyterLab says it, so that each has a store of its own.
    os.environ |= {"NBCONVEX_LIVE": "html", "JPY_SESSION_NAME": str(notebook)}
    NotebookClient(read, timeout=NOTEBOOK_S, resources={"metadata": {"path": str(notebook.parent)}}).execute()
    nbformat.write(read, notebook)


def add_contents(source: Path) -> None:
    """The navigation: a page a section, and a hidden table of contents at the end of the first page."""
    from map import SECTIONS

    pages = sorted(
        each.relative_to(source).with_suffix("").as_posix()
        for each in source.rglob("*")
        if each.suffix in {".md", ".ipynb"}
    )
    taken = {"docs/index", *(each for places in SECTIONS.values() for each in places if "*" not in each)}
    sections = source / "sections"
    sections.mkdir()
    for heading, places in SECTIONS.items():
        body = "\n".join(f"/{each}" for each in _listed(places, pages, taken))
        page = f"# {heading}\n\n```{{toctree}}\n:maxdepth: 1\n\n{body}\n```\n"
        (sections / f"{_file_name(heading)}.md").write_text(page, encoding="utf-8")
    index = source / "docs" / "index.md"
    body = "\n".join(f"/sections/{_file_name(heading)}" for heading in SECTIONS)
    text = index.read_text(encoding="utf-8")
    index.write_text(f"{text}\n```{{toctree}}\n:hidden:\n\n{body}\n```\n", encoding="utf-8")


def _file_name(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def _listed(places: list[str], pages: list[str], taken: set[str]) -> Iterator[str]:
    for place in places:
        if "*" not in place:
            if place in pages:
                yield place
            continue
        for page in pages:
            if fnmatch(page, place) and page not in taken:
                taken.add(page)
                yield page


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the site.")
    parser.add_argument("--no-notebooks", action="store_true", help="take the notebooks as they are, unexecuted")
    parser.add_argument("--into", type=Path, default=ROOT / ".build" / "docs", help="where to build (.build/docs)")
    options = parser.parse_args()
    source, html = options.into / "source", options.into / "html"
    print("Putting the pages together" + ("" if options.no_notebooks else ", running the notebooks"), flush=True)
    stage(source, executes=not options.no_notebooks)
    settings = options.into / "settings"
    shutil.rmtree(settings, ignore_errors=True)
    shutil.copytree(SITE, settings, ignore=shutil.ignore_patterns("__pycache__"))
    (settings / "extra").mkdir()
    (settings / "extra" / "index.html").write_text('<meta http-equiv="refresh" content="0; url=docs/index.html">\n')
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q", "-j", "auto", "-d",
         options.into / "doctrees", "-c", settings, source, html],
        check=False,
    )  # fmt: skip
    if built.returncode == 0:
        print(f"Open {html / 'docs' / 'index.html'}")
    return built.returncode


if __name__ == "__main__":
    sys.exit(main())
