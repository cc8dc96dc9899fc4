"""Joins predictions that were made elsewhere with the pairs of a prepared dataset, or with their own true ratings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from duetbench.digests import digest_of_value
from duetbench.errors import DataError
from duetbench.evaluation.predictions import COLUMNS
from duetbench.types import Example

if TYPE_CHECKING:
    import polars as pl

    from duetbench.data import Prepared
    from duetbench.data.interchange.predictions import ForeignPredictions

_PAIR = ["user_id", "item_id"]


@dataclass(frozen=True)
class ScoredPairs:
    """Predictions of pairs with known true ratings."""

    table: pl.DataFrame
    """See `duetbench.evaluation.predictions.COLUMNS`."""
    dropped: dict[str, int]
    """Predictions that belong to none of the pairs, by reason."""
    noted: dict[str, int]
    """Pairs that were noted, by kind."""


def own_pairs(foreign: ForeignPredictions) -> ScoredPairs:
    """The pairs of the file itself; without the users' averages, which nothing tells.

    A pair has the same id in all files, so that predictions of the same pairs can be compared.
    """
    import polars as pl

    keys = zip(*(foreign.frame[name].to_list() for name in (*_PAIR, "timestamp")), strict=True)
    ids = [f"pair:{digest_of_value(list(key))[:16]}" for key in keys]
    return ScoredPairs(_as_predictions(foreign.frame.with_columns(pl.Series("request_id", ids))), {}, {})


def dataset_pairs(foreign: ForeignPredictions, prepared: Prepared, examples: Sequence[Example]) -> ScoredPairs:
    """The pairs of a dataset. Those without a prediction in the file are missing predictions; true ratings are its own.

    Args:
        foreign: The predictions, on the scale of the data.
        prepared: The dataset.
        examples: The pairs to predict.

    Raises:
        DataError: the file has a prediction for none of the pairs.
    """
    import polars as pl

    pairs, frame = _pairs(examples), foreign.frame.with_row_index("row")
    key = _key(pairs, frame)
    joined = pairs.join(frame, on=key, how="left", maintain_order="left", suffix="_of_file")
    known = joined.filter(pl.col("row").is_not_null())
    unused = frame.filter(~pl.col("row").is_in(known["row"].to_list()))
    if not known.height:
        raise DataError(_nothing_joined(frame, pairs, prepared))
    other_rating = known.filter((pl.col("rating_of_file") - pl.col("rating")).abs() > 1e-6).height
    table = joined.with_columns(pl.col("status").fill_null("empty"), pl.col("text").fill_null(""))
    noted = {
        "pair without a prediction in the file": pairs.height - known.height,
        "other true rating than in the dataset, which counts": other_rating,
        "one prediction for several interactions of a pair": known.height - known["row"].n_unique(),
    }
    return ScoredPairs(_as_predictions(table), _unused(unused, prepared), {name: n for name, n in noted.items() if n})


def _pairs(examples: Sequence[Example]) -> pl.DataFrame:
    """request_id, user_id, item_id, timestamp, rating, user_average of each example, on the scale of the data."""
    import polars as pl

    requests = [example.request for example in examples]
    averages = [request.user_average for request in requests]
    to_original = requests[0].domain.to_original
    return pl.DataFrame(
        {
            "request_id": [request.request_id for request in requests],
            "user_id": [request.user_id for request in requests],
            "item_id": [request.item.item_id for request in requests],
            "timestamp": [request.asked_at for request in requests],
            "rating": [float(to_original(example.rating)) for example in examples],
            "user_average": [None if average is None else to_original(average) for average in averages],
        },
        schema_overrides={"timestamp": pl.Int64, "rating": pl.Float64, "user_average": pl.Float64},
    )


def _key(pairs: pl.DataFrame, frame: pl.DataFrame) -> list[str]:
    """Times are compared only where users have rated an item several times: files write them in many ways."""
    is_repeated = pairs.select(_PAIR).is_duplicated().any()
    return [*_PAIR, "timestamp"] if is_repeated and frame["timestamp"].null_count() == 0 else _PAIR


def _unused(unused: pl.DataFrame, prepared: Prepared) -> dict[str, int]:
    """The predictions that belong to none of the pairs, by reason."""
    known = prepared.interactions.select(_PAIR).unique()
    is_user, is_item = (unused[name].is_in(known[name].unique().to_list()) for name in _PAIR)
    counts = {
        "user that the dataset does not know": int((~is_user).sum()),
        "item that the dataset does not know": int((is_user & ~is_item).sum()),
        "pair that is not to be predicted": int((is_user & is_item).sum()),
    }
    return {kind: n for kind, n in counts.items() if n}


def _nothing_joined(frame: pl.DataFrame, pairs: pl.DataFrame, prepared: Prepared) -> str:
    theirs, ours = frame.select(_PAIR).row(0), pairs.select(_PAIR).row(0)
    return (
        f"none of {frame.height:,} predictions is of one of {pairs.height:,} pairs of {prepared.name}: the file has "
        f"user {theirs[0]!r} and item {theirs[1]!r}, the dataset {ours[0]!r} and {ours[1]!r}; use the ids of the raw "
        "files, or name the columns with --map user_id=COLUMN --map item_id=COLUMN"
    )


def _as_predictions(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    failed_at = pl.when(pl.col("status") == "ok").then(pl.lit(None, dtype=pl.String)).otherwise(pl.lit("rating"))
    nothing = pl.lit(None, dtype=pl.Float64)
    table = frame.with_columns(
        failed_at=failed_at, probabilities=pl.lit([], dtype=pl.List(pl.Float64)), label_mass=nothing
    )
    return table.select(name for name in COLUMNS if name in table.columns)
