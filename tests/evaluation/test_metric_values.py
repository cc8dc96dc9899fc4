"""Calls of metrics, faults of third-party ones, and what conventions show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from builtin_metrics import METRICS

from duetbench.errors import PluginError
from duetbench.evaluation import CONVENTIONS, metrics_of
from duetbench.evaluation.conventions import Convention
from duetbench.evaluation.metric_values import (
    COUNT,
    compute_values,
    metric_faults,
    selected_value,
    shown_values,
    unregistered_value,
)
from duetbench.interfaces import Metric
from duetbench.records import to_json
from duetbench.types import Domain

STARS = Domain("album", "albums")
PAIRS = np.array([1.0, 2.0]), np.array([1.0, 3.0])
STANDARD = CONVENTIONS["standard"]


def metric_of(compute: Callable[..., Any], name: str = "mine", **attributes: Any) -> Metric:
    """A third-party metric whose `compute` is the function."""
    members = {"name": name, "title": "Mine", "lower_is_better": True, **attributes}
    cls = type("Mine", (Metric,), {"compute": lambda self, *pairs: compute(*pairs), **members})
    metric: Metric = cls()
    return metric


def returning(values: Any) -> Metric:
    return metric_of(lambda predicted, truth, domain: values if len(truth) else {"raw": None})


def test_values_are_stored_under_the_name_of_the_metric_next_to_the_number_of_pairs() -> None:
    found = compute_values([returning({"raw": np.float32(0.5), "by class": {"1": 1, "2": None}})], *PAIRS, STARS)
    assert found == {"n": 2, "mine": {"raw": 0.5, "by class": {"1": 1.0, "2": None}}}
    assert type(found["mine"]["raw"]) is float


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        (0.5, "returned 0.5; expected values by variant"),
        ({}, "returned {}; expected values by variant"),
        ({1: 0.5}, "returned {1: 0.5}; expected values by variant"),
        ({"raw": float("nan")}, "returned nan for the variant 'raw'; expected a finite number or None"),
        ({"raw": True}, "returned True for the variant 'raw'"),
        ({"raw": "0.5"}, "returned '0.5' for the variant 'raw'"),
        ({"raw": {}}, "returned {}; expected numbers by name for the variant 'raw'"),
        ({"raw": {"a": {"b": 1.0}}}, "returned {'b': 1.0} for 'raw.a'; expected a finite number"),
    ],
)
def test_an_invalid_value_is_an_error_that_names_the_metric(values: Any, fault: str) -> None:
    with pytest.raises(PluginError) as caught:
        compute_values([returning(values)], *PAIRS, STARS)
    assert f"metric 'mine' {fault}" in str(caught.value)


def test_an_error_in_a_metric_names_it_its_place_and_the_remedy() -> None:
    with pytest.raises(PluginError) as caught:
        compute_values([metric_of(lambda *_: 1 / 0)], *PAIRS, STARS)
    message = str(caught.value)
    assert message.startswith("metric 'mine' failed on 2 pairs: ZeroDivisionError: division by zero (test_metric_")
    assert message.endswith("fix it, or leave it out with DUETBENCH_DISABLE_PLUGINS=mine")


def test_numbers_for_no_pairs_are_refused() -> None:
    with pytest.raises(PluginError, match="metric 'mine' returned numbers for no pairs"):
        compute_values([metric_of(lambda *_: {"raw": {"a": 0.0}})], np.zeros(0), np.zeros(0), STARS)


def test_no_metric_is_named_as_the_number_of_pairs() -> None:
    with pytest.raises(PluginError, match="no metric can be named 'n'"):
        compute_values([metric_of(lambda *_: {"raw": 1.0}, name="n")], *PAIRS, STARS)


def test_a_metric_cannot_change_the_pairs_for_the_next_one() -> None:
    predicted = np.array([3.0, 1.0])
    with pytest.raises(PluginError, match="read-only"):
        compute_values([metric_of(lambda predicted, *_: predicted.sort())], predicted, np.array([1.0, 3.0]), STARS)
    assert predicted.tolist() == [3.0, 1.0]


def _values(population: dict[str, Any]) -> dict[str, Any]:
    return {name: values for name, values in population.items() if name != COUNT}


def test_the_convention_of_the_released_code_counts_failures_in_full(six: pl.DataFrame) -> None:
    over = to_json(metrics_of(six, STARS, METRICS, train_mean=4.2))["over"]
    values = shown_values(_values(over["official"]), METRICS, CONVENTIONS["duet"]).values
    assert values["mae"] == pytest.approx((0.5 + 3.37 + 5 + 3) / 6)
    assert values["accuracy"] == 2 / 6
    assert values["f1"] == pytest.approx((2 * 1 / (2 + 1) + 1) / 5)  # 5 is true twice, hit once; 3 once, hit once


def test_the_standard_convention_shows_raw_errors_and_rounded_classes(six: pl.DataFrame) -> None:
    over = to_json(metrics_of(six, STARS, METRICS, train_mean=4.2, fill="constant:2.5"))["over"]
    values = shown_values(_values(over["constant:2.5"]), METRICS, STANDARD).values
    assert values["mae"] == pytest.approx((0.5 + 3.37 + 2.5 + 0.5) / 6)
    assert values["f1_weighted"] == over["constant:2.5"]["f1"]["rounded_half_up"]["weighted"]
    assert shown_values(_values(over["readable"]), METRICS, STANDARD).values["mae"] == pytest.approx(3.87 / 4)


def test_a_metric_missing_in_an_older_record_is_derived(six: pl.DataFrame) -> None:
    over = _values(to_json(metrics_of(six, STARS, METRICS, train_mean=4.2))["over"]["readable"])
    older = {name: values for name, values in over.items() if name != "f1_weighted"}
    assert shown_values(older, METRICS, STANDARD) == shown_values(over, METRICS, STANDARD)


def test_a_metric_that_is_not_recorded_has_no_value() -> None:
    shown = shown_values({}, [returning({"raw": 1.0})], STANDARD)
    assert shown == ({"mine": None}, ("mine",), ())


def test_a_metric_that_cannot_read_its_record_leaves_the_others_alone() -> None:
    recorded = {"mine": {"other": 1.0}, "mae": {"raw": 0.25}}
    shown = shown_values(recorded, [returning({}), METRICS[0]], STANDARD)
    assert shown.values == {"mine": None, "mae": 0.25}
    assert "metric 'mine' failed to select the value for the convention 'standard': KeyError" in shown.faults[0]


def test_a_selected_value_must_be_a_number() -> None:
    metric = metric_of(lambda *_: {}, select=lambda self, values, convention: values)
    with pytest.raises(PluginError, match="expected a finite number or None"):
        selected_value(metric, {"raw": 1.0}, STANDARD)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"clipped": 1.0, "raw": 2.0}, 2.0),
        ({"exact_float": 1.0, "rounded_half_up": 2.0}, 2.0),
        ({"rounded_half_up": {"micro": 1.0, "macro_1to5": 2.0}}, 2.0),
        ({"k5": 1.0, "k10": 2.0}, 1.0),
        ({"raw": None}, None),
    ],
)
def test_an_unregistered_metric_shows_the_variant_that_the_convention_names_or_its_first(
    values: dict[str, Any], expected: float | None
) -> None:
    assert unregistered_value(values, STANDARD) == expected
    shown = shown_values({"gone": values}, METRICS[:1], STANDARD)
    assert shown.values == {"mae": None, "gone": expected}


def test_built_in_metrics_have_no_faults() -> None:
    assert metric_faults(METRICS, [STARS, Domain("film", "films", (0, 10))]) == []


@pytest.mark.parametrize(
    ("metric", "fault"),
    [
        (metric_of(lambda predicted, truth, domain: {"raw": float(len(truth))}), "numbers for no pairs"),
        (
            metric_of(lambda predicted, *_: {"raw": np.corrcoef(predicted)[0, 0] if len(predicted) else None}),
            "failed on",
        ),
        (metric_of(lambda predicted, *_: {"other": None}), "failed to select the value for the convention"),
    ],
)
def test_faults_are_found_on_synthetic_tables(metric: Metric, fault: str) -> None:
    (found,) = metric_faults([*METRICS, metric], [STARS])
    assert fault in found


def test_a_metric_is_tried_under_every_convention() -> None:
    def select(self: Metric, values: Any, convention: Convention) -> float | None:
        return {"standard": None, "duet": None}[convention.name]

    (found,) = metric_faults([metric_of(lambda *_: {"raw": None}, select=select)], [STARS])
    assert "'three_class': KeyError" in found
