from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duetbench.errors import DataError
from duetbench.evaluation.decision import (
    DECISIONS,
    decide,
    decision_of,
    label_probabilities,
)
from duetbench.types import Decision, Domain, Prediction

LABELS = (1, 2, 3, 4, 5)
TABLE = np.array(
    [
        [0.10, 0.20, 0.20, 0.20, 0.30],  # mean 3.4; half is reached at 3
        [0.00, 0.00, 0.00, 0.00, 1.00],
        [0.40, 0.00, 0.00, 0.25, 0.35],  # mean 3.15; half is reached at 4
        [0.05, 0.05, 0.10, 0.30, 0.50],  # mean 4.15; half is reached at 4
    ]
)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("mean", [3.4, 5, 3.15, 4.15]), ("median", [3, 5, 4, 4]), ("mode", [5, 5, 1, 5])],
)
def test_each_rule_by_hand(rule: Decision, expected: list[float]) -> None:
    assert decide(TABLE, LABELS, rule) == pytest.approx(expected)


@pytest.mark.parametrize("rule", DECISIONS)
def test_one_pair_is_decided_as_among_others(rule: Decision) -> None:
    assert [decide(row[None], LABELS, rule)[0] for row in TABLE] == decide(TABLE, LABELS, rule).tolist()


@pytest.mark.parametrize("rule", DECISIONS)
def test_no_pair_has_no_value(rule: Decision) -> None:
    assert decide(np.zeros((0, 5)), LABELS, rule).shape == (0,)


def test_of_two_medians_the_lower_one_is_predicted() -> None:
    assert decide(np.array([[0, 0.5, 0, 0, 0.5]]), LABELS, "median") == [2]


def test_a_median_reached_within_rounding_is_reached() -> None:
    third = 0.1 + 0.2 + 0.2 - 1e-12
    assert decide(np.array([[third, 0.0, 0.0, 0.0, 1 - third]]), LABELS, "median") == [1]


def test_of_equally_probable_labels_the_lowest_is_predicted() -> None:
    assert decide(np.array([[0.1, 0.4, 0.1, 0.4 + 1e-12, 0.0]]), LABELS, "mode") == [2]


def test_a_mean_does_not_leave_the_scale_by_rounding() -> None:
    assert decide(np.array([[0, 0, 0, 0, 1 + 1e-12]]), LABELS, "mean") == [5]


def test_a_scale_with_gaps_has_its_own_labels() -> None:
    table = np.array([[0.2, 0.3, 0.5]])
    assert [decide(table, (0, 4, 10), rule)[0] for rule in DECISIONS] == pytest.approx([6.2, 4, 10])


shares = st.lists(st.floats(0, 1), min_size=5, max_size=5).filter(lambda weights: sum(weights) > 0.01)


@given(shares, st.sampled_from(LABELS))
def test_the_median_minimises_the_expected_absolute_error(weights: list[float], other: int) -> None:
    shares = np.array([weights]) / sum(weights)
    assert _expected(shares, abs, decide(shares, LABELS, "median")[0]) <= _expected(shares, abs, other) + 1e-8


@given(shares, st.floats(1, 5))
def test_the_mean_minimises_the_expected_squared_error(weights: list[float], other: float) -> None:
    shares = np.array([weights]) / sum(weights)
    assert _expected(shares, np.square, decide(shares, LABELS, "mean")[0]) <= _expected(shares, np.square, other) + 1e-9


@given(shares, st.sampled_from(LABELS))
def test_the_mode_maximises_the_expected_accuracy(weights: list[float], other: int) -> None:
    shares = np.array([weights]) / sum(weights)
    mode = decide(shares, LABELS, "mode")[0]
    assert shares[0, int(mode) - 1] >= shares[0, other - 1] - 1e-9


def _expected(shares: np.ndarray, loss: Callable[[np.ndarray], np.ndarray], value: float) -> float:
    return float((shares[0] * loss(np.array(LABELS) - value)).sum())


def test_readable_probabilities_are_one_row_per_pair(table_of: Callable, stars: Domain) -> None:
    table = table_of(
        [5, 4], [Prediction(3.4, probabilities=tuple(TABLE[0])), Prediction(5.0, probabilities=(0, 0, 0, 0, 1))]
    )
    assert label_probabilities(table, stars.labels).tolist() == TABLE[:2].tolist()  # type: ignore[union-attr]


@pytest.mark.parametrize("second", [[], [Prediction(5.0)]])
def test_without_probabilities_of_each_prediction_there_are_none(
    table_of: Callable, stars: Domain, second: Sequence[Prediction]
) -> None:
    first = [Prediction(3.4, probabilities=tuple(TABLE[0]))] if second else []
    predictions = [*first, *second]
    assert label_probabilities(table_of([4] * len(predictions), predictions), stars.labels) is None


@pytest.mark.parametrize(
    ("probabilities", "fault"),
    [
        ((0.5, 0.5), "not one probability for each of the labels"),
        ((0.1, 0.2, 0.2, 0.2, 0.2), "do not sum to 1"),
        ((-0.2, 0.2, 0.3, 0.3, 0.4), r"not in \[0, 1\]"),
        ((float("nan"), 0.2, 0.2, 0.3, 0.3), r"not in \[0, 1\]"),
    ],
)
def test_invalid_probabilities_are_an_error_that_names_the_prediction(
    table_of: Callable, stars: Domain, probabilities: tuple[float, ...], fault: str
) -> None:
    with pytest.raises(DataError, match=f"prediction test:0: .*{fault}"):
        label_probabilities(table_of([4], [Prediction(3.0, probabilities=probabilities)]), stars.labels)


@pytest.mark.parametrize("rule", DECISIONS)
def test_the_rule_of_predicted_values_is_found(rule: Decision) -> None:
    by_rule = {name: decide(TABLE, LABELS, name) for name in DECISIONS}
    assert decision_of(by_rule[rule] + 1e-9, by_rule, None) == rule


def test_values_of_no_rule_have_none() -> None:
    by_rule = {name: decide(TABLE, LABELS, name) for name in DECISIONS}
    assert decision_of(by_rule["mean"] + 0.1, by_rule, "mean") is None


def test_of_several_rules_with_the_same_values_the_declared_one_counts() -> None:
    certain = {name: decide(TABLE[1:2], LABELS, name) for name in DECISIONS}
    assert [decision_of(np.array([5.0]), certain, rule) for rule in (*DECISIONS, None)] == [*DECISIONS, "mode"]
