from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from duetbench.evaluation.audit.printed import printed_number
from duetbench.evaluation.audit.published import PublishedRow, PublishedTable
from duetbench.evaluation.audit.sizes import SizeEstimate, estimate_sizes, possible_sizes

PERCENT = Fraction(1, 100)


def _estimate(accuracies: Sequence[str], *, bound: int = 20_000, reported: int | None = None) -> SizeEstimate:
    rows = tuple(
        PublishedRow("d", f"m{position}", {"accuracy": printed_number(text, unit=PERCENT)})
        for position, text in enumerate(accuracies)
    )
    sizes = {} if reported is None else {"d": reported}
    (estimate,) = estimate_sizes(PublishedTable("t", rows, test_sizes=sizes), bound=bound)
    return estimate


def test_a_third_needs_a_multiple_of_three() -> None:
    fits = possible_sizes([printed_number("33.33", unit=PERCENT)], 10)
    assert (np.flatnonzero(fits) + 1).tolist() == [3, 6, 9]


def test_n_is_recovered_from_six_accuracies() -> None:
    """k/129 for six k."""
    estimate = _estimate([f"{100 * k / 129:.2f}" for k in (37, 41, 58, 64, 77, 95)])
    assert estimate.smallest == 129
    assert estimate.is_identified
    assert estimate.first[:2] == (129, 258)


def test_one_accuracy_does_not_identify_n() -> None:
    assert not _estimate(["57.36"]).is_identified


def test_accuracies_of_a_large_test_set_do_not_identify_it() -> None:
    estimate = _estimate([f"{100 * k / 30_011:.2f}" for k in (11_037, 17_041, 25_058)])
    assert not estimate.is_identified


def test_no_size_up_to_the_bound_is_none() -> None:
    estimate = _estimate(["33.33", "57.14"], bound=20)
    assert (estimate.smallest, estimate.first, estimate.n_possible) == (None, (), 0)


def test_a_reported_size_is_compared_with_each_accuracy() -> None:
    estimate = _estimate(["50.00", "25.00", "33.33"], reported=8)
    assert (estimate.reported, estimate.n_fitting_reported) == (8, 2)


def test_accuracies_that_fit_every_size_identify_nothing() -> None:
    """60 % alone is no evidence for 5 test rows, however many 0 % and repetitions there are."""
    assert not _estimate(["60", "0", "100", "60", "60"]).is_identified


def test_zero_and_one_hundred_percent_fit_every_size() -> None:
    assert _estimate(["0.00", "100.00"], bound=50).n_possible == 50


def _with_sizes(*sizes: int | None) -> SizeEstimate:
    accuracy = {"accuracy": printed_number("33.33", unit=PERCENT)}
    rows = tuple(PublishedRow("d", f"m{position}", accuracy, n=n) for position, n in enumerate(sizes))
    (estimate,) = estimate_sizes(PublishedTable("t", rows), bound=20)
    return estimate


def test_a_size_that_all_rows_report_is_the_reported_one() -> None:
    estimate = _with_sizes(9, 9)
    assert (estimate.reported, estimate.n_with_reported, estimate.n_fitting_reported) == (9, 2, 2)


def test_sizes_that_differ_by_row_are_compared_with_their_own_accuracies() -> None:
    estimate = _with_sizes(9, 10, None)
    assert (estimate.reported, estimate.n_with_reported, estimate.n_fitting_reported) == (None, 2, 1)
