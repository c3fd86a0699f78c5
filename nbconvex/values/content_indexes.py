"""Content indexes: those that find documents by what a field says, not by the order of its values.

Owns:  their definitions, the rules that these keep, their JSON form.
Must not know: how such an index is built or asked.
Invariants: definitions are immutable and checked when they are made.
Threads: may be shared.
Source: semantics 2.4.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

from nbconvex.errors import SchemaInvalidError
from nbconvex.limits import Limits
from nbconvex.values.schema_rules import check_field_path, check_index_name, fields_found_at
from nbconvex.values.validators import LiteralValidator, Validator

_LIMITS = Limits()


class ContentDefinition(Protocol):
    """What every kind of content index declares; it is hashable and compared by value.

    Fields:  `KIND` is what sentences call it, `JSON_NAME` where a table's JSON form lists those of its kind; documents
             can be narrowed by equality on `filter_fields`; a `staged` index is built, and not yet used.
    """

    KIND: ClassVar[str]
    JSON_NAME: ClassVar[str]

    @property
    def name(self) -> str:
        """What queries call it."""

    @property
    def filter_fields(self) -> tuple[str, ...]:
        """The fields that a search can be narrowed by."""

    @property
    def staged(self) -> bool:
        """Whether it is built and not yet used."""

    @property
    def described(self) -> str:
        """What it is on, for people."""

    @property
    def place(self) -> Hashable:
        """What it has in common with a definition that differs only in whether it is staged."""

    def to_json(self) -> dict[str, Any]:
        """The tree that is kept with the schema."""

    def as_staged(self, staged: bool, /) -> Self:  # noqa: FBT001 - the one thing it is about
        """The same definition, staged or not."""


@dataclass(frozen=True, slots=True)
class SearchIndexDefinition:
    """An index of the words of a text."""

    KIND: ClassVar[str] = "search index"
    JSON_NAME: ClassVar[str] = "searchIndexes"

    name: str
    search_field: str
    filter_fields: tuple[str, ...] = ()
    staged: bool = False

    @property
    def described(self) -> str:
        """What it is on, for people."""
        return with_filters(self.search_field, self.filter_fields)

    @property
    def place(self) -> Hashable:
        """What it has in common with a definition that differs only in whether it is staged."""
        return self.KIND, self.name, self.search_field, self.filter_fields

    def __str__(self) -> str:
        return f"{self.name} ({self.KIND}: {self.described}){' staged' * self.staged}"

    def to_json(self) -> dict[str, Any]:
        """The tree that is kept with the schema."""
        return {
            "indexDescriptor": self.name,
            "searchField": self.search_field,
            "filterFields": list(self.filter_fields),
            "staged": self.staged,
        }

    def as_staged(self, staged: bool, /) -> SearchIndexDefinition:  # noqa: FBT001 - the one thing it is about
        """The same definition, staged or not."""
        return dataclasses.replace(self, staged=staged)


def with_filters(field: str, filter_fields: Sequence[str]) -> str:
    """`body; filters channel, author`."""
    return f"{field}; filters {', '.join(filter_fields)}" if filter_fields else field


def checked_search_index(
    name: object, search_field: object, filter_fields: object, *, staged: bool, validator: Validator,
    ordinary: Iterable[str], present: Mapping[str, ContentDefinition],
) -> SearchIndexDefinition:  # fmt: skip
    """The definition of a search index beside the `ordinary` indexes of its table and the content indexes `present`.

    Raises:  SchemaInvalidError.
    """
    of_kind = [each for each in present.values() if isinstance(each, SearchIndexDefinition)]
    index = check_index_name(name, {*ordinary, *present})
    label = f'search index "{index}"'
    if len(of_kind) >= _LIMITS.search_indexes_per_table:
        raise SchemaInvalidError(
            f"{label} is one too many: a table has at most {_LIMITS.search_indexes_per_table} search indexes"
        )
    hint = f'.search_index("{index}", search_field="body", filter_fields=["channel"])'
    field = check_field_path(label, search_field, validator, hint=hint)
    if not any(_can_be_text(item) for item in fields_found_at(validator, field.split("."))):
        raise SchemaInvalidError(
            f'{label} is on "{field}", which can never be a string; words are found in a field that is v.string()'
        )
    filters = check_filter_fields(label, filter_fields, validator, hint=hint)
    for other in of_kind:
        if (other.search_field, other.filter_fields) == (field, filters):
            raise SchemaInvalidError(
                f'{label} has the same fields as search index "{other.name}": {other.described}; one of them is enough'
            )
    return SearchIndexDefinition(index, field, filters, staged)


def check_filter_fields(label: str, fields: object, validator: Validator, *, hint: str) -> tuple[str, ...]:
    """The filter fields of a content index, which errors call `label`; `hint` is the line to write instead.

    Raises:  SchemaInvalidError.
    """
    if isinstance(fields, str) or not isinstance(fields, Sequence):
        raise SchemaInvalidError(f"{label} needs a list of filter fields, got {fields!r:.60}", hint=hint)
    maximum = _LIMITS.filter_fields_per_index
    if len(fields) > maximum:
        raise SchemaInvalidError(f"{label} has {len(fields)} filter fields; it can have at most {maximum}")
    checked = tuple(check_field_path(label, field, validator, hint=hint) for field in fields)
    repeated = next((field for place, field in enumerate(checked) if field in checked[:place]), None)
    if repeated is not None:
        raise SchemaInvalidError(f'{label} has the filter field "{repeated}" twice')
    return checked


def _can_be_text(validator: Validator) -> bool:
    if isinstance(validator, LiteralValidator):
        return isinstance(validator.value, str)
    return validator.kind in {"string", "any"}
