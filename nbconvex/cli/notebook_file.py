"""A notebook's cells, read from its file.

Owns:  `FileCell`, `read_notebook`: JSON of the notebook format 4, cells with and without a magic.
Must not know: what a cell means; Jupyter, whose packages need not be installed.
Invariant: line 5 of a cell is line 5 of its text here.
Threads: pure.
Source: nbformat 4.5; IPython takes a cell magic from a cell's first line that is not empty.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nbconvex.errors import CallerError

_MAGIC: Final = re.compile(r"%%([A-Za-z_]\w*)(?:[ \t]+(.*))?\s*\Z")
_FORMAT: Final = 4


@dataclass(frozen=True, slots=True)
class FileCell:
    """One code cell.

    Shapes:  `number` counts code cells from 1; `id` tells it from others across edits; `magic` is the name behind `%%`,
    empty where there is none, `line` what stands behind that; `text` is the code, after as many line ends as there are
    lines above it in the cell.
    """

    number: int
    id: str
    whole: str
    magic: str
    line: str
    text: str
    tags: frozenset[str] = frozenset()


def read_notebook(path: Path) -> list[FileCell]:
    """The code cells of a notebook, in their order.

    Raises:  CallerError for a file that is not there, or is no notebook of Python cells.
    """
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CallerError(f"there is no file {path}.") from None
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise CallerError(f"{path} cannot be read as a notebook: {error}") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise CallerError(
            f"{path} is no notebook of format {_FORMAT}. Open it in Jupyter and save it, which makes it one."
        )
    language = _language(notebook)
    if language != "python":
        raise CallerError(f"{path} is a notebook of {language}; functions are written in Python.")
    code = [each for each in notebook["cells"] if isinstance(each, dict) and each.get("cell_type") == "code"]
    return [_cell(number, each) for number, each in enumerate(code, 1)]


def _language(notebook: dict[str, Any]) -> str:
    metadata = notebook.get("metadata")
    about = metadata.get("language_info") if isinstance(metadata, dict) else None
    name = about.get("name") if isinstance(about, dict) else None
    return str(name or "python").lower().removesuffix("3")


def _cell(number: int, cell: dict[str, Any]) -> FileCell:
    source = cell.get("source", "")
    whole = "".join(map(str, source)) if isinstance(source, list) else str(source)
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    lines = whole.splitlines()
    first = next((place for place, line in enumerate(lines) if line.strip()), None)
    found = None if first is None else _MAGIC.match(lines[first])
    magic, line, text = "", "", whole
    if found is not None and first is not None:
        magic, line = found[1], found[2] or ""
        text = "\n" * (first + 1) + "\n".join(lines[first + 1 :])
    return FileCell(
        number, str(cell.get("id") or number), whole, magic, line, text,
        frozenset(map(str, tags)) if isinstance(tags, list) else frozenset(),
    )  # fmt: skip
