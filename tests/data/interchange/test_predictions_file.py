from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from duetbench.data.interchange.predictions import (
    ForeignPredictions,
    PredictionOptions,
    read_foreign_predictions,
)
from duetbench.data.interchange.sources import TableSource
from duetbench.errors import ConfigError, DataError

STARS = (1.0, 2.0, 3.0, 4.0, 5.0)


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., ForeignPredictions]:
    """Reads lines of CSV."""

    def call(*lines: str, **options: Any) -> ForeignPredictions:
        path = tmp_path / "predictions.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        chosen = {"needs_ratings": True, "max_error_rate": 1.0, **options}
        return read_foreign_predictions(TableSource(str(path)), PredictionOptions(STARS, **chosen))

    return call


def _statuses(foreign: ForeignPredictions) -> list[tuple[Any, ...]]:
    return foreign.frame.select("value", "status").rows()


@pytest.mark.parametrize(
    "header", ["user_id,item_id,prediction,rating", "uid,iid,est,r_ui", "User ID,Item-ID,y_pred,y_true"]
)
def test_columns_are_found_by_their_usual_names(read: Callable, header: str) -> None:
    foreign = read(header, "u1,i1,4.5,5")
    assert foreign.frame.select("user_id", "item_id", "value", "rating").row(0) == ("u1", "i1", 4.5, 5.0)


def test_a_score_next_to_a_rating_is_the_prediction(read: Callable) -> None:
    foreign = read("user_id,item_id,score,rating", "u1,i1,4.5,5")
    assert (foreign.columns["prediction"], foreign.columns["rating"]) == ("score", "rating")


def test_a_mapped_column_is_not_used_twice(read: Callable) -> None:
    foreign = read("user,item,rating", "u,i,4", column_map={"prediction": "rating"}, needs_ratings=False)
    assert dict(foreign.columns) == {"user_id": "user", "item_id": "item", "prediction": "rating"}


def test_missing_true_ratings_point_to_a_dataset(read: Callable) -> None:
    with pytest.raises(ConfigError, match=r"has no true ratings: .* --map rating=COLUMN, .* --dataset NAME"):
        read("user,item,prediction", "u,i,4")


def test_an_unknown_field_is_named(read: Callable) -> None:
    with pytest.raises(ConfigError, match=r"map\.predicton: no such column; did you mean 'prediction'"):
        read("user,item,prediction,rating", "u,i,4,4", column_map={"predicton": "prediction"})


@pytest.mark.parametrize(
    ("written", "status"),
    [("4.5", "ok"), ("7", "ok"), ("four stars", "unreadable"), ('"4,5"', "unreadable"), ("inf", "unreadable"),
     ("", "empty"), ("nan", "empty"), ("None", "empty")],
)  # fmt: skip
def test_a_prediction_is_a_number_or_has_failed(read: Callable, written: str, status: str) -> None:
    assert _statuses(read("user,item,prediction,rating", f"u,i,{written},4"))[0][1] == status


def test_predictions_off_the_scale_are_kept_and_counted(read: Callable) -> None:
    foreign = read("user,item,prediction,rating", "u,i,7,4", "u,j,0,4", "u,k,5,4")
    assert foreign.frame["value"].to_list() == [7.0, 0.0, 5.0]
    assert foreign.noted == {"prediction off the scale": 2}


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (",i,4,4", "user missing"),
        ("u,,4,4", "item missing"),
        ("u,i,4,", "true rating missing"),
        ("u,i,4,good", "true rating is not a number"),
        ("u,i,4,9", "true rating is not on the scale"),
        ("u,i,4,3.5", "true rating is not on the scale"),
        ("u,i", "malformed line"),
    ],
)
def test_rows_that_belong_to_no_pair_are_dropped_and_counted(read: Callable, row: str, kind: str) -> None:
    foreign = read("user,item,prediction,rating", "a,b,4,4", row)
    assert (foreign.rows, foreign.frame.height) == (2, 1)
    assert list(foreign.dropped.values()) == [1]
    assert kind in next(iter(foreign.dropped)) or kind == "malformed line"


def test_too_many_dropped_rows_are_an_error_with_the_first_place(read: Callable) -> None:
    with pytest.raises(DataError, match=r"1 of 2 rows cannot be used \(1 user missing, first at .* near line 3\)"):
        read("user,item,prediction,rating", "a,b,4,4", ",b,4,4", max_error_rate=0.1)


REPEATS = ("user,item,prediction,rating", "u,i,2,4", "v,j,3,3", "u,i,5,4", "v,j,3,3")


@pytest.mark.parametrize(("rule", "value"), [("first", 2.0), ("last", 5.0), ("mean", 3.5)])
def test_repeated_pairs_are_resolved_by_the_rule(read: Callable, rule: Any, value: float) -> None:
    foreign = read(*REPEATS, repeated=rule)
    assert dict(foreign.frame.select("user_id", "value").rows()) == {"u": value, "v": 3.0}
    assert foreign.noted == {"repeated pair, same prediction": 1, f"repeated pair, other prediction ({rule} counts)": 1}


def test_the_mean_is_that_of_the_readable_predictions(read: Callable) -> None:
    foreign = read("user,item,prediction,rating", "u,i,?,4", "u,i,5,4", repeated="mean")
    assert _statuses(foreign) == [(5.0, "ok")]


def test_repeats_with_other_true_ratings_are_counted(read: Callable) -> None:
    foreign = read("user,item,prediction,rating", "u,i,4,4", "u,i,4,5")
    assert foreign.noted["repeated pair, other true rating"] == 1
    assert foreign.frame["rating"].to_list() == [4.0]


def test_other_times_are_other_interactions(read: Callable) -> None:
    foreign = read("user,item,prediction,rating,timestamp", "u,i,4,4,2020-01-01", "u,i,3,5,2020-02-01")
    assert foreign.frame.height == 2
    assert foreign.noted == {}


def test_whole_numbers_as_floats_are_the_same_ids(read: Callable) -> None:
    assert read("user,item,prediction,rating", "1.0,7,4,4").frame["user_id"].to_list() == ["1"]


def test_json_lines_and_parquet_are_read(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user": ["u"], "item": ["i"], "prediction": [4.5], "rating": [5]})
    frame.write_parquet(tmp_path / "p.parquet")
    frame.write_ndjson(tmp_path / "p.jsonl")
    for path in tmp_path.iterdir():
        foreign = read_foreign_predictions(TableSource(str(path)), PredictionOptions(STARS, needs_ratings=True))
        assert foreign.frame.select("user_id", "value", "rating").row(0) == ("u", 4.5, 5.0)


def test_lists_in_place_of_numbers_have_failed(tmp_path: Path) -> None:
    pl.DataFrame({"user": ["u"], "item": ["i"], "prediction": [[4.5]], "rating": [5]}).write_parquet(
        tmp_path / "p.parquet"
    )
    source = TableSource(str(tmp_path / "p.parquet"))
    assert _statuses(read_foreign_predictions(source, PredictionOptions(STARS, needs_ratings=True))) == [
        (None, "unreadable")
    ]
