from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from prepared_making import prepared

from duetbench.data import HistoryOptions, build_examples
from duetbench.data.interchange.predictions import ForeignPredictions
from duetbench.errors import DataError
from duetbench.evaluation.predictions import check_predictions
from duetbench.runner.foreign.pairs import dataset_pairs, own_pairs

DATA = prepared(
    ("u", "a", 2.0, 1, "train"),
    ("v", "b", 4.0, 2, "train"),
    ("u", "b", 5.0, 3, "test"),
    ("v", "a", 1.0, 4, "test"),
)
EXAMPLES = build_examples(DATA, "test", HistoryOptions())


def _foreign(*rows: tuple[str, str, float | None, float | None]) -> ForeignPredictions:
    columns: dict[str, Any] = dict(zip(("user_id", "item_id", "value", "rating"), zip(*rows, strict=True), strict=True))
    frame = pl.DataFrame(columns, schema_overrides={"value": pl.Float64, "rating": pl.Float64})
    status = pl.when(pl.col("value").is_null()).then(pl.lit("unreadable")).otherwise(pl.lit("ok"))
    time = pl.lit(None, dtype=pl.Int64)
    return ForeignPredictions(
        frame.with_columns(status=status, text=pl.lit("x"), timestamp=time), {}, len(rows), {}, {}
    )


def test_true_ratings_are_those_of_the_dataset() -> None:
    pairs = dataset_pairs(_foreign(("v", "a", 2.0, 3.0), ("u", "b", 4.0, None)), DATA, EXAMPLES)
    check_predictions(pairs.table)
    assert pairs.table.select("user_id", "rating", "value").rows() == [("u", 5.0, 4.0), ("v", 1.0, 2.0)]
    assert pairs.noted == {"other true rating than in the dataset, which counts": 1}


def test_pairs_have_the_ids_of_runs_and_the_averages_before_them() -> None:
    table = dataset_pairs(_foreign(("u", "b", 4.0, None)), DATA, EXAMPLES).table
    assert table["request_id"].to_list() == [example.request.request_id for example in EXAMPLES]
    assert table["user_average"].to_list() == [2.0, 4.0]


def test_a_pair_without_a_prediction_is_a_missing_prediction() -> None:
    pairs = dataset_pairs(_foreign(("u", "b", None, None)), DATA, EXAMPLES)
    assert pairs.table.select("status", "failed_at").rows() == [("unreadable", "rating"), ("empty", "rating")]
    assert pairs.noted == {"pair without a prediction in the file": 1}


def test_predictions_of_other_pairs_are_counted_by_reason() -> None:
    rows = [("u", "b", 4.0, None), ("x", "a", 4.0, None), ("u", "z", 4.0, None), ("u", "a", 4.0, None)]
    assert dataset_pairs(_foreign(*rows), DATA, EXAMPLES).dropped == {
        "user that the dataset does not know": 1,
        "item that the dataset does not know": 1,
        "pair that is not to be predicted": 1,
    }


def test_no_common_pair_is_an_error_with_ids_of_both() -> None:
    with pytest.raises(DataError, match=r"none of 1 predictions .* user '007' and item 'q', the dataset 'u' and 'b'"):
        dataset_pairs(_foreign(("007", "q", 4.0, None)), DATA, EXAMPLES)


def test_one_prediction_for_two_interactions_of_a_pair_is_noted() -> None:
    data = prepared(("u", "a", 2.0, 1, "test"), ("u", "a", 5.0, 2, "test"))
    pairs = dataset_pairs(_foreign(("u", "a", 4.0, None)), data, build_examples(data, "test", HistoryOptions()))
    assert pairs.table["value"].to_list() == [4.0, 4.0]
    assert pairs.noted == {"one prediction for several interactions of a pair": 1}


def test_own_pairs_have_the_same_ids_in_every_file() -> None:
    first, second = own_pairs(_foreign(("u", "b", 4.0, 5.0))), own_pairs(_foreign(("u", "b", 1.0, 5.0)))
    check_predictions(first.table)
    assert first.table["request_id"].to_list() == second.table["request_id"].to_list()
    assert "user_average" not in first.table.columns
