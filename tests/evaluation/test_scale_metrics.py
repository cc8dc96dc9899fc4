"""Metrics on scales other than whole stars, by hand."""

from __future__ import annotations

import polars as pl
import pytest
from builtin_metrics import METRICS

from duetbench.errors import DataError
from duetbench.evaluation import metrics_of, predictions_table
from duetbench.records import to_json
from duetbench.types import Domain, Example, Item, Prediction, Request

HALVES = Domain("film", "films", (0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5))
TEN = tuple(range(1, 11))
RESCALED = Domain("film", "films", (1, 2, 3, 4, 5), original=TEN)


def table_of(domain: Domain, truths: list[float], predictions: list[Prediction]) -> pl.DataFrame:
    """Ratings and predictions on the scale of the domain's labels."""
    requests = [Request(f"test:{row}", f"u{row}", Item(f"i{row}", "t"), row, domain) for row in range(len(truths))]
    examples = [Example(request, truth) for request, truth in zip(requests, truths, strict=True)]
    return predictions_table(examples, predictions)


def values_of(domain: Domain, table: pl.DataFrame) -> dict:
    return to_json(metrics_of(table, domain, METRICS, train_mean=3.0))


def test_half_stars_are_classes_of_their_own() -> None:
    table = table_of(HALVES, [3.5, 3.5, 0.5, 5.0], [Prediction(value) for value in (3.3, 3.0, 0.5, 4.75)])
    metrics = values_of(HALVES, table)
    readable = metrics["over"]["readable"]
    assert readable["accuracy"]["rounded_half_up"] == 3 / 4  # 3.3 is 3.5, 3.0 is not, 4.75 is 5
    assert readable["accuracy"]["exact_float"] == 1 / 4
    assert readable["accuracy"]["within_0.5"] == 1.0
    assert readable["mae"]["raw"] == pytest.approx((0.2 + 0.5 + 0 + 0.25) / 4)
    assert readable["f1"]["rounded_half_up"]["macro_1to5"] == pytest.approx((2 / 3 + 1 + 1) / 10)  # 10 labels
    assert metrics["distribution"]["truth"] == {
        "0.5": 1, "1": 0, "1.5": 0, "2": 0, "2.5": 0, "3": 0, "3.5": 2, "4": 0, "4.5": 0, "5": 1
    }  # fmt: skip


def test_half_a_step_above_the_truth_is_within_a_half_in_spite_of_rounding() -> None:
    tenths = Domain("film", "films", tuple(number / 10 for number in range(51)))
    table = table_of(tenths, [3.6], [Prediction(4.1)])
    assert values_of(tenths, table)["over"]["readable"]["accuracy"]["within_0.5"] == 1.0


def test_a_rating_between_two_labels_is_an_error_that_names_the_scale() -> None:
    with pytest.raises(DataError, match=r"a true rating is 3\.7, which is not on the scale 0\.5 to 5 in steps of 0\.5"):
        values_of(HALVES, table_of(HALVES, [3.7], [Prediction(3.0)]))


def test_rescaled_predictions_are_measured_on_the_scale_of_the_data() -> None:
    truths = [RESCALED.from_original(10), RESCALED.from_original(4)]
    sure, torn = (0.0, 0.0, 1.0, 0.0, 0.0), (0.6, 0.4, 0.0, 0.0, 0.0)
    table = table_of(RESCALED, truths, [Prediction(3.0, probabilities=sure), Prediction(1.4, probabilities=torn)])
    assert table["rating"].to_list() == [10, 4]
    assert table["value"].to_list() == pytest.approx([5.5, 1.9])  # 1 + 9 / 4 times (3 - 1) and (1.4 - 1)
    metrics = values_of(RESCALED, table)
    assert metrics["decision"] == "mean"
    assert metrics["over"]["readable"]["mae"]["raw"] == pytest.approx((4.5 + 2.1) / 2)
    assert metrics["decisions"]["mode"]["readable"]["mae"]["raw"] == pytest.approx((4.5 + 3) / 2)  # the second is 1
    assert list(metrics["distribution"]["truth"]) == [str(label) for label in TEN]
