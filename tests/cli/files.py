"""Notebooks and files for the tests of the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def notebook(path: Path, *cells: str | tuple[str, dict[str, Any]]) -> Path:
    """A notebook file of these code cells, each a text, or a text and its metadata."""
    made = []
    for number, cell in enumerate(cells, 1):
        text, metadata = cell if isinstance(cell, tuple) else (cell, {})
        made.append(
            {
                "cell_type": "code", "id": f"cell-{number}", "metadata": metadata, "outputs": [],
                "execution_count": None, "source": text.splitlines(keepends=True),
            }
        )  # fmt: skip
    made.append({"cell_type": "markdown", "id": "words", "metadata": {}, "source": ["# %%query words\n"]})
    about = {"language_info": {"name": "python"}}
    path.write_text(json.dumps({"cells": made, "metadata": about, "nbformat": 4, "nbformat_minor": 5}))
    return path


SEND = '%%mutation messages\ndef send(ctx, body: str):\n    return ctx.db.insert("messages", {"body": shout(body)})\n'
NEWEST = (
    '%%query messages\ndef newest(ctx):\n    return [each["body"] for each in ctx.db.query("messages").collect()]\n'
)
HELPERS = 'import string\n\nLOUD = "!"\n\ndef shout(text):\n    return string.capwords(text) + LOUD\n'
