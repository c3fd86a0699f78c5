"""What a person writes after a magic or a command: words, options, and a function's arguments as `name=value`.

Owns:  `split_line`, `parse_arguments`, `write_arguments`.
Must not know: magics, commands, backends.
Invariants: a value is read as Python, then as JSON, then taken as the text it is; whatever `write_arguments` writes,
       `parse_arguments` reads back.
Threads: pure.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

_NAMED = re.compile(r"([A-Za-z_]\w*)=(.*)\Z", re.DOTALL)
#: What a quote may follow to begin a text; bytes have a letter in between.
_BEFORE_QUOTE = re.compile(r"(?:^|[=(\[{,:\s])[bBrR]{0,2}\Z")
_OPENING: Final = {"(": ")", "[": "]", "{": "}"}


class LineError(ValueError):
    """A line that cannot be read; the message says which part and how to write it."""


def split_line(line: str) -> list[str]:
    """The words of a line: white space parts them, except inside quotes and brackets. Quotes stay in the words."""
    words: list[str] = []
    word = ""
    closing: list[str] = []
    quote = ""
    marks = iter(line)
    for mark in marks:
        if quote:
            word += mark
            if mark == "\\":
                word += next(marks, "")
            elif mark == quote:
                quote = ""
            continue
        if mark.isspace() and not closing:
            words += [word] if word else []
            word = ""
            continue
        # An apostrophe inside a word is one: don't.
        if mark in "'\"" and _BEFORE_QUOTE.search(word):
            quote = mark
        elif mark in _OPENING:
            closing.append(_OPENING[mark])
        elif closing and mark == closing[-1]:
            closing.pop()
        word += mark
    if quote or closing:
        raise LineError(f"{quote or closing[-1]} is missing at the end of: {word}")
    return words + ([word] if word else [])


def parse_arguments(words: Iterable[str]) -> dict[str, Any]:
    """The arguments of a call: `name=value` words, or whole objects `{"name": value}`.

    Raises:  LineError.
    """
    arguments: dict[str, Any] = {}
    for word in words:
        named = _NAMED.match(word)
        if named is not None:
            name, text = named.groups()
            if name in arguments:
                raise LineError(f"{name} is given twice")
            arguments[name] = _value(text)
        elif word.startswith("{") and isinstance(given := _value(word), dict):
            arguments.update(given)
        else:
            raise LineError(
                f'cannot read "{word}" as an argument; write name=value, for example channel="general" limit=10'
            )
    return arguments


def unquoted(word: str) -> str:
    """A word without the quotes around it, if there are some."""
    is_quoted = len(word) > 1 and word[0] == word[-1] and word[0] in "'\""
    return word[1:-1] if is_quoted else word


def write_arguments(arguments: Mapping[str, Any]) -> str:
    """Arguments as they would be written after a magic."""
    return " ".join(f"{name}={value!r}" for name, value in arguments.items())


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        pass
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if text[:1] in {"{", "[", "(", '"', "'"}:
        raise LineError(f"cannot read {text}: it is neither Python nor JSON")
    return text
