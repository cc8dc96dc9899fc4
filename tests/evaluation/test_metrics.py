"""The six pairs of the fixture: truths 5 4 3 1 5 2, values 5.0 4.5 3.0 4.37 - -."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import polars as pl
import pytest
from builtin_metrics import METRICS

from duetbench.errors import DataError
from duetbench.evaluation import metrics_of
from duetbench.evaluation.conventions import ACCURACIES, AVERAGES, CLASSES, ERRORS
from duetbench.records import to_json
from duetbench.types import Domain, Prediction


@pytest.fixture
def metrics(six: pl.DataFrame, stars: Domain) -> dict:
    return to_json(metrics_of(six, stars, METRICS, train_mean=4.2))


def test_errors_over_the_readable_by_hand(metrics: dict) -> None:
    readable = metrics["over"]["readable"]
    assert readable["n"] == 4
    assert readable["mae"]["raw"] == pytest.approx((0 + 0.5 + 0 + 3.37) / 4)
    assert readable["rmse"]["raw"] == pytest.approx(math.sqrt((0.25 + 3.37**2) / 4))
    assert readable["mae"]["rounded_half_up"] == (0 + 1 + 0 + 3) / 4
    assert readable["mae"]["rounded_bankers"] == (0 + 0 + 0 + 3) / 4


def test_errors_over_all_by_hand_under_each_fill(metrics: dict) -> None:
    read = 0.5 + 3.37
    expected = {
        "train_mean": read + 0.8 + 2.2,
        "user_mean": read + 0.8 + 2.2,  # no user rated anything before, so it is the training mean
        "worst": read + 4 + 3,
        "official": read + 5 + 3,  # 0 for the rating of 5, -1 for the profile of 2
        "middle": read + 2 + 1,
    }
    assert {fill: metrics["over"][fill]["mae"]["raw"] for fill in expected} == {
        fill: pytest.approx(total / 6) for fill, total in expected.items()
    }
    assert set(metrics["over"]) == {"readable", *expected}


def test_the_official_fill_is_0_for_a_rating_and_minus_1_for_a_profile(table_of: Callable, stars: Domain) -> None:
    failures = [Prediction(None, "unreadable", "rating"), Prediction(None, "unreadable", "profile")]
    over = to_json(metrics_of(table_of([5, 2], failures), stars, METRICS, train_mean=4.0))["over"]
    assert over["official"]["rmse"]["raw"] == pytest.approx(math.sqrt((5**2 + 3**2) / 2))


def test_accuracies_by_hand(metrics: dict) -> None:
    assert metrics["over"]["official"]["accuracy"] == {
        "exact_float": 2 / 6,
        "rounded_half_up": 2 / 6,
        "rounded_bankers": 3 / 6,
        "rounded_floor": 3 / 6,
        "bucket3": 4 / 6,  # the filled 0 and -1 fall below the middle, as the truth 2 does
        "within_0.5": 3 / 6,
    }


def test_a_fill_changes_nothing_where_everything_is_readable(table_of: Callable, stars: Domain) -> None:
    over = to_json(metrics_of(table_of([5, 3], [Prediction(4.0), Prediction(3.0)]), stars, METRICS, train_mean=1.0))[
        "over"
    ]
    assert all(values == over["readable"] for values in over.values())


def test_f1_by_hand(metrics: dict) -> None:
    # Classes after rounding half up, readable: truths 5 4 3 1, predicted 5 5 3 4. F1: 5 -> 2/3, 3 -> 1, 4 and 1 -> 0.
    values = metrics["over"]["readable"]["f1"]["rounded_half_up"]
    assert values["macro_gt"] == pytest.approx((2 / 3 + 1) / 4)
    assert values["macro_1to5"] == pytest.approx((2 / 3 + 1) / 5)
    assert values["weighted"] == pytest.approx((2 / 3 + 1) / 4)
    assert values["micro"] == 2 / 4


def test_values_between_labels_are_classes_for_the_union_only(metrics: dict) -> None:
    # Exact numbers, readable: 4.5 and 4.37 are two classes more than the four true ones; only 5 and 3 were hit.
    values = metrics["over"]["readable"]["f1"]["exact_float"]
    assert values["macro_gt"] == 2 / 4
    assert values["macro_union"] == pytest.approx(2 / 6)


def test_the_five_counts_sum_to_the_pairs(metrics: dict) -> None:
    assert metrics["counts"] == {
        "right_answer": 2,
        "wrong_answer": 2,
        "unreadable_profile": 1,
        "unreadable_rating": 1,
        "failed_call": 0,
    }
    assert sum(metrics["counts"].values()) == metrics["n"] == 6
    assert metrics["coverage"] == 4 / 6


def test_a_failed_call_is_not_an_unreadable_answer(table_of: Callable, stars: Domain) -> None:
    table = table_of([5, 4], [Prediction(None, "error", "profile"), Prediction(None, "error", "rating")])
    counts = to_json(metrics_of(table, stars, METRICS, train_mean=4.0))["counts"]
    assert (counts["failed_call"], counts["unreadable_profile"], counts["unreadable_rating"]) == (2, 0, 0)


def test_statuses_are_counted_by_stage(metrics: dict) -> None:
    assert metrics["statuses"]["ok"] == 4
    assert metrics["failures"]["profile"]["truncated"] == metrics["failures"]["rating"]["unreadable"] == 1


def test_no_data_is_none_and_not_zero(table_of: Callable, stars: Domain) -> None:
    metrics = to_json(metrics_of(table_of([], []), stars, METRICS, train_mean=4.0))
    values = metrics["over"]["readable"]
    assert metrics["coverage"] is metrics["label_mass"] is None
    numbers = [number for name in ("mae", "rmse", "accuracy", "f1_weighted") for number in values[name].values()]
    numbers += [number for averages in values["f1"].values() for number in averages.values()]
    n_variants = 2 * len(ERRORS) + len(ACCURACIES) + len(CLASSES) + len(CLASSES) * len(AVERAGES)
    assert numbers == [None] * n_variants


def test_without_readable_predictions_there_is_an_error_over_all_pairs_only(table_of: Callable, stars: Domain) -> None:
    metrics = to_json(metrics_of(table_of([5], [Prediction(None, "empty", "rating")]), stars, METRICS, train_mean=4.0))
    assert metrics["over"]["readable"]["mae"]["raw"] is None
    assert metrics["over"]["train_mean"]["mae"]["raw"] == 1.0


def test_one_perfect_pair_is_perfect_under_every_convention(table_of: Callable, stars: Domain) -> None:
    values = to_json(metrics_of(table_of([3], [Prediction(3.0)]), stars, METRICS, train_mean=4.0))["over"]["readable"]
    assert set(values["mae"].values()) == {0.0}
    assert set(values["accuracy"].values()) == {1.0}
    assert {name: values["f1"]["rounded_half_up"][name] for name in ("macro_gt", "macro_1to5")} == {
        "macro_gt": 1.0,
        "macro_1to5": 0.2,
    }


def test_the_user_mean_fills_for_the_user(six: pl.DataFrame, stars: Domain) -> None:
    table = six.with_columns(user_average=pl.Series([None, None, None, None, 5.0, 2.0]))
    assert to_json(metrics_of(table, stars, METRICS, train_mean=4.2))["over"]["user_mean"]["mae"][
        "raw"
    ] == pytest.approx(3.87 / 6)


def test_label_mass_and_distributions_are_reported(table_of: Callable, stars: Domain) -> None:
    metrics = to_json(
        metrics_of(
            table_of([5, 4], [Prediction(4.6, label_mass=0.5), Prediction(4.4, label_mass=1.0)]),
            stars,
            METRICS,
            train_mean=4.0,
        )
    )
    assert metrics["label_mass"] == 0.75
    assert metrics["distribution"]["predicted"] == {"1": 0, "2": 0, "3": 0, "4": 1, "5": 1}


def test_a_truth_off_the_scale_is_refused(table_of: Callable, stars: Domain) -> None:
    with pytest.raises(DataError, match=r"true rating is 3\.5"):
        to_json(metrics_of(table_of([3.5], [Prediction(3.0)]), stars, METRICS, train_mean=4.0))


def test_metrics_are_plain_json(metrics: dict) -> None:
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
