"""Values, fields and validators for property tests of the values room."""

from __future__ import annotations

from hypothesis import strategies as st

from nbconvex.values.scalars import INT64_MAX, INT64_MIN, NUMBER_MAX, Int64
from nbconvex.values.validators import v

numbers = st.floats() | st.integers(-NUMBER_MAX, NUMBER_MAX)
int64s = st.builds(Int64, st.integers(INT64_MIN, INT64_MAX) | st.sampled_from([0, 1, -1, 127, 128, -128, -129, 2**31]))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(["", "\0", "a\0", "\uffff"])
scalars = st.none() | st.booleans() | numbers | int64s | texts | st.binary(max_size=5)
names = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=3).filter(lambda s: not s.startswith("$"))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
documents = st.dictionaries(st.sampled_from("abcdef"), values, max_size=4)

_simple = st.sampled_from(
    [v.null(), v.number(), v.integer(), v.int64(), v.boolean(), v.string(), v.bytes(), v.any(), v.id("users")]
) | st.builds(v.literal, st.sampled_from(["x", "y", 5, 5.5, True, Int64(5)]))


def _containers(inner):
    fields = st.dictionaries(st.sampled_from("ab"), inner | st.builds(v.optional, inner), max_size=2)
    return (
        st.builds(v.array, inner)
        | st.builds(v.object, fields)
        | st.builds(lambda fields, rest: v.object(fields, rest=rest), fields, inner)
        | st.builds(v.record, st.just(v.string()), inner)
        | st.builds(v.union, inner, inner)
        | st.builds(v.nullable, inner)
    )


validators = st.recursive(_simple, _containers, max_leaves=4)


def matching(validator):
    """Values as they are stored where the validator holds."""
    match validator.kind:
        case "null":
            return st.none()
        case "float64":
            return st.integers(-9, 9) if validator.is_whole else st.sampled_from([5, 5.0, 5.5, -1.0, float("nan")])
        case "int64":
            return st.builds(Int64, st.integers(-9, 9))
        case "boolean":
            return st.booleans()
        case "string":
            return st.sampled_from(["", "x", "y"])
        case "bytes":
            return st.binary(max_size=2)
        case "any":
            return st.sampled_from([None, 1, "x", Int64(1), [], {}, {"a": 1}])
        case "id":
            return st.just("j57000820c20a1g7104gm2rc1m70ynr8")
        case "literal":
            return st.just(validator.value)
        case "array":
            return st.lists(matching(validator.element), max_size=2)
        case "record":
            return st.dictionaries(st.sampled_from(["a", "z"]), matching(validator.value), max_size=2)
        case "union":
            return st.one_of([matching(member) for member in validator.members])
        case _:
            return _matching_object(validator)


def _matching_object(validator):
    required = {name: matching(item) for name, item in validator.fields.items() if not item.is_optional}
    optional = {name: matching(item) for name, item in validator.fields.items() if item.is_optional}
    named = st.fixed_dictionaries(required, optional=optional)
    if validator.rest is None:
        return named
    rest = st.dictionaries(st.sampled_from(["y", "z"]), matching(validator.rest), max_size=2)
    return st.builds(lambda more, fields: {**more, **fields}, rest, named)
