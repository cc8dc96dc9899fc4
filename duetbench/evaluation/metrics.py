"""The metrics of a cell under every convention, with counts and coverage, from its saved predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from duetbench.errors import DataError
from duetbench.evaluation.conventions import FILLS, fill_name, rounded
from duetbench.evaluation.metric_values import compute_values
from duetbench.evaluation.predictions import STAGES, STATUSES, check_predictions, pairs_digest
from duetbench.interfaces import Metric
from duetbench.types import Domain

if TYPE_CHECKING:
    import polars as pl

    from duetbench.evaluation.conventions import Floats
    from duetbench.records import MetricsRecord


def metrics_of(
    predictions: pl.DataFrame,
    domain: Domain,
    metrics: Sequence[Metric],
    *,
    train_mean: float,
    fill: str | float = "train_mean",
) -> MetricsRecord:
    """Metrics, counts and distributions of a cell's predictions.

    Args:
        predictions: See `duetbench.evaluation.predictions.COLUMNS`.
        domain: The scale.
        metrics: What to compute.
        train_mean: Mean of the training ratings, for the fill `train_mean`.
        fill: Substitute for missing predictions in the values that leaderboards show; values with every other fill
            are reported as well.

    Raises:
        DataError: the table contradicts itself, or a true rating is not on the scale.
        ConfigError: no such fill.
        PluginError: a metric failed; the message names it.
    """
    from duetbench.records import MetricsRecord, from_json

    check_predictions(predictions)
    truth = predictions["rating"].to_numpy().astype(float)
    _check_scale(truth, domain)
    readable = predictions.filter(predictions["status"] == "ok")
    values, true_of_readable = readable["value"].to_numpy().astype(float), readable["rating"].to_numpy().astype(float)
    masses = predictions["label_mass"].drop_nulls()
    content = {
        "n": predictions.height,
        "n_readable": readable.height,
        "coverage": readable.height / predictions.height if predictions.height else None,
        "pairs": pairs_digest(predictions),
        "fill": fill_name(fill),
        "train_mean": float(train_mean),
        **_counted(predictions, values, true_of_readable, domain),
        "label_mass": float(masses.to_numpy().mean()) if masses.len() else None,
        "distribution": {
            "truth": _distribution(truth, domain),
            "predicted": _distribution(rounded(values, domain.labels, "half_up"), domain),
        },
        "over": _over(predictions, domain, metrics, fill, train_mean),
    }
    return from_json(MetricsRecord, content)


def _over(
    predictions: pl.DataFrame, domain: Domain, metrics: Sequence[Metric], fill: str | float, train_mean: float
) -> dict[str, Any]:
    """The metrics over the readable predictions, and over all with each fill."""
    truth = predictions["rating"].to_numpy().astype(float)
    readable = predictions.filter(predictions["status"] == "ok")
    values = readable["value"].to_numpy().astype(float)
    over = {"readable": compute_values(metrics, values, readable["rating"].to_numpy().astype(float), domain)}
    for name in _fills(fill, predictions):
        if readable.height == predictions.height:  # nothing to fill: the same numbers
            over[name] = over["readable"]
        else:
            over[name] = compute_values(metrics, filled(predictions, name, domain, train_mean), truth, domain)
    return over


def _fills(declared: str | float, predictions: pl.DataFrame) -> list[str]:
    known = [name for name in FILLS if name != "user_mean" or "user_average" in predictions.columns]
    return list(dict.fromkeys([fill_name(declared), *known]))


def _check_scale(truth: Floats, domain: Domain) -> None:
    import numpy as np

    off_scale = truth[~np.isin(truth, domain.labels)]
    if off_scale.size:
        raise DataError(f"a true rating is {off_scale[0]:g}, which is not on the scale {domain.labels}")


def filled(predictions: pl.DataFrame, fill: str, domain: Domain, train_mean: float) -> Floats:
    """The predicted values, with a substitute for each missing one. See FILLS.

    Raises:
        DataError: the fill needs a column that is missing in the table.
    """
    import numpy as np

    values = predictions["value"].cast(float).fill_null(float("nan")).to_numpy()
    return np.where(np.isnan(values), _substitutes(predictions, fill, domain, train_mean), values)


def _substitutes(predictions: pl.DataFrame, fill: str, domain: Domain, train_mean: float) -> Floats:
    import numpy as np

    low, high = domain.labels[0], domain.labels[-1]
    match fill:
        case "train_mean":
            return np.full(predictions.height, float(train_mean))
        case "user_mean":
            if "user_average" not in predictions.columns:
                raise DataError("the fill user_mean needs the column user_average in the predictions")
            return predictions["user_average"].cast(float).fill_null(train_mean).to_numpy()
        case "worst":
            truth = predictions["rating"].to_numpy().astype(float)
            return np.where(truth - low >= high - truth, low, high).astype(float)
        case "middle":
            return np.full(predictions.height, (low + high) / 2)
        case "official":
            return np.where((predictions["failed_at"] == "profile").fill_null(False).to_numpy(), -1.0, 0.0)
        case _:
            return np.full(predictions.height, float(fill.removeprefix("constant:")))


def _counted(predictions: pl.DataFrame, values: Floats, truth: Floats, domain: Domain) -> dict[str, Any]:
    """Numbers of right answers (after rounding half up), of wrong ones, and of each reason why a rating is missing."""
    failures = {stage: _statuses(predictions.filter(predictions["failed_at"] == stage)) for stage in STAGES}
    right = int((rounded(values, domain.labels, "half_up") == truth).sum())
    counts = {
        "right_answer": right,
        "wrong_answer": int(truth.size) - right,
        "unreadable_profile": sum(failures["profile"].values()) - failures["profile"]["error"],
        "unreadable_rating": sum(failures["rating"].values()) - failures["rating"]["error"],
        "failed_call": failures["profile"]["error"] + failures["rating"]["error"],
    }
    return {"counts": counts, "statuses": _statuses(predictions), "failures": failures}


def _statuses(predictions: pl.DataFrame) -> dict[str, int]:
    statuses = predictions["status"].to_list()
    return {str(status): statuses.count(status) for status in STATUSES}


def _distribution(labels: Floats, domain: Domain) -> dict[str, int]:
    return {str(label): int((labels == label).sum()) for label in domain.labels}
