"""Filter expressions: what `q.eq(q.field("a"), 1)` builds, and how it is evaluated on a document.

Owns:  `FilterBuilder`, `Expression`, `Filter`, `filter_of`.
Must not know: indexes, transactions, how documents are read.
Invariants: comparisons follow the order of all values and never fail, nor do tests of texts and lists, which simply do
not hold of anything else; arithmetic is only between numbers of one type. An expression knows which fields it looks at.
Source: semantics 3.5.
Threads: any; an expression holds no state.
"""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from nbconvex.errors import CallerError
from nbconvex.values.codec import equal_values, normalize
from nbconvex.values.foreign import shown
from nbconvex.values.moments import plain_moment
from nbconvex.values.scalars import UNSET, Int64
from nbconvex.values.sort_key import encode_key

Evaluate = Callable[[dict[str, Any]], Any]
Predicate = Callable[[dict[str, Any]], bool]

_NO_FIELDS: frozenset[str] = frozenset()


class Filter(NamedTuple):
    """What a filter asks of a document.

    Fields:  `source` is for the query's fingerprint; `fields` are the paths that it looks at, None where a Python
             function sees the whole document.
    """

    holds: Predicate
    source: str
    fields: frozenset[str] | None


class Expression:
    """A part of a filter. `source` is how it was written; `evaluate` gives its value on a document, of which it looks
    at `fields`.
    """

    __slots__ = ("evaluate", "fields", "source")

    def __init__(self, source: str, evaluate: Evaluate, fields: frozenset[str] = _NO_FIELDS) -> None:
        self.source = source
        self.evaluate = evaluate
        self.fields = fields

    def __repr__(self) -> str:
        return self.source

    def __bool__(self) -> NoReturn:
        raise CallerError(
            f"the filter expression {self.source} has no value yet, so `and`, `or`, `not`, `if` do not work on it.",
            hint=".filter(lambda q: q.and_(q.eq(...), q.lt(...)))",
        )


class FilterBuilder:
    """What the `q` of `.filter(lambda q: ...)` can do. Literals may stand wherever an expression may."""

    __slots__ = ()

    def field(self, path: str) -> Expression:
        """The value of a field, `"a.b"` reaching into objects; absent where a step is missing."""
        steps, fields = path.split("."), frozenset((path,))
        if len(steps) == 1:
            return Expression(f"q.field({path!r})", lambda document: document.get(path, UNSET), fields)
        return Expression(f"q.field({path!r})", lambda document: _walk(document, steps), fields)

    def eq(self, left: Any, right: Any) -> Expression:
        """Whether both are the same value."""
        return _comparison("eq", operator.eq, left, right)

    def neq(self, left: Any, right: Any) -> Expression:
        """Whether they are different values."""
        return _comparison("neq", operator.ne, left, right)

    def lt(self, left: Any, right: Any) -> Expression:
        """Whether `left` comes before `right` in the order of all values."""
        return _comparison("lt", operator.lt, left, right)

    def lte(self, left: Any, right: Any) -> Expression:
        """Whether `left` does not come after `right`."""
        return _comparison("lte", operator.le, left, right)

    def gt(self, left: Any, right: Any) -> Expression:
        """Whether `left` comes after `right`."""
        return _comparison("gt", operator.gt, left, right)

    def gte(self, left: Any, right: Any) -> Expression:
        """Whether `left` does not come before `right`."""
        return _comparison("gte", operator.ge, left, right)

    def in_(self, value: Any, choices: Iterable[Any]) -> Expression:
        """Whether it is one of `choices`: `q.in_(q.field("author"), ["ada", "grace"])`; UNSET stands for absent."""
        return _member(_subject("in_", value, '["ada", "grace"]'), choices)

    def starts_with(self, text: Any, prefix: Any) -> Expression:
        """Whether it is a text that begins with `prefix`, capital letters being other letters."""
        return _text_test("starts_with", str.startswith, _subject("starts_with", text, '"Al"'), prefix)

    def ends_with(self, text: Any, suffix: Any) -> Expression:
        """Whether it is a text that ends with `suffix`, capital letters being other letters."""
        return _text_test("ends_with", str.endswith, _subject("ends_with", text, '".org"'), suffix)

    def contains(self, whole: Any, part: Any) -> Expression:
        """Whether it is a text that has `part` in it, or a list of which `part` is an element."""
        return _contains(_subject("contains", whole, '"urgent"'), _expression(part))

    def add(self, left: Any, right: Any) -> Expression:
        """Their sum."""
        return _arithmetic("add", left, right)

    def sub(self, left: Any, right: Any) -> Expression:
        """Their difference."""
        return _arithmetic("sub", left, right)

    def mul(self, left: Any, right: Any) -> Expression:
        """Their product."""
        return _arithmetic("mul", left, right)

    def div(self, left: Any, right: Any) -> Expression:
        """Their quotient; of 64-bit integers, cut towards zero."""
        return _arithmetic("div", left, right)

    def mod(self, left: Any, right: Any) -> Expression:
        """The remainder, with the sign of `left`."""
        return _arithmetic("mod", left, right)

    def neg(self, value: Any) -> Expression:
        """The negated number."""
        inner = _expression(value)

        def evaluate(document: dict[str, Any]) -> Any:
            operand = inner.evaluate(document)
            zero = Int64(0) if isinstance(operand, Int64) else -0.0
            return _calculate("sub", zero, operand)

        return Expression(f"q.neg({inner.source})", evaluate, inner.fields)

    def and_(self, *conditions: Any) -> Expression:
        """Whether all hold; what stands behind the first that does not is not evaluated."""
        parts = [_expression(each) for each in conditions]
        source = f"q.and_({', '.join(part.source for part in parts)})"
        return Expression(source, lambda document: all(_truth(part, document) for part in parts), _fields(*parts))

    def or_(self, *conditions: Any) -> Expression:
        """Whether any holds; what stands behind the first that does is not evaluated."""
        parts = [_expression(each) for each in conditions]
        source = f"q.or_({', '.join(part.source for part in parts)})"
        return Expression(source, lambda document: any(_truth(part, document) for part in parts), _fields(*parts))

    def not_(self, condition: Any) -> Expression:
        """Whether it does not hold."""
        inner = _expression(condition)
        return Expression(f"q.not_({inner.source})", lambda document: not _truth(inner, document), inner.fields)

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("__"):
                raise AttributeError(name)
            known = ["field", "eq", "neq", "lt", "lte", "gt", "gte", "in_", "starts_with", "ends_with", "contains",
                     "add", "sub", "mul", "div", "mod", "neg", "and_", "or_", "not_"]  # fmt: skip
            snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
            snake = {"startswith": "starts_with", "endswith": "ends_with", "includes": "contains"}.get(snake, snake)
            close = next((each for each in known if each in {snake, f"{snake}_"}), None)
            raise CallerError(
                f"a filter expression has no q.{name}. It has: {', '.join(known)}.",
                hint=f"q.{close}(...)" if close else None,
            )

    def __getitem__(self, name: str) -> NoReturn:
        raise CallerError(
            "in .filter(lambda q: ...) `q` builds an expression and holds no document. "
            "Name the parameter something else to get the document itself.",
            hint=f".filter(lambda document: document[{name!r}] == ...)",
        )


