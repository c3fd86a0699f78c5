"""What is said about objects that are not values."""

import asyncio
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import pathlib
import uuid
from collections import deque
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest

from nbconvex.errors import ValueInvalidError
from nbconvex.values.foreign import describe_foreign, plain_equivalent, shown
from nbconvex.values.normalization import normalize
from nbconvex.values.scalars import UNSET


class Plain(enum.Enum):
    A = 1


@dataclasses.dataclass
class Row:
    x: int = 1


class Model:
    def model_dump(self):
        return {}


class Iterable:
    def __iter__(self):
        return iter(())


class Other:
    pass


class Frame:
    """Looks like a frame of another library."""


LazyFrame = type("LazyFrame", (Frame,), {"__module__": "polars.lazyframe"})

CASES = [
    pytest.param({1, 2}, "set", "sorted(x), or list(x)", marks=pytest.mark.case("values/set_refused")),
    (frozenset(), "frozenset", "sorted(x)"),
    pytest.param(
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        "datetime.datetime",
        "x.timestamp() * 1000",
        marks=pytest.mark.case("values/datetime_refused_or_converted"),
    ),
    (dt.date(2026, 1, 1), "datetime.date", "x.isoformat()"),
    (dt.timedelta(1), "datetime.timedelta", "x.total_seconds() * 1000"),
    (decimal.Decimal(1), "decimal.Decimal", "str(x)"),
    (fractions.Fraction(1), "fractions.Fraction", "float(x)"),
    (1j, "complex", "[x.real, x.imag]"),
    (range(3), "range", "list(x)"),
    ((n for n in ()), "generator", "list(x)"),
    ({}.keys(), "dict_keys", "list(x)"),
    (MappingProxyType({}), "mappingproxy", "dict(x)"),
    (deque(), "collections.deque", "list(x)"),
    (uuid.UUID(int=1), "uuid.UUID", "str(x)"),
    (pathlib.PurePosixPath("a"), "pathlib.PurePosixPath", "str(x)"),
    (Plain.A, "Plain", "x.value"),
    (Row(), "Row", "dataclasses.asdict(x)"),
    (Model(), "Model", "x.model_dump()"),
    (Iterable(), "Iterable", "list(x), or dict(x)"),
    (Other(), "Other", '{"field": x.field}'),
    (len, "builtin_function_or_method", "its result, not itself"),
    (Other, "type", "its result, not itself"),
    (np.array([1]), "numpy.ndarray", "x.tolist()"),
    (np.array(1), "numpy.ndarray", "x.tolist()"),
    (np.datetime64("2026-01-01"), "numpy.datetime64", "x.tolist()"),
    (np.complex128(1), "numpy.complex128", "[x.real, x.imag]"),
    (pd.Timestamp("2026-01-01", tz="UTC"), "pandas.Timestamp", "x.timestamp() * 1000"),
    (pd.Series([1]), "pandas.Series", "x.to_dict() for a row, x.to_list() for a column"),
    (pd.Index([1]), "pandas.Index", "x.to_list()"),
    (pd.NA, "pandas.NAType", "UNSET, which leaves the field out, or None"),
    (pd.NaT, "pandas.NaTType", "UNSET, which leaves the field out, or None"),
    (LazyFrame(), "polars.LazyFrame", "for row in df.collect().to_dicts(): ctx.db.insert"),
    pytest.param(
        pd.DataFrame({"a": [1]}),
        "pandas.DataFrame",
        'for row in df.to_dict("records"): ctx.db.insert("table", row)',
        marks=pytest.mark.case("values/dataframe_refused"),
    ),
]


@pytest.mark.parametrize(("value", "name", "cure"), CASES)
@pytest.mark.case("returns-validation/unsupported_value")
def test_refusals_name_the_type_the_place_and_the_cure(value, name, cure):
    with pytest.raises(ValueInvalidError) as caught:
        normalize({"rows": [value]})
    assert f"{name} is not a supported type of value" in caught.value.problem
    assert caught.value.path == ".rows[0]"
    assert cure in caught.value.hint


def test_a_forgotten_await_is_recognised():
    async def result():
        """Never runs."""

    coroutine = result()
    assert "await x" in describe_foreign(coroutine)[1]
    coroutine.close()
    loop = asyncio.new_event_loop()
    future = loop.create_future()
    assert "await x" in describe_foreign(future)[1]
    loop.close()


def test_unset_has_its_own_sentence():
    assert describe_foreign(UNSET)[0].startswith("UNSET is not a value")


@pytest.mark.parametrize("value", [None, "x", Other(), np.array([1]), np.longdouble(1), np.datetime64("2026-01-01")])
def test_what_stands_for_nothing_stays_itself(value):
    assert plain_equivalent(value) is value


def test_subclasses_cannot_answer_for_themselves():
    class Loud(str):
        __slots__ = ()

        def __str__(self):
            return "loud"

    plain = plain_equivalent(Loud("quiet"))
    assert (plain, type(plain)) == ("quiet", str)
    for value in (type("F", (float,), {})(1.5), type("L", (list,), {})([1]), type("B", (bytes,), {})(b"x")):
        assert type(plain_equivalent(value)) is type(value).__mro__[1]


def test_anything_can_be_shown():
    class Silent:
        def __repr__(self):
            raise RuntimeError

    assert shown(Silent()) == "<Silent>"
    assert shown(10**5000) == "<int>"
    assert shown("x" * 10_000_000) == "'" + "x" * 56 + "..."
    assert shown([1]) == "[1]"


@pytest.mark.parametrize("value", [dt.datetime(2026, 1, 31, 12), pd.Timestamp("2026-01-31 12:00")])  # noqa: DTZ001
def test_a_datetime_without_a_time_zone_is_no_moment(value):
    with pytest.raises(ValueInvalidError) as caught:
        normalize({"at": value})
    assert caught.value.path == ".at"
    assert "2026-01-31 12:00:00 has no time zone" in caught.value.problem
    assert "x.replace(tzinfo=UTC)" in str(caught.value)
    assert "x.timestamp() * 1000" in str(caught.value)
