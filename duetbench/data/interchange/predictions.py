"""Reads predictions that were made elsewhere: a table with one row per pair, its columns found as in an import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import polars as pl

from duetbench.data.interchange.column_mapping import USUAL_NAMES, find_columns, read_ratings
from duetbench.data.interchange.ids import read_ids
from duetbench.data.interchange.sources import TableSource, read_columns, read_table
from duetbench.data.readers.times import missing_to_null, to_seconds
from duetbench.data.readers.validation import RowCounts, SourceLocation
from duetbench.errors import ConfigError, DataError

Repeated = Literal["first", "last", "mean"]
"""Which prediction of a repeated pair counts; `mean`: that of its readable ones."""
REPEATED: tuple[Repeated, ...] = get_args(Repeated)

KEY = ("user_id", "item_id", "timestamp")
_NAMES: dict[str, tuple[str, ...]] = {
    "user_id": ("uid", *USUAL_NAMES["user_id"]),
    "item_id": ("iid", *USUAL_NAMES["item_id"]),
    "prediction": (
        "predictions", "predicted", "predicted_rating", "rating_predicted", "rating_pred", "pred_rating", "pred",
        "y_pred", "y_hat", "estimate", "est", "score",
    ),
    "rating": (
        "true_rating", "rating_true", "truth", "ground_truth", "y_true", "actual", "actual_rating", "target", "label",
        "r_ui", *(name for name in USUAL_NAMES["rating"] if name != "score"),
    ),
    "timestamp": USUAL_NAMES["timestamp"],
}  # fmt: skip
"""Common names of each column in files of predictions, as of Surprise, LensKit, RecBole and scikit-learn. A column
`score` is a prediction: that of the true ratings has another name next to it."""

OFF_SCALE = "prediction off the scale"


@dataclass(frozen=True, slots=True)
class PredictionOptions:
    """How a file of predictions is read."""

    labels: tuple[float, ...]
    """The rating scale of predictions and true ratings, ascending."""
    needs_ratings: bool
    """Whether the true ratings must be in the file."""
    column_map: Mapping[str, str] = field(default_factory=dict)
    """The file's column by canonical column; columns that are not named are found by their usual names."""
    repeated: Repeated = "first"
    """Which prediction of a repeated pair counts."""
    max_error_rate: float = 0.01
    """Share of rows that may be left out because they belong to no pair or have no valid true rating."""


@dataclass(frozen=True)
class ForeignPredictions:
    """The content of a file of predictions."""

    frame: pl.DataFrame
    """One row per pair, in the order of the file: user_id, item_id, timestamp (null: none), rating (null: none), value
    (null: no readable prediction), status (ok, empty or unreadable), text (the prediction as it is written)."""
    columns: Mapping[str, str]
    """The file's column by canonical column, as used."""
    rows: int
    """Number of rows, those that were left out included."""
    dropped: Mapping[str, int]
    """Rows left out, by reason; none is left out because of its prediction."""
    noted: Mapping[str, int]
    """Rows that were used but noted, by kind."""


def read_foreign_predictions(source: TableSource, options: PredictionOptions) -> ForeignPredictions:
    """The predictions in a file, one per pair of user and item; with times, one per pair and time.

    Text in place of a number and missing numbers are predictions that failed. Predictions off the scale are kept as
    they are: the conventions decide what becomes of them.

    Raises:
        ConfigError: a column is not found; true ratings that are needed are not in the file.
        DataError: the file cannot be read, has no rows, or too many of them belong to no pair or have no true rating.
        UsageError: its format is not supported.
    """
    columns = _columns(source, options)
    counts = RowCounts()
    raw = read_table(source, set(columns.values()), counts)
    n_rows = raw.height + counts.dropped.total()
    rows = _canonical(raw, columns, counts)
    rows = _without_faults(rows, options, counts, source.first_row)
    _check_rate(n_rows, rows.height, options, counts)
    low, high = options.labels[0], options.labels[-1]
    counts.note(OFF_SCALE, int((~rows["value"].is_between(low, high)).sum()))
    for status, kind in (("unreadable", "prediction is not a number"), ("empty", "prediction missing")):
        counts.note(kind, int((rows["status"] == status).sum()))
    return ForeignPredictions(
        _distinct(rows, options.repeated, counts), columns, n_rows, dict(counts.dropped), dict(counts.noted)
    )


def _columns(source: TableSource, options: PredictionOptions) -> dict[str, str]:
    names, required = read_columns(source), ("user_id", "item_id", "prediction")
    columns = find_columns(names, options.column_map, required, required, usual_names=_NAMES)
    others = [name for name in names if name not in columns.values()]
    given = {name: column for name, column in options.column_map.items() if name not in required}
    columns |= find_columns(others, given, ("rating", "timestamp"), usual_names=_NAMES)
    if options.needs_ratings and "rating" not in columns:
        raise ConfigError(
            [
                f"map.rating: {source.path.name} has no true ratings: name their column with --map rating=COLUMN, one "
                f"of {', '.join(others) or 'none'}, or join them from a prepared dataset with --dataset NAME"
            ]
        )
    return columns


