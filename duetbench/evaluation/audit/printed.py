"""Printed numbers: what is known of a number from which only some digits were published."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class PrintedNumber:
    """A rounded number as the interval of the values that round to it.

    Both ends belong to the interval, so every way of rounding a tie is covered. Truncated numbers are not.
    """

    text: str
    """As printed; its number of decimals is the precision."""
    low: Fraction
    high: Fraction

    @property
    def value(self) -> Fraction:
        """The printed number itself, the middle of the interval."""
        return (self.low + self.high) / 2


def printed_number(text: str, *, unit: Fraction = Fraction(1), rounded_to: Fraction | None = None) -> PrintedNumber:
    """The interval of the values that round to a printed number.

    Args:
        text: Decimal notation without an exponent, such as `0.9500`.
        unit: Multiplies the number: 1/100 for percent.
        rounded_to: The step of the rounding in units of `text`; None: its last printed digit.

    Raises:
        ValueError: `text` is not a decimal number.
    """
    decimals = len(text.partition(".")[2])
    half_step = (rounded_to if rounded_to is not None else Fraction(1, 10**decimals)) / 2
    value = Fraction(text)
    return PrintedNumber(text, (value - half_step) * unit, (value + half_step) * unit)


def mean_interval(numbers: Iterable[PrintedNumber]) -> tuple[Fraction, Fraction]:
    """The lowest and the highest mean that the unrounded numbers can have; at least one number."""
    listed = list(numbers)
    return (
        sum((number.low for number in listed), Fraction(0)) / len(listed),
        sum((number.high for number in listed), Fraction(0)) / len(listed),
    )
