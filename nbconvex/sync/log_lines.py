"""What functions print, as clients want to read it.

Owns:  `wire_line`, `wire_lines`.
Must not know: who printed, how lines travel.
Source: wire-protocol 3.13: a line is `[LEVEL] text`, and a text is written in single quotes, as JavaScript's
console.log shows a string. Clients cannot parse a line without a level.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

#: Characters of a line that clients are sent at most.
LINE_MAX = 32_768
_CUT = " (truncated due to length)"
#: How a line begins that nbconvex itself had to say.
_WARNING = "[WARN] "
_ESCAPED = re.compile(r"[\\'\x00-\x1f\ud800-\udfff]")
_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", "'": "\\'", "\\": "\\\\"}


def wire_line(line: str) -> str:
    """A printed line as clients are sent it: `[LOG] 'text'`, or `[WARN] 'text'` for a warning of nbconvex's own."""
    level, text = ("WARN", line.removeprefix(_WARNING)) if line.startswith(_WARNING) else ("LOG", line)
    written = f"[{level}] '{_ESCAPED.sub(_escape, text)}'"
    return written if len(written) <= LINE_MAX else f"{written[:LINE_MAX]}{_CUT}"


def wire_lines(lines: Iterable[str]) -> list[str]:
    """Each of `lines` as clients are sent it."""
    return [wire_line(line) for line in lines]


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02X}" if code < 0x80 else f"\\u{code:04X}")