def _canonical(raw: pl.DataFrame, columns: Mapping[str, str], counts: RowCounts) -> pl.DataFrame:
    """The columns of `ForeignPredictions.frame`, and `raw_rating`, in the order of the file."""
    ids = {name: read_ids(raw[columns[name]]) for name in ("user_id", "item_id")}
    counts.note("id written with .0, read without", sum(n_changed for _, n_changed in ids.values()))
    written = raw[columns["prediction"]]
    nothing = pl.repeat(None, raw.height, dtype=pl.String, eager=True)
    rating = raw[columns["rating"]] if "rating" in columns else nothing
    time = to_seconds(missing_to_null(raw[columns["timestamp"]])) if "timestamp" in columns else nothing
    return pl.DataFrame(
        {
            "user_id": ids["user_id"][0],
            "item_id": ids["item_id"][0],
            "timestamp": time.cast(pl.Int64),
            "rating": _finite(read_ratings(rating)),
            "value": _finite(read_ratings(written)),
            "is_missing": _is_missing(written),
            "text": _texts(written),
            "has_rating": ~_is_missing(rating),
        }
    ).select(
        *KEY,
        "rating",
        "value",
        pl.when(pl.col("value").is_not_null())
        .then(pl.lit("ok"))
        .when("is_missing")
        .then(pl.lit("empty"))
        .otherwise(pl.lit("unreadable"))
        .alias("status"),
        "text",
        "has_rating",
    )


def _texts(values: pl.Series) -> pl.Series:
    """The values as they are written; lists and structures, which are no numbers, as the name of their type."""
    if values.dtype.is_nested():
        return pl.repeat(str(values.dtype), len(values), eager=True)
    return values.cast(pl.String, strict=False).fill_null("")


def _finite(numbers: pl.Series) -> pl.Series:
    """The numbers, with null for NaN and infinity."""
    return numbers.set(~numbers.is_finite().fill_null(True), None)


def _is_missing(values: pl.Series) -> pl.Series:
    """Which values are null, blank, NaN, or a text that stands for a missing value."""
    return missing_to_null(values).is_null() | (_texts(values).str.strip_chars() == "")


def _without_faults(
    rows: pl.DataFrame, options: PredictionOptions, counts: RowCounts, location: SourceLocation
) -> pl.DataFrame:
    """The rows that belong to a pair; if the true ratings are needed, those that have a valid one."""
    kinds = {"user missing": _is_blank("user_id"), "item missing": _is_blank("item_id")}
    if options.needs_ratings:
        labels = [float(label) for label in options.labels]
        kinds |= {
            "true rating missing": ~pl.col("has_rating"),
            "true rating is not a number": pl.col("rating").is_null(),
            "true rating is not on the scale": ~pl.col("rating").is_in(labels),
        }
    first = pl.coalesce(pl.when(is_kind).then(pl.lit(kind)) for kind, is_kind in kinds.items())
    faults = rows.select(first.alias("fault"))["fault"]
    for kind in faults.drop_nulls().unique(maintain_order=True):
        is_kind = (faults == kind).fill_null(False)
        counts.drop(kind, int(is_kind.sum()), location.near(int(is_kind.arg_max() or 0)))
    return rows.filter(faults.is_null()).drop("has_rating")


def _is_blank(name: str) -> pl.Expr:
    return pl.col(name).is_null() | (pl.col(name).str.strip_chars() == "")


def _check_rate(n_rows: int, n_kept: int, options: PredictionOptions, counts: RowCounts) -> None:
    if not n_rows:
        raise DataError("the file contains no predictions")
    n_dropped = n_rows - n_kept
    if n_dropped > options.max_error_rate * n_rows or not n_kept:
        kinds = ", ".join(
            f"{count:,} {kind}, first at {counts.locations[kind]}" for kind, count in counts.dropped.items()
        )
        raise DataError(
            f"{n_dropped:,} of {n_rows:,} rows cannot be used ({kinds}), the accepted share is "
            f"{options.max_error_rate:g}: fix the file, name its columns (--map) or scale (--labels), or accept more "
            "(--max-error-rate)"
        )


def _distinct(rows: pl.DataFrame, repeated: Repeated, counts: RowCounts) -> pl.DataFrame:
    """One row per pair, by the rule for repeated ones, which are counted.

    Of rows with different true ratings the one that counts decides; with `mean`, the first.
    """
    key = [pl.col(name) for name in KEY]
    answer = pl.struct("value", "status")
    of_pair = rows.select(
        pl.len().over(key).alias("n"),
        answer.n_unique().over(key).alias("answers"),
        pl.col("rating").n_unique().over(key).alias("ratings"),
        pl.int_range(pl.len()).over(key).alias("position"),
    )
    again = of_pair.filter((pl.col("n") > 1) & (pl.col("position") > 0))
    counts.note("repeated pair, same prediction", again.filter(pl.col("answers") == 1).height)
    counts.note(f"repeated pair, other prediction ({repeated} counts)", again.filter(pl.col("answers") > 1).height)
    counts.note("repeated pair, other true rating", again.filter(pl.col("ratings") > 1).height)
    if not again.height:
        return rows
    if repeated == "mean":
        mean = pl.col("value").mean().over(key)
        status = pl.when(mean.is_not_null()).then(pl.lit("ok")).otherwise(pl.col("status"))
        rows = rows.with_columns(value=mean, status=status)
    keep: Literal["first", "last"] = "last" if repeated == "last" else "first"
    return rows.unique(KEY, keep=keep, maintain_order=True)
