"""Rows of which it is known by hand whether a distribution of errors exists."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from duetbench.evaluation.audit import HYPOTHESES, FailureShare, Hypothesis, feasible_share
from duetbench.evaluation.audit.feasibility import PrintedMetrics
from duetbench.evaluation.audit.printed import printed_number

BY_NAME = {hypothesis.name: hypothesis for hypothesis in HYPOTHESES}
YELP_10H = {"Qwen": ("1.1235", "1.9478", "23.17"), "LLaMA": ("1.0864", "1.9532", "22.09")}


def _metrics(mae: str, rmse: str, accuracy: str, n: int | None = None) -> PrintedMetrics:
    return PrintedMetrics(printed_number(mae), printed_number(rmse), printed_number(accuracy, unit=Fraction(1, 100)), n)


def _share(name: str, *row: str, n: int | None = None) -> FailureShare | None:
    return feasible_share(_metrics(*row, n=n), BY_NAME[name])


@pytest.mark.parametrize("name", BY_NAME)
def test_a_row_of_integer_predictions_is_feasible_everywhere(name: str) -> None:
    """|error| 0, 0, 1, 2: MAE 0.75, RMSE sqrt(5/4) = 1.1180, accuracy 1/2."""
    assert _share(name, "0.7500", "1.1180", "50.00")


@pytest.mark.parametrize("name", BY_NAME)
def test_an_rmse_below_the_mae_is_impossible(name: str) -> None:
    assert _share(name, "0.9000", "0.8000", "50.00") is None


@pytest.mark.parametrize("name", BY_NAME)
def test_perfect_accuracy_with_integer_sized_errors_is_impossible(name: str) -> None:
    assert _share(name, "1.0000", "1.0000", "100.00") is None


def test_integers_off_by_half_a_star_are_impossible() -> None:
    assert _share("integer_exact", "0.5000", "0.5000", "50.00") is None


def test_a_fractional_prediction_may_be_off_by_half_a_star() -> None:
    assert _share("fractional_exact", "0.5000", "0.5000", "0.00")
    assert _share("fractional_rounded", "0.5000", "0.5000", "50.00")


def test_rounding_calls_a_small_error_correct() -> None:
    """All errors are 0.3, so all are correct after rounding and none is equal."""
    assert _share("fractional_rounded", "0.3000", "0.3000", "100.00")
    assert _share("fractional_rounded", "0.3000", "0.3000", "90.00") is None
    assert _share("fractional_exact", "0.3000", "0.3000", "100.00") is None


def test_an_error_above_four_needs_failures_as_numbers() -> None:
    """All labels 5, all predictions 0."""
    row = ("5.0000", "5.0000", "0.00")
    assert _share("integer_exact", *row) is None
    share = _share("integer_failures_as_0", *row)
    assert share
    assert (share.low, share.high) == pytest.approx((1, 1), abs=1e-3)


def test_the_share_of_skipped_failures_is_known_when_all_others_are_correct() -> None:
    share = _share("integer_failures_skipped", "0.0000", "0.0000", "75.00")
    assert share
    assert (share.low, share.high) == pytest.approx((0.25, 0.25), abs=2e-4)


def test_without_any_correct_prediction_nearly_all_may_have_failed() -> None:
    share = _share("integer_failures_skipped", "1.0000", "1.0000", "0.00")
    assert share
    assert (share.low, share.high) == (0.0, 1.0)


def test_the_last_printed_digit_is_the_tolerance() -> None:
    """|error| 0, 0, 1: MAE 1/3, RMSE 0.57735."""
    assert _share("integer_exact", "0.3333", "0.5774", "66.67")
    assert _share("integer_exact", "0.3330", "0.5774", "66.67") is None
    assert _share("integer_exact", "0.333", "0.577", "66.7")


def test_n_rules_out_an_accuracy_that_is_no_count() -> None:
    assert _share("integer_exact", "0.5000", "0.7071", "50.00", n=4)
    assert _share("integer_exact", "0.5000", "0.7071", "50.00", n=5) is None
    assert _share("fractional_rounded", "0.5000", "0.7071", "50.00", n=5) is None


def test_n_rules_out_errors_that_are_no_counts() -> None:
    """Twelve can have 8 errors of 0, 3 of 1 and 1 of 3; of six, two wrong ones cannot have the sums 3 and 6."""
    row = ("0.5000", "1.0000", "66.67")
    assert _share("integer_exact", *row, n=12)
    assert _share("integer_exact", *row)
    assert _share("integer_exact", *row, n=6) is None


def test_n_makes_the_share_of_failures_a_count() -> None:
    """Four outputs, of which one is correct and one is off by one; the others failed."""
    share = _share("integer_failures_skipped", "0.5000", "0.7071", "25.00", n=4)
    assert share == FailureShare(pytest.approx(0.5), pytest.approx(0.5))


def test_yelp_10h_needs_many_skipped_failures() -> None:
    qwen, llama = (_share("fractional_rounded_failures_skipped", *row) for row in YELP_10H.values())
    assert qwen == FailureShare(pytest.approx(0.372, abs=5e-4), pytest.approx(0.699, abs=5e-4))
    assert llama == FailureShare(pytest.approx(0.523, abs=5e-4), pytest.approx(0.712, abs=5e-4))


def test_yelp_10h_needs_more_failures_if_ties_are_correct() -> None:
    """A wrong prediction is then at least 0.51 away: 38-70 % and 53-71 %, the bounds of an independent computation."""
    skipped = BY_NAME["fractional_rounded_failures_skipped"]
    strict = replace(skipped, outcomes=tuple(each for each in skipped.outcomes if each.is_correct or each.error != 0.5))
    qwen, llama = (feasible_share(_metrics(*row), strict) for row in YELP_10H.values())
    assert qwen == FailureShare(pytest.approx(0.383, abs=5e-4), pytest.approx(0.699, abs=5e-4))
    assert llama == FailureShare(pytest.approx(0.528, abs=5e-4), pytest.approx(0.712, abs=5e-4))


@pytest.mark.parametrize("hypothesis", HYPOTHESES, ids=lambda hypothesis: hypothesis.name)
def test_only_skipped_failures_are_left_out_of_the_errors(hypothesis: Hypothesis) -> None:
    assert all(outcome.is_failed for outcome in hypothesis.outcomes if not outcome.is_counted)
    assert not any(outcome.is_failed and outcome.is_correct for outcome in hypothesis.outcomes)


def test_a_search_that_runs_out_of_time_is_not_called_impossible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("duetbench.evaluation.audit.feasibility.TIME_LIMIT", 0.0)
    share = _share("integer_failures_skipped", "0.7143", "1.0911", "53.21", n=4328)
    assert share
    assert not share.is_decided