def filter_of(condition: Callable[[Any], Any]) -> Filter:
    """What `.filter(condition)` asks of a document.

    A parameter named `q` gets a builder and gives an expression; any other name gets the document itself.
    Raises:  CallerError.
    """
    if not callable(condition):
        raise CallerError(
            f".filter takes a function, got {type(condition).__name__}.",
            hint='.filter(lambda document: document["author"] == "ada")',
        )
    if _first_parameter(condition) != "q":
        return Filter(_document_predicate(condition), f"<{getattr(condition, '__qualname__', 'predicate')}>", None)
    expression = _expression(condition(FilterBuilder()))
    return Filter(lambda document: _truth(expression, document), expression.source, expression.fields)


def _first_parameter(condition: Callable[[Any], Any]) -> str | None:
    try:
        return next(iter(inspect.signature(condition).parameters), None)
    except (TypeError, ValueError):
        return None  # a built-in without a signature is a predicate


def _document_predicate(condition: Callable[[Any], Any]) -> Predicate:
    def holds(document: dict[str, Any]) -> bool:
        result = condition(document)
        if isinstance(result, Expression):
            raise CallerError("this filter built an expression from a document.", hint=".filter(lambda q: q.eq(...))")
        if inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()  # or Python would complain on top that nobody awaited it
            raise CallerError("a filter cannot wait: write it as an ordinary function, without async or await.")
        return bool(result)

    return holds


def _walk(document: Any, steps: list[str]) -> Any:
    for step in steps:
        if not isinstance(document, dict):
            return UNSET
        document = document.get(step, UNSET)
    return document


def _expression(value: Any) -> Expression:
    if isinstance(value, Expression):
        return value
    literal = value if value is UNSET else normalize(plain_moment(value))
    return Expression(repr(literal), lambda _: literal)


def _fields(*parts: Expression) -> frozenset[str]:
    return _NO_FIELDS.union(*[part.fields for part in parts])


def _subject(name: str, value: Any, example: str) -> Expression:
    """The first operand of a test, which must be an expression: a text there is a field that lacks its `q.field`."""
    if isinstance(value, Expression):
        return value
    named = value if isinstance(value, str) else "author"
    raise CallerError(
        f"q.{name} tests a field or another expression, got {type(value).__name__} {shown(value)}.",
        hint=f"q.{name}(q.field({named!r}), {example})",
    )


