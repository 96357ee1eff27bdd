"""Round numbers: what is published in place of a datum. Knows neither columns nor entities."""

from decimal import Decimal, localcontext
from typing import Any, TypeVar, cast

Number = TypeVar("Number", int, float, Decimal)

# More digits than any decimal or float number of a column has.
_MAX_DIGITS = 80


def roundest(low: Number, high: Number) -> Number:
    """The number with the fewest decimal digits in the interval from `low` to `high`, both included.

    Of several, the one nearest to the middle. Depends on the interval only through where it lies among round numbers,
    so that a published edge is nobody's datum.

    Args:
        low: Lower end; whole numbers of any size stay whole.
        high: Upper end, not below `low`, of the same type.

    >>> roundest(1234.5, 1391.0)
    1300.0
    >>> roundest(-0.0187, 0.0021)
    0.0
    >>> roundest(7.25, 7.25)
    7.25
    >>> roundest(2**63 - 9, 2**63 - 1)
    9223372036854775800
    """
    if low <= 0 <= high:
        return type(low)(0)
    ends: tuple[Any, Any] = (low, high)
    return cast(Number, _roundest_integer(*ends) if isinstance(ends[0], int) else _roundest_fraction(*ends))


def _roundest_integer(low: int, high: int) -> int:
    power: int = 10 ** len(str(max(abs(low), abs(high))))
    while (multiple := _nearest_multiple(low, high, power)) is None:
        power //= 10
    return multiple


def _nearest_multiple(low: int, high: int, power: int) -> int | None:
    # Twice the middle, so that everything stays whole; no other multiple can be in the interval if this one is not.
    candidate = (low + high + power) // (2 * power) * power
    return candidate if low <= candidate <= high else None


def _roundest_fraction(low: Any, high: Any) -> Any:
    with localcontext(prec=_MAX_DIGITS):
        middle = low / 2 + high / 2
        for digits in range(_MAX_DIGITS):
            rounded = type(low)(f"{middle:.{digits}e}")
            if low <= rounded <= high:
                return rounded
    return low
