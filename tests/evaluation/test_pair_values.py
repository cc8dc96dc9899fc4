from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from builtin_metrics import METRICS

from duetbench.errors import PluginError
from duetbench.evaluation import CONVENTIONS
from duetbench.evaluation.metric_values import compute_values, selected_value
from duetbench.evaluation.pair_values import curvature, pair_values
from duetbench.interfaces import Metric
from duetbench.types import Domain

STARS = Domain("album", "albums")
RNG = np.random.default_rng(0)
TRUTH = RNG.choice([1.0, 2, 3, 4, 5], p=[0.05, 0.05, 0.1, 0.3, 0.5], size=300)
PREDICTED = np.round(np.clip(TRUTH + RNG.normal(0, 1, 300), 1, 5), 1)


class _Plain(Metric):
    """A metric without values per pair, and any other metric's value."""

    title, summary, lower_is_better = "Plain", "plain", True

    def __init__(self, inner: Metric) -> None:
        self.inner, self.name = inner, "plain"  # type: ignore[misc]

    def compute(self, predicted: Any, truth: Any, domain: Any) -> Any:
        return self.inner.compute(predicted, truth, domain)

    def select(self, values: Any, convention: Any) -> float | None:
        return self.inner.select(values, convention)


class _Wrong(_Plain):
    def pair_values(self, predicted: Any, truth: Any, domain: Any, convention: Any) -> Any:
        return np.zeros(truth.size)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
@pytest.mark.parametrize("convention", CONVENTIONS.values(), ids=lambda convention: convention.name)
def test_their_mean_is_the_metric(metric: Metric, convention: Any) -> None:
    values = pair_values(metric, PREDICTED, TRUTH, STARS, convention)
    computed = compute_values([metric], PREDICTED, TRUTH, STARS)[metric.name]
    assert values is not None
    assert values.mean() == pytest.approx(selected_value(metric, computed, convention))


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_own_values_agree_with_leaving_out_pairs(metric: Metric) -> None:
    convention = CONVENTIONS["standard"]
    own, computed = (pair_values(of, PREDICTED, TRUTH, STARS, convention) for of in (metric, _Plain(metric)))
    assert own is not None
    assert computed is not None
    assert np.corrcoef(own, computed)[0, 1] > 0.999
    assert computed.std() == pytest.approx(own.std(), rel=0.05)


def test_perfect_predictions_have_values_without_spread() -> None:
    for metric in METRICS:
        values = pair_values(metric, TRUTH, TRUTH, STARS, CONVENTIONS["standard"])
        assert values is not None
        assert values.std() == pytest.approx(0)


def test_values_whose_mean_is_not_the_metric_are_refused() -> None:
    with pytest.raises(PluginError, match="metric 'plain': the mean of its pair_values must be"):
        pair_values(_Wrong(METRICS[0]), PREDICTED, TRUTH, STARS, CONVENTIONS["standard"])


def test_many_kinds_of_pairs_are_rounded() -> None:
    truth = np.tile(TRUTH, 10)
    predicted = truth + np.random.default_rng(1).normal(0, 1, truth.size)
    own, computed = (
        pair_values(of, predicted, truth, STARS, CONVENTIONS["standard"]) for of in (METRICS[1], _Plain(METRICS[1]))
    )
    assert own is not None
    assert computed is not None
    assert computed.std() == pytest.approx(own.std(), rel=0.05)


def _curvature(name: str) -> Any:
    (metric,) = [metric for metric in METRICS if metric.name == name]
    users = [f"u{row // 3}" for row in range(300)]
    return curvature(metric, PREDICTED, TRUTH, users, STARS, CONVENTIONS["standard"])


@pytest.mark.parametrize("name", ["mae", "accuracy"])
def test_means_over_pairs_have_no_curvature(name: str) -> None:
    assert not _curvature(name).any()


def test_f1_is_further_from_a_mean_than_rmse() -> None:
    assert 0 < np.abs(_curvature("rmse")).mean() < np.abs(_curvature("f1")).mean()


def test_one_user_has_no_halves() -> None:
    metric = METRICS[0]
    assert curvature(metric, PREDICTED, TRUTH, ["u"] * 300, STARS, CONVENTIONS["standard"]) is None