def _member(value: Expression, choices: Any) -> Expression:
    if isinstance(choices, str | bytes | Mapping | Expression) or not isinstance(choices, Iterable):
        raise CallerError(
            f"q.in_ takes a list of values, got {type(choices).__name__} {shown(choices)}.",
            hint=f"q.contains({choices.source}, {value.source})" if isinstance(choices, Expression)
            else f"q.in_({value.source}, [...])",
        )  # fmt: skip
    literals = [_expression(choice) for choice in choices]
    if any(literal.fields for literal in literals):
        raise CallerError(
            "q.in_ takes values, not other fields.", hint=f"q.or_(q.eq({value.source}, q.field(...)), ...)"
        )
    keys = frozenset(encode_key(literal.evaluate({})) for literal in literals)
    listed = ", ".join(literal.source for literal in literals)
    return Expression(
        f"q.in_({value.source}, [{listed}])",
        lambda document: encode_key(value.evaluate(document)) in keys,
        value.fields,
    )


def _text_test(name: str, test: Callable[[str, str], bool], text: Expression, part: Any) -> Expression:
    if not isinstance(part, str | Expression):
        raise CallerError(
            f"q.{name} takes a text to look for, got {type(part).__name__} {shown(part)}.",
            hint=f'q.{name}({text.source}, "...")',
        )
    wanted = _expression(part)

    def evaluate(document: dict[str, Any]) -> bool:
        value, piece = text.evaluate(document), wanted.evaluate(document)
        return type(value) is str and type(piece) is str and test(value, piece)

    return Expression(f"q.{name}({text.source}, {wanted.source})", evaluate, _fields(text, wanted))


def _contains(whole: Expression, part: Expression) -> Expression:
    def evaluate(document: dict[str, Any]) -> bool:
        value, piece = whole.evaluate(document), part.evaluate(document)
        if type(value) is str:
            return type(piece) is str and piece in value
        return type(value) is list and any(equal_values(piece, each) for each in value)

    return Expression(f"q.contains({whole.source}, {part.source})", evaluate, _fields(whole, part))


def _truth(part: Expression, document: dict[str, Any]) -> bool:
    value = part.evaluate(document)
    if value is True or value is False:
        return bool(value)
    raise CallerError(f"cannot use the value {value!r} of {part.source} as a boolean in a filter.")


def _comparison(name: str, compare: Callable[[Any, Any], bool], left: Any, right: Any) -> Expression:
    first, second = _expression(left), _expression(right)

    def evaluate(document: dict[str, Any]) -> bool:
        a, b = first.evaluate(document), second.evaluate(document)
        if a.__class__ is str and b.__class__ is str:
            return compare(a, b)  # Python orders text by code points, as the keys do
        return compare(encode_key(a), encode_key(b))

    return Expression(f"q.{name}({first.source}, {second.source})", evaluate, _fields(first, second))


def _arithmetic(name: str, left: Any, right: Any) -> Expression:
    first, second = _expression(left), _expression(right)
    source = f"q.{name}({first.source}, {second.source})"
    evaluate: Evaluate = lambda document: _calculate(name, first.evaluate(document), second.evaluate(document))  # noqa: E731
    return Expression(source, evaluate, _fields(first, second))


def _calculate(name: str, a: Any, b: Any) -> Any:
    if isinstance(a, Int64) and isinstance(b, Int64):
        return _integer(name, int(a), int(b))
    if _is_number(a) and _is_number(b):
        return _FLOAT_OPERATIONS[name](float(a), float(b))
    raise CallerError(
        f"q.{name} cannot combine {a!r} ({type(a).__name__}) and {b!r} ({type(b).__name__}): "
        "both must be numbers, or both Int64."
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _integer(name: str, a: int, b: int) -> Int64:
    if name in {"div", "mod"} and b == 0:
        raise CallerError(f"q.{name} of Int64({a}) by Int64(0): division by zero.")
    result = _INTEGER_OPERATIONS[name](a, b)
    if not -(2**63) <= result < 2**63:
        raise CallerError(f"q.{name} of Int64({a}) and Int64({b}) overflows 64 bits.")
    return Int64(result)


def _cut_quotient(a: int, b: int) -> int:
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def _float_quotient(a: float, b: float) -> float:
    if b != 0:
        return a / b
    if a == 0 or math.isnan(a):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def _float_remainder(a: float, b: float) -> float:
    return math.nan if b == 0 or math.isinf(a) else math.fmod(a, b)


_INTEGER_OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": _cut_quotient,
    "mod": lambda a, b: a - b * _cut_quotient(a, b),
}
_FLOAT_OPERATIONS: dict[str, Callable[[float, float], float]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": _float_quotient,
    "mod": _float_remainder,
}
