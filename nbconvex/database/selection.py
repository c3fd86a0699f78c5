"""Some fields of documents: `.select("author", "address.city")`, and what has to be decoded for them.

Owns:  `Selection`, `checked_paths`.
Must not know: indexes, read sets, how documents are found.
Invariants: a selected document has `_id`, `_creationTime` and, of the selected fields, those that the document has, in
the order and at the places where the document has them. What is not needed is not decoded.
Source: semantics 14 row 4.
Threads: immutable, may be shared.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from nbconvex.errors import CallerError
from nbconvex.values.codec import decode_document, decoder_of_fields
from nbconvex.values.validator_paths import known_paths
from nbconvex.values.validators import Validator

Document = dict[str, Any]
_SYSTEM_FIELDS = frozenset({"_id", "_creationTime"})


class Selection:
    """Which paths of a document are kept."""

    __slots__ = ("_inside", "_whole", "paths")

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = frozenset(paths)
        # Fields that are kept whole, and those of which something inside is kept.
        self._whole = _SYSTEM_FIELDS | {path for path in self.paths if "." not in path}
        self._inside: dict[str, Selection] = {}
        inner: dict[str, list[str]] = {}
        for path in self.paths:
            first, _, rest = path.partition(".")
            if rest and first not in self._whole:
                inner.setdefault(first, []).append(rest)
        for first, rests in inner.items():
            self._inside[first] = Selection(rests)

    def of(self, document: Document) -> Document:
        """A new document with the selected fields; what is inside of them is shared."""
        whole, inside = self._whole, self._inside
        if not inside:
            return {name: value for name, value in document.items() if name in whole}
        selected: Document = {}
        for name, value in document.items():
            if name in whole:
                selected[name] = value
            elif name in inside and type(value) is dict:
                selected[name] = inside[name].of(value)
        return selected

    def decoder(self, others: Iterable[str]) -> tuple[Callable[[bytes], Document], bool]:
        """What decodes the selected fields and those at `others`; whether `of` has to be applied to the result."""
        names = frozenset(path.partition(".")[0] for path in self.paths) | _SYSTEM_FIELDS
        more = frozenset(path.partition(".")[0] for path in others) - names
        return _decoder(names | more), bool(more or self._inside)


@lru_cache(maxsize=512)
def _decoder(names: frozenset[str]) -> Callable[[bytes], Document]:
    return decoder_of_fields(names)


def decoder_for(paths: Iterable[str] | None) -> Callable[[bytes], Document]:
    """What decodes at least the fields at these paths; None for all."""
    if paths is None:
        return decode_document
    return _decoder(frozenset(path.partition(".")[0] for path in paths) | _SYSTEM_FIELDS)


def checked_paths(step: str, paths: Iterable[Any], table: str, validator: Validator | None) -> tuple[str, ...]:
    """Paths of fields as they were given to `.step(...)`.

    `validator` is that of the table's documents, None where these may have any fields.
    Raises:  CallerError for what is no path, and for a field that no document of the table can have.
    """
    checked = []
    for path in paths:
        if not isinstance(path, str) or not path or not all(path.split(".")):
            raise CallerError(
                f".{step} takes names of fields, got {path!r}.", hint=f'.{step}("author")   or  .{step}("address.city")'
            )
        known = None if validator is None or path in _SYSTEM_FIELDS else known_paths(validator, path)
        if known is not None and path not in known:
            names = sorted(known)
            close = difflib.get_close_matches(path, names, 1)
            guess = f' Did you mean "{close[0]}"?' if close else ""
            raise CallerError(f'.{step}: documents of "{table}" have no field "{path}".{guess} They have: '
                              f"{', '.join(names)}.")  # fmt: skip
        checked.append(path)
    return tuple(checked)
