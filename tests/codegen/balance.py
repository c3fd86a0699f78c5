"""Whether TypeScript text is balanced, as far as that can be said without its compiler."""

from __future__ import annotations

import json
import re

_PIECES = re.compile(r'/\*.*?\*/|"(?:[^"\\\n]|\\.)*"', re.DOTALL)
_PAIRS = {"}": "{", "]": "[", ")": "("}


def is_balanced(text: str) -> bool:
    """Whether strings and comments end where they should, and every bracket has its partner."""
    bare = _PIECES.sub("", text.replace("=>", ""))
    # A pair of < and > is a bracket in types.
    open_ones: list[str] = []
    for letter in bare:
        if letter in "{[(<":
            open_ones.append(letter)
        elif letter in "}])>":
            wanted = _PAIRS.get(letter, "<")
            if not open_ones or open_ones.pop() != wanted:
                return False
    return not open_ones and '"' not in bare and "*/" not in bare and "/*" not in bare


def strings_of(text: str) -> list[str]:
    """The string literals of a text, read as JSON, which their spelling is."""
    return [json.loads(found) for found in _PIECES.findall(text) if found.startswith('"')]
