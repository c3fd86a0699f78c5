"""Sphinx's settings for the pages, as `docs/site/build.py` has put them together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pygments.lexer import Lexer
from pygments.lexers import PythonLexer, SqlLexer
from pygments.token import Keyword, Token

import nbconvex

project = "nbconvex"
author = "The nbconvex authors"
copyright = "the nbconvex authors, BSD-3-Clause"  # Sphinx's own name for it
release = version = nbconvex.__version__

extensions = ["myst_nb", "sphinx_copybutton"]
root_doc = "docs/index"
exclude_patterns = ["docs/site"]
# Notebooks come executed.
nb_execution_mode = "off"
# What widgets drew is saved as HTML too; a page of the site reaches for nothing on other hosts.
nb_mime_priority_overrides = [
    ("html", "text/html", 5), ("html", "image/svg+xml", 6), ("html", "image/png", 7), ("html", "text/plain", 20),
]  # fmt: skip
myst_enable_extensions = ["attrs_inline", "dollarmath", "tasklist"]
myst_dmath_allow_labels = False
myst_dmath_double_inline = False
myst_heading_anchors = 4
myst_links_external_new_tab = False
highlight_language = "none"
copybutton_exclude = ".linenos, .gp, .go"
nitpicky = True

html_theme = "pydata_sphinx_theme"
html_title = "nbconvex"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_extra_path = ["extra"]
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": True,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "header_links_before_dropdown": 5,
    "pygments_light_style": "tango",
    "pygments_dark_style": "github-dark",
    "back_to_top_button": True,
}
html_context = {"default_mode": "auto"}
html_sidebars = {"docs/index": [], "**": ["sidebar-nav-bs"]}


class CellLexer(Lexer):
    """Cells of ours: magics, and Python or SQL below them, which IPython's own lexer takes for text."""

    name = "IPython3"

    def get_tokens_unprocessed(self, text: str) -> Iterator[tuple[int, Any, str]]:
        """The tokens of a cell, or of plain Python."""
        at = 0
        for line in text.splitlines(keepends=True):
            if not re.match(r"%%?\w|\s*$", line):
                break
            found = re.match(r"%%?\w+", line)
            width = found.end() if found else 0
            if width:
                yield at, Keyword, line[:width]
            yield at + width, Token.Text, line[width:]
            at += len(line)
        is_sql = re.match(r"\s*%%(?:convex_sql\b|query\b.*--sql\b)", text) is not None
        body = SqlLexer() if is_sql else PythonLexer()
        for place, kind, word in body.get_tokens_unprocessed(text[at:]):
            # Parameters, $least, are no word of SQL's.
            yield at + place, Token.Name.Variable if is_sql and kind is Token.Error else kind, word


def setup(app: Any) -> None:
    """What Sphinx calls."""
    app.add_lexer("ipython3", CellLexer)
