"""What counts as a word of a text, the same in documents and in what is searched for.

Owns:  `words_of`, `counted_words`.
Must not know: indexes, ranking.
Invariants: a word is a longest run of letters and digits, in lower case; longer ones than 32 bytes are none. Letters
are the same however they are written (an accent may be a character of its own). Nothing is stemmed, left out for being
frequent, or understood as a language. A word holds no zero byte.
Source: semantics 6.1.
Threads: pure functions.
"""

from __future__ import annotations

import re
import unicodedata

from nbconvex.limits import Limits

#: Longer words, in bytes of UTF-8, are left out: keys, hashes, what was pasted by mistake.
_WORD_BYTES_MAX = Limits().search_word_bytes
_runs = re.compile(r"[^\W_]+").findall
_ascii_runs = re.compile(r"[a-z0-9]+").findall


def words_of(text: str) -> list[str]:
    """The words of a text, in their order, repeated ones included."""
    if text.isascii():
        found = _ascii_runs(text.lower())
        return [word for word in found if len(word) <= _WORD_BYTES_MAX]
    # Lower case comes behind the cutting: that of the Turkish İ has two characters, the second of which is no letter.
    lowered = [word.lower() for word in _runs(unicodedata.normalize("NFC", text))]
    # A character has four bytes at most.
    return [word for word in lowered if 4 * len(word) <= _WORD_BYTES_MAX or len(word.encode()) <= _WORD_BYTES_MAX]


def counted_words(text: str) -> tuple[dict[str, int], int]:
    """How often each word occurs in a text, and how many words there are in all."""
    counts: dict[str, int] = {}
    words = words_of(text)
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return counts, len(words)
