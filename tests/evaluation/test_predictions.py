from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from duetbench.errors import DataError
from duetbench.evaluation import predictions_table, read_predictions
from duetbench.evaluation.predictions import COLUMNS, check_predictions, pairs_digest


def test_the_table_has_its_columns_even_when_empty() -> None:
    assert tuple(predictions_table([], []).columns) == COLUMNS


def test_a_table_survives_parquet(six: pl.DataFrame, tmp_path: Path) -> None:
    six.write_parquet(tmp_path / "p.parquet")
    assert read_predictions(tmp_path / "p.parquet").equals(six)


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "p.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match=r"cannot read predictions .*p\.parquet") as caught:
        read_predictions(tmp_path / "p.parquet")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("column", "values", "fault"),
    [
        ("value", [None, 4.5, 3.0, 4.37, None, None], "status is ok, but there is no value"),
        ("value", [5.0, 4.5, 3.0, 4.37, 2.0, None], "there is a value although status is not ok"),
        ("value", [float("nan"), 4.5, 3.0, 4.37, None, None], "not a finite number"),
        ("status", ["fine", "ok", "ok", "ok", "empty", "empty"], "status is not one of"),
        ("failed_at", [None, None, None, None, None, "profile"], "failed_at must be"),
        ("failed_at", ["rating", None, None, None, "rating", "profile"], "failed_at must be"),
        ("request_id", ["a", "a", "b", "c", "d", "e"], "is in the table twice"),
        ("rating", [None, 4.0, 3.0, 1.0, 5.0, 2.0], "true rating is not a number"),
    ],
)
def test_a_contradictory_table_is_an_error(six: pl.DataFrame, column: str, values: list[object], fault: str) -> None:
    with pytest.raises(DataError, match=fault):
        check_predictions(six.with_columns(pl.Series(column, values, dtype=six.schema[column])))


def test_a_missing_column_is_named(six: pl.DataFrame) -> None:
    with pytest.raises(DataError, match="have no column label_mass"):
        check_predictions(six.drop("label_mass"))


def test_the_digest_of_the_pairs_ignores_order_and_answers_but_not_truths(six: pl.DataFrame) -> None:
    same = six.reverse().with_columns(text=pl.lit("x"))
    assert pairs_digest(same) == pairs_digest(six)
    assert pairs_digest(six.with_columns(rating=pl.col("rating") + 0.5)) != pairs_digest(six)
    assert pairs_digest(six[:5]) != pairs_digest(six)


def test_a_column_of_another_type_is_an_error_of_one_line(tmp_path: Path) -> None:
    table = pl.DataFrame({name: ["x"] for name in COLUMNS}).with_columns(status=pl.lit("ok"))
    table.write_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"cannot read predictions .*a\.parquet"):
        read_predictions(tmp_path / "a.parquet")
