"""The values that Python has no type of its own for.

Owns:  `UNSET` (absent, which is not null), `Int64` (the 64-bit integer, which is not a number) and `Id` (the
       annotation for a document's id).
Must not know: how values are written, compared or checked.
Invariants: all three are immutable; there is one `UNSET`.
Threads: everything here may be shared.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, NoReturn, Self

from nbconvex.errors import ValueInvalidError

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1

#: The largest whole number that float64 keeps exactly, in either direction.
NUMBER_MAX: Final = 2**53


class Unset:
    """The type of `UNSET`, which says that a field is absent.

    In a patch it removes the field, in `eq` and in filters it matches documents without it, as a field of any other
    object it means that the field is not there. It is not a value: no array holds it.
    """

    __slots__ = ()
    _instance: ClassVar[Unset | None] = None

    def __new__(cls) -> Self:
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance  # type: ignore[return-value]  # there are no subclasses

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "UNSET"


#: Absent. Null is `None`.
UNSET: Final = Unset()


class Int64:
    """A 64-bit integer, a type apart from numbers (which are float64).

    Arithmetic with an Int64 or an int gives an Int64; `/` gives a float.

    Raises:  ValueInvalidError where a result leaves -2**63 … 2**63-1.
    """

    __slots__ = ("value",)
    value: int

    def __init__(self, value: int | Int64) -> None:
        number = value.value if type(value) is Int64 else value
        if type(number) is not int:
            raise ValueInvalidError(f"Int64 takes an int, got {type(number).__name__}", hint="Int64(int(x))")
        if not INT64_MIN <= number <= INT64_MAX:
            given = number if number.bit_length() < 256 else f"an int of {number.bit_length():,} bits"
            raise ValueInvalidError(f"Int64 holds -2**63 to 2**63-1, got {given}")
        object.__setattr__(self, "value", number)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("an Int64 is immutable")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("an Int64 is immutable")

    def __reduce__(self) -> tuple[type[Int64], tuple[int]]:
        return Int64, (self.value,)

    def __repr__(self) -> str:
        return f"Int64({self.value})"

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)

    def __int__(self) -> int:
        return self.value

    def __index__(self) -> int:
        return self.value

    def __float__(self) -> float:
        return float(self.value)

    def __bool__(self) -> bool:
        return self.value != 0

    def __hash__(self) -> int:
        return hash(self.value)

    def __eq__(self, other: object) -> bool:
        number = _whole(other)
        return NotImplemented if number is None else self.value == number

    def __lt__(self, other: Int64 | int) -> bool:
        number = _whole(other)
        return NotImplemented if number is None else self.value < number

    def __le__(self, other: Int64 | int) -> bool:
        number = _whole(other)
        return NotImplemented if number is None else self.value <= number

    def __gt__(self, other: Int64 | int) -> bool:
        number = _whole(other)
        return NotImplemented if number is None else self.value > number

    def __ge__(self, other: Int64 | int) -> bool:
        number = _whole(other)
        return NotImplemented if number is None else self.value >= number

    def __add__(self, other: Int64 | int) -> Int64:
        number = _whole(other)
        return NotImplemented if number is None else Int64(self.value + number)

    __radd__ = __add__

    def __sub__(self, other: Int64 | int) -> Int64:
        number = _whole(other)
        return NotImplemented if number is None else Int64(self.value - number)

    def __rsub__(self, other: int) -> Int64:
        number = _whole(other)
        return NotImplemented if number is None else Int64(number - self.value)

    def __mul__(self, other: Int64 | int) -> Int64:
        number = _whole(other)
        return NotImplemented if number is None else Int64(self.value * number)

    __rmul__ = __mul__

    def __floordiv__(self, other: Int64 | int) -> Int64:
        number = _whole(other)
        return NotImplemented if number is None else Int64(self.value // number)

    def __rfloordiv__(self, other: int) -> Int64:
        number = _whole(other)
        return NotImplemented if number is None else Int64(number // self.value)

    def __mod__(self, other: Int64 | int) -> Int64:
        number = _whole(other)
        return NotImplemented if number is None else Int64(self.value % number)

    def __rmod__(self, other: int) -> Int64:
        number = _whole(other)
        return NotImplemented if number is None else Int64(number % self.value)

    def __truediv__(self, other: Int64 | int) -> float:
        number = _whole(other)
        return NotImplemented if number is None else self.value / number

    def __rtruediv__(self, other: int) -> float:
        number = _whole(other)
        return NotImplemented if number is None else number / self.value

    def __neg__(self) -> Int64:
        return Int64(-self.value)

    def __pos__(self) -> Self:
        return self

    def __abs__(self) -> Int64:
        return Int64(abs(self.value))


def _whole(other: object) -> int | None:
    """The integer that `other` stands for in arithmetic; None for anything else, bool included."""
    if type(other) is Int64:
        return other.value
    return other if type(other) is int else None


class IdTable:
    """What `Id["users"]` carries through Python's annotation machinery: the name of the table."""

    __slots__ = ("table_name",)

    def __init__(self, table_name: str) -> None:
        self.table_name = table_name

    def __repr__(self) -> str:
        return f"IdTable({self.table_name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IdTable) and other.table_name == self.table_name

    def __hash__(self) -> int:
        return hash((IdTable, self.table_name))


class Id(str):
    """The annotation for a document's id: `Id["users"]`. At run time an id is plain text."""

    __slots__ = ()

    def __new__(cls, *_: object) -> Self:
        raise TypeError('Id is an annotation, as in def f(ctx, user: Id["users"]); ids themselves are plain strings')

    def __class_getitem__(cls, table_name: str) -> Any:
        if not isinstance(table_name, str):
            raise TypeError(f'Id takes the name of a table, as in Id["users"]; got {table_name!r}')
        return Annotated[str, IdTable(table_name)]
