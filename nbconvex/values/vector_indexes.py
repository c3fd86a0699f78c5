"""Vector indexes, as a schema declares them.

Owns:  `VectorIndexDefinition` and the rules that it keeps.
Must not know: how vectors are kept or searched.
Invariant: definitions are immutable and checked when they are made.
Threads: may be shared.
Source: semantics 2.4.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from nbconvex.errors import SchemaInvalidError
from nbconvex.limits import Limits
from nbconvex.values.content_indexes import ContentDefinition, check_filter_fields, with_filters
from nbconvex.values.schema_rules import check_field_path, check_index_name, fields_found_at
from nbconvex.values.validators import ArrayValidator, Validator

_LIMITS = Limits()
#: With fewer, a vector has no direction to compare.
_DIMENSIONS_MIN: Final = 2


@dataclass(frozen=True, slots=True)
class VectorIndexDefinition:
    """An index of vectors by their direction.

    Documents whose field is no list of `dimensions` numbers are not in it.
    """

    KIND: ClassVar[str] = "vector index"
    JSON_NAME: ClassVar[str] = "vectorIndexes"

    name: str
    vector_field: str
    dimensions: int
    filter_fields: tuple[str, ...] = ()
    staged: bool = False

    @property
    def described(self) -> str:
        """What it is on, for people."""
        return with_filters(f"{self.vector_field}, {self.dimensions:,} dimensions", self.filter_fields)

    @property
    def place(self) -> Hashable:
        """What it has in common with a definition that differs only in whether it is staged."""
        return self.KIND, self.name, self.vector_field, self.dimensions, self.filter_fields

    def __str__(self) -> str:
        return f"{self.name} ({self.KIND}: {self.described}){' staged' * self.staged}"

    def to_json(self) -> dict[str, Any]:
        """The tree that is kept with the schema."""
        return {
            "indexDescriptor": self.name,
            "vectorField": self.vector_field,
            "dimensions": self.dimensions,
            "filterFields": list(self.filter_fields),
            "staged": self.staged,
        }

    def as_staged(self, staged: bool, /) -> VectorIndexDefinition:  # noqa: FBT001 - the one thing it is about
        """The same definition, staged or not."""
        return dataclasses.replace(self, staged=staged)


def checked_vector_index(
    name: object, vector_field: object, dimensions: object, filter_fields: object, *, staged: bool,
    validator: Validator, ordinary: Iterable[str], present: Mapping[str, ContentDefinition],
) -> VectorIndexDefinition:  # fmt: skip
    """The definition of a vector index beside the `ordinary` indexes of its table and the content indexes `present`.

    Raises:  SchemaInvalidError.
    """
    of_kind = [each for each in present.values() if isinstance(each, VectorIndexDefinition)]
    index = check_index_name(name, {*ordinary, *present})
    label = f'vector index "{index}"'
    maximum = _LIMITS.vector_indexes_per_table
    if len(of_kind) >= maximum:
        raise SchemaInvalidError(f"{label} is one too many: a table has at most {maximum} vector indexes")
    hint = f'.vector_index("{index}", vector_field="embedding", dimensions=384, filter_fields=["genre"])'
    field = check_field_path(label, vector_field, validator, hint=hint)
    if not any(_can_be_vector(item) for item in fields_found_at(validator, field.split("."))):
        raise SchemaInvalidError(
            f'{label} is on "{field}", which can never be a list of numbers; vectors are found in a field that is '
            "v.array(v.number())"
        )
    filters = check_filter_fields(label, filter_fields, validator, hint=hint)
    definition = VectorIndexDefinition(index, field, _checked_dimensions(label, dimensions), filters, staged)
    for other in of_kind:
        if dataclasses.replace(other, name=index, staged=staged) == definition:
            raise SchemaInvalidError(
                f'{label} has the same fields as vector index "{other.name}": {other.described}; one of them is enough'
            )
    return definition


def _checked_dimensions(label: str, dimensions: object) -> int:
    lowest, highest = _DIMENSIONS_MIN, _LIMITS.vector_dimensions
    # A schema that is read back from its JSON form has numbers where there were ints.
    whole = int(dimensions) if isinstance(dimensions, float) and dimensions.is_integer() else dimensions
    if type(whole) is not int or not lowest <= whole <= highest:
        raise SchemaInvalidError(
            f"{label} needs its number of dimensions, a whole number from {lowest:,} to {highest:,}, "
            f"got {dimensions!r:.60}",
            hint="dimensions=384  (the length of the vectors that your model gives)",
        )
    return whole


def _can_be_vector(validator: Validator) -> bool:
    if isinstance(validator, ArrayValidator):
        return any(item.kind in {"float64", "any"} for item in fields_found_at(validator.element, ()))
    return validator.kind == "any"
