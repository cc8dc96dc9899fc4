"""Metrics under each decision rule, from saved label probabilities alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from builtin_metrics import METRICS

from duetbench.evaluation import metrics_of
from duetbench.records import to_json
from duetbench.types import Decision, Domain, Prediction

# Label probabilities with mean 3.4, median 3, mode 5, and with mean 4.15, median 4, mode 5.
FLAT, STEEP = (0.1, 0.2, 0.2, 0.2, 0.3), (0.05, 0.05, 0.1, 0.3, 0.5)
VALUES: dict[Decision, tuple[float, float]] = {"mean": (3.4, 4.15), "median": (3.0, 4.0), "mode": (5.0, 5.0)}


@pytest.fixture
def decided(table_of: Callable, stars: Domain) -> Callable[..., dict[str, Any]]:
    """The metrics of truths 3 and 5, predicted by a rule; a third rating of 4 is unreadable."""

    def build(rule: Decision, *, declared: Decision | None = None) -> dict[str, Any]:
        first, second = VALUES[rule]
        predictions = [
            Prediction(first, probabilities=FLAT),
            Prediction(second, probabilities=STEEP),
            Prediction(None, "unreadable", "rating"),
        ]
        table = table_of([3, 5, 4], predictions)
        return to_json(metrics_of(table, stars, METRICS, train_mean=4.5, decision=declared))

    return build


@pytest.mark.parametrize("predicted_by", VALUES)
def test_every_rule_is_computed_whatever_was_predicted(decided: Callable, predicted_by: Decision) -> None:
    metrics = decided(predicted_by)
    errors = {rule: over["readable"]["mae"]["raw"] for rule, over in metrics["decisions"].items()}
    assert errors == pytest.approx({"mean": (0.4 + 0.85) / 2, "median": (0 + 1) / 2, "mode": (2 + 0) / 2})
    assert metrics["decision"] == predicted_by


def test_missing_predictions_are_filled_under_every_rule(decided: Callable) -> None:
    over = decided("mean")["decisions"]["median"]
    assert over["train_mean"]["mae"]["raw"] == pytest.approx((0 + 1 + 0.5) / 3)
    assert over["official"]["mae"]["raw"] == pytest.approx((0 + 1 + 4) / 3)
    assert set(over) == set(decided("mean")["over"])


@pytest.mark.parametrize("rule", ["mean", "median", "mode"])
def test_the_values_under_the_declared_rule_are_those_of_the_predictions(decided: Callable, rule: Decision) -> None:
    metrics = decided(rule)
    assert metrics["decisions"][rule] == metrics["over"]


def test_an_expectation_has_no_classes_by_equality_of_numbers(decided: Callable) -> None:
    metrics = decided("mean")
    for over in (metrics["over"], metrics["decisions"]["mean"]):
        assert {over[name]["accuracy"]["exact_float"] for name in over} == {None}
        assert set(over["official"]["f1"]["exact_float"].values()) == {None}
        assert over["official"]["f1_weighted"]["exact_float"] is None
    assert metrics["over"]["readable"]["accuracy"]["rounded_half_up"] == 1 / 2


@pytest.mark.parametrize("rule", ["median", "mode"])
def test_labels_have_classes_by_equality_of_numbers(decided: Callable, rule: Decision) -> None:
    assert decided("mean")["decisions"][rule]["readable"]["accuracy"]["exact_float"] == 1 / 2
    assert decided(rule)["over"]["readable"]["accuracy"]["exact_float"] == 1 / 2


def test_answers_as_text_keep_equality_of_numbers(six: pl.DataFrame, stars: Domain) -> None:
    metrics = to_json(metrics_of(six, stars, METRICS, train_mean=4.2))
    assert metrics["over"]["readable"]["accuracy"]["exact_float"] == 2 / 4
    assert (metrics["decision"], metrics["decisions"]) == (None, {})


def test_declared_expectations_have_no_equality_of_numbers(six: pl.DataFrame, stars: Domain) -> None:
    metrics = to_json(metrics_of(six, stars, METRICS, train_mean=4.2, decision="mean"))
    assert metrics["over"]["readable"]["accuracy"]["exact_float"] is None
    assert metrics["over"]["readable"]["accuracy"]["rounded_half_up"] is not None
    assert (metrics["decision"], metrics["decisions"]) == ("mean", {})


def test_values_of_no_rule_keep_their_own_metrics(table_of: Callable, stars: Domain) -> None:
    table = table_of([3], [Prediction(2.0, probabilities=FLAT)])
    metrics = to_json(metrics_of(table, stars, METRICS, train_mean=4.0))
    assert metrics["decision"] is None
    assert (metrics["over"]["readable"]["mae"]["raw"], metrics["over"]["readable"]["accuracy"]["exact_float"]) == (1, 0)
    assert metrics["decisions"]["median"]["readable"]["mae"]["raw"] == 0


def test_without_readable_predictions_the_declared_rule_is_recorded(table_of: Callable, stars: Domain) -> None:
    table = table_of([3], [Prediction(None, "error", "rating")])
    metrics = metrics_of(table, stars, METRICS, train_mean=4.0, decision="median")
    assert (metrics.decision, metrics.decisions) == ("median", {})


def test_no_pairs_have_no_rule(table_of: Callable, stars: Domain) -> None:
    metrics = metrics_of(table_of([], []), stars, METRICS, train_mean=4.0)
    assert (metrics.decision, metrics.decisions) == (None, {})
