"""The table of predictions, from which every number about a cell is computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from duetbench.digests import digest_of_text
from duetbench.errors import DataError
from duetbench.types import Example, Prediction, Status

if TYPE_CHECKING:
    import polars as pl

STATUSES: tuple[Status, ...] = get_args(Status)
STAGES = ("profile", "rating")

COLUMNS = (
    "request_id",
    "user_id",
    "item_id",
    "timestamp",
    "rating",
    "value",
    "status",
    "failed_at",
    "text",
    "probabilities",
    "label_mass",
    "user_average",
    "user_history",
)
"""`value` is null where no rating could be read, `failed_at` where nothing failed; `user_average` is the mean of the
user's earlier ratings (null: there are none), for the fill `user_mean`; `user_history` is the number of the user's
interactions in the request, which `history.k` limits."""
_OF_LATER_VERSIONS = ("user_average", "user_history")
"""Columns that predictions of earlier versions lack."""


def predictions_table(examples: Sequence[Example], predictions: Sequence[Prediction]) -> pl.DataFrame:
    """One row per example, in their order, with the columns of `COLUMNS`; ratings are on the scale of the data.

    Raises:
        ValueError: lengths differ.
    """
    import polars as pl

    rows = [
        (
            example.request.request_id,
            example.request.user_id,
            example.request.item.item_id,
            example.request.asked_at,
            example.request.domain.to_original(example.rating),
            _original(example, prediction.value),
            prediction.status,
            prediction.failed_at,
            prediction.text,
            list(prediction.probabilities),
            prediction.label_mass,
            _original(example, example.request.user_average),
            len(example.request.user_history),
        )
        for example, prediction in zip(examples, predictions, strict=True)
    ]
    return pl.DataFrame(rows, schema=_schema(), orient="row")


def _original(example: Example, value: float | None) -> float | None:
    return None if value is None else example.request.domain.to_original(value)


def _schema() -> dict[str, Any]:
    import polars as pl

    special: dict[str, Any] = {"timestamp": pl.Int64, "user_history": pl.Int64, "probabilities": pl.List(pl.Float64)}
    special |= dict.fromkeys(("rating", "value", "label_mass", "user_average"), pl.Float64)
    return {column: special.get(column, pl.String) for column in COLUMNS}


def read_predictions(path: Path) -> pl.DataFrame:
    """The table in `path`.

    Raises:
        DataError: the file is missing, damaged, or not a table of predictions.
    """
    import polars as pl

    try:
        table = pl.read_parquet(path, glob=False)
        check_predictions(table)
    except (OSError, pl.exceptions.PolarsError) as error:  # also a column of another type
        raise DataError(f"cannot read predictions {path}: {' '.join(str(error).split())[:300]}") from error
    return table


def check_predictions(table: pl.DataFrame) -> None:
    """Raises an error if a table is incomplete or contradicts itself.

    Raises:
        DataError: a column is missing, a request occurs twice, or value, status and failed_at contradict each other.
    """
    import polars as pl

    missing = [name for name in COLUMNS if name not in table.columns and name not in _OF_LATER_VERSIONS]
    if missing:
        raise DataError(f"predictions have no column {', '.join(missing)}")
    value, ok = pl.col("value").cast(pl.Float64), pl.col("status") == "ok"
    faults = {
        "status is not one of " + ", ".join(STATUSES): pl.col("status").is_null() | ~pl.col("status").is_in(STATUSES),
        "the request is in the table twice": pl.col("request_id").is_duplicated(),
        "the true rating is not a number": pl.col("rating").is_null() | ~pl.col("rating").cast(pl.Float64).is_finite(),
        "status is ok, but there is no value": ok & value.is_null(),
        "the value is not a finite number": value.is_not_null() & ~value.is_finite(),
        "there is a value although status is not ok": ~ok & value.is_not_null(),
        "failed_at must be profile or rating where status is not ok, and null elsewhere": pl.when(ok)
        .then(pl.col("failed_at").is_not_null())
        .otherwise(pl.col("failed_at").is_null() | ~pl.col("failed_at").is_in(STAGES)),
    }
    are_faults = table.select(condition.any().alias(fault) for fault, condition in faults.items())
    for fault, is_fault in are_faults.to_dicts()[0].items():
        if is_fault:
            raise DataError(f"prediction {table.filter(faults[fault])['request_id'][0]}: {fault}")


def pairs_digest(table: pl.DataFrame) -> str:
    """SHA-256 of the request ids and their true ratings, independent of the order of the rows."""
    pairs = sorted(zip(table["request_id"].to_list(), table["rating"].to_list(), strict=True))
    text = "\n".join(f"{request_id}\t{float(rating)!r}" for request_id, rating in pairs)
    return digest_of_text(text)
