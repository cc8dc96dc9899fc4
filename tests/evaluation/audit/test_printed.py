from __future__ import annotations

from fractions import Fraction

from duetbench.evaluation.audit.printed import mean_interval, printed_number


def test_half_of_the_last_digit_is_the_tolerance() -> None:
    number = printed_number("0.50")
    assert (number.low, number.value, number.high) == (Fraction("0.495"), Fraction("0.5"), Fraction("0.505"))


def test_an_integer_is_rounded_to_one() -> None:
    assert printed_number("61").low == Fraction("60.5")


def test_the_unit_multiplies_the_interval() -> None:
    assert printed_number("61.23", unit=Fraction(1, 100)).high == Fraction("0.61235")


def test_a_coarser_step_can_be_named() -> None:
    assert printed_number("30", rounded_to=Fraction(10)).high == 35


def test_means_of_rounded_numbers_are_intervals() -> None:
    assert mean_interval([printed_number("1"), printed_number("2")]) == (Fraction(1), Fraction(2))
