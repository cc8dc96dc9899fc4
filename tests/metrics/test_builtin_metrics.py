"""The formulas of the built-in metrics: by hand, on nothing, on one pair, and against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from builtin_metrics import METRICS

from duetbench.evaluation.conventions import ACCURACIES, AVERAGES, CLASSES, ERRORS, as_classes
from duetbench.metrics.accuracy import accuracy
from duetbench.metrics.f1 import f1
from duetbench.metrics.f1_weighted import F1Weighted
from duetbench.metrics.mae import Mae
from duetbench.metrics.rmse import Rmse
from duetbench.types import Domain

STARS = Domain("album", "albums")


def _pairs(predicted: list[float], truth: list[float]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(predicted, dtype=float), np.array(truth, dtype=float)


def test_their_order_is_that_of_the_columns() -> None:
    assert [metric.name for metric in METRICS] == ["mae", "rmse", "accuracy", "f1", "f1_weighted"]


def test_mae_by_hand() -> None:
    values = Mae().compute(*_pairs([4.5, 6.0], [4, 5]), STARS)
    assert values == {
        "raw": 0.75,
        "clipped": 0.25,
        "rounded_half_up": 0.5,
        "rounded_bankers": 0.0,
        "rounded_floor": 0.0,
    }


def test_rmse_by_hand() -> None:
    values = Rmse().compute(*_pairs([4.5, 7.0], [4, 5]), STARS)
    assert values["raw"] == pytest.approx(math.sqrt((0.25 + 4) / 2))
    assert values["clipped"] == pytest.approx(math.sqrt(0.25 / 2))


def test_accuracy_by_hand() -> None:
    predicted, truth = _pairs([5.0, 4.5, 1.0], [5, 4, 2])
    found = {kind: accuracy(predicted, truth, STARS, kind=kind) for kind in ACCURACIES}
    assert found == {
        "exact_float": 1 / 3,
        "rounded_half_up": 1 / 3,
        "rounded_bankers": 2 / 3,
        "rounded_floor": 2 / 3,
        "bucket3": 1.0,
        "within_0.5": 2 / 3,
    }


def test_f1_by_hand() -> None:
    # Truths 5 4 3 1, predicted 5 5 3 4: F1 of class 5 is 2/3, of 3 it is 1, of 4 and 1 it is 0.
    values = f1(*_pairs([5, 5, 3, 4], [5, 4, 3, 1]), STARS)
    assert values["macro_gt"] == pytest.approx((2 / 3 + 1) / 4)
    assert values["macro_1to5"] == pytest.approx((2 / 3 + 1) / 5)
    assert values["weighted"] == pytest.approx((2 / 3 + 1) / 4)
    assert values["micro"] == 2 / 4


def test_weighted_f1_is_that_average_of_f1() -> None:
    pairs = _pairs([5, 5, 3, 4.4], [5, 4, 3, 1])
    assert F1Weighted().compute(*pairs, STARS) == {
        classes: f1(*pairs, STARS, classes=classes)["weighted"] for classes in CLASSES
    }


def test_weighted_f1_of_older_records_follows_from_f1() -> None:
    averages = {"exact_float": {"weighted": 0.5, "micro": 0.1}, "bucket3": {"weighted": None, "micro": None}}
    assert F1Weighted().derive({"f1": averages}) == {"exact_float": 0.5, "bucket3": None}
    assert F1Weighted().derive({}) is None


def test_no_pairs_have_no_values() -> None:
    values = {metric.name: metric.compute(*_pairs([], []), STARS) for metric in METRICS}
    assert values["mae"] == values["rmse"] == dict.fromkeys(ERRORS)
    assert values["accuracy"] == dict.fromkeys(ACCURACIES)
    assert values["f1"] == dict.fromkeys(CLASSES, dict.fromkeys(AVERAGES))
    assert values["f1_weighted"] == dict.fromkeys(CLASSES)


def test_one_correct_pair_is_perfect() -> None:
    values = {metric.name: metric.compute(*_pairs([3], [3]), STARS) for metric in METRICS}
    assert set(values["mae"].values()) == set(values["rmse"].values()) == {0.0}
    assert set(values["accuracy"].values()) == set(values["f1_weighted"].values()) == {1.0}


def test_equal_predictions_are_one_class() -> None:
    predicted, truth = _pairs([3, 3, 3, 3], [3, 3, 1, 5])
    assert accuracy(predicted, truth, STARS) == 0.5
    assert f1(predicted, truth, STARS)["macro_gt"] == pytest.approx((2 / 3) / 3)


def _random(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.choice([1.0, 2, 3, 4, 5], p=[0.05, 0.05, 0.1, 0.3, 0.5], size=n)
    return np.round(np.clip(truth + rng.normal(0, 1.2, n), 0, 6) * 4) / 4, truth


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("seed", [0, 1])
def test_f1_agrees_with_scikit_learn(classes: str, seed: int) -> None:
    from sklearn.metrics import f1_score

    values, truth = _random(seed)
    predicted, true = (as_classes(part, STARS, classes) for part in (values, truth))
    names = [f"{number:g}" for number in predicted], [f"{number:g}" for number in true]
    scale = sorted({f"{number:g}" for number in as_classes(np.array(STARS.labels, float), STARS, classes)})
    expected = {
        "macro_gt": f1_score(names[1], names[0], average="macro", labels=sorted(set(names[1])), zero_division=0),
        "macro_1to5": f1_score(names[1], names[0], average="macro", labels=scale, zero_division=0),
        "macro_union": f1_score(names[1], names[0], average="macro", zero_division=0),
        "weighted": f1_score(names[1], names[0], average="weighted", zero_division=0),
        "micro": f1_score(names[1], names[0], average="micro", zero_division=0),
    }
    assert f1(values, truth, STARS, classes=classes) == pytest.approx(expected, abs=1e-12)


def test_errors_and_accuracy_agree_with_scikit_learn() -> None:
    from sklearn.metrics import accuracy_score, mean_absolute_error, root_mean_squared_error

    values, truth = _random(2)
    assert Mae().compute(values, truth, STARS)["raw"] == pytest.approx(mean_absolute_error(truth, values))
    assert Rmse().compute(values, truth, STARS)["raw"] == pytest.approx(root_mean_squared_error(truth, values))
    rounded = as_classes(values, STARS, "rounded_half_up")
    assert accuracy(values, truth, STARS) == pytest.approx(accuracy_score(truth, rounded))
