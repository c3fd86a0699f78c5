"""Ready-made validators for paginated queries.

Owns:  the shapes of pagination options and of a page, as they cross the wire.
Must not know: how a page is read.
Source: semantics 2.2, 5.
"""

from __future__ import annotations

from nbconvex.values.validators import ObjectValidator, Validator, v

#: The argument that a paginated query takes from clients.
pagination_opts_validator: ObjectValidator = v.object(
    {
        "numItems": v.number(),
        "cursor": v.nullable(v.string()),
        "endCursor": v.optional(v.nullable(v.string())),
        "id": v.optional(v.number()),
        "maximumRowsRead": v.optional(v.number()),
        "maximumBytesRead": v.optional(v.number()),
    }
)


def pagination_result_validator(item: Validator) -> ObjectValidator:
    """The validator of a page of such items.

    Raises:  SchemaInvalidError.
    """
    return v.object(
        {
            "page": v.array(item),
            "isDone": v.boolean(),
            "continueCursor": v.string(),
            "splitCursor": v.optional(v.nullable(v.string())),
            "pageStatus": v.optional(v.nullable(v.literals("SplitRecommended", "SplitRequired"))),
        }
    )
