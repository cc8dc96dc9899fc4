"""MAE, RMSE, accuracy and F1 under every convention, with counts and coverage, from saved predictions."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from duetbench.errors import DataError
from duetbench.evaluation.conventions import (
    ACCURACIES,
    AVERAGES,
    CLASSES,
    ERRORS,
    FILLS,
    as_classes,
    fill_name,
    for_error,
    rounded,
)
from duetbench.evaluation.predictions import STAGES, STATUSES, check_predictions, pairs_digest
from duetbench.types import Domain

if TYPE_CHECKING:
    import polars as pl

    from duetbench.evaluation.conventions import Floats


def metrics_of(
    predictions: pl.DataFrame, domain: Domain, *, train_mean: float, fill: str | float = "train_mean"
) -> dict[str, Any]:
    """All that can be said about a cell's predictions, as plain JSON values.

    Args:
        predictions: See `duetbench.evaluation.predictions.COLUMNS`.
        train_mean: Mean of the training ratings, for the fill `train_mean`.
        fill: What stands in for unreadable predictions in the headline; the other fills are reported beside it.

    Returns:
        `n`, `n_readable`, `coverage` (None if n is 0), `pairs` (digest of what was asked), `fill`, `train_mean`,
        `counts` (right and wrong answers, unreadable profiles, unreadable ratings, failed calls: together n),
        `statuses`, `failures` (statuses by stage), `label_mass` (mean, None if no labels were read), `distribution`
        (labels among truths and among readable predictions), and `over`: for `readable` and for each fill the
        values of `values_of`.

    Raises:
        DataError: the table contradicts itself, or a true rating is not on the scale.
        ConfigError: no such fill.
    """
    check_predictions(predictions)
    truth = predictions["rating"].to_numpy().astype(float)
    _check_scale(truth, domain)
    readable = predictions.filter(predictions["status"] == "ok")
    values, true_of_readable = readable["value"].to_numpy().astype(float), readable["rating"].to_numpy().astype(float)
    masses = predictions["label_mass"].drop_nulls()
    return {
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
        "over": _over(predictions, domain, fill, train_mean),
    }


def _over(predictions: pl.DataFrame, domain: Domain, fill: str | float, train_mean: float) -> dict[str, Any]:
    """The metrics over the readable predictions, and over all with each fill."""
    truth = predictions["rating"].to_numpy().astype(float)
    readable = predictions.filter(predictions["status"] == "ok")
    values = readable["value"].to_numpy().astype(float)
    over = {"readable": values_of(values, readable["rating"].to_numpy().astype(float), domain)}
    for name in _fills(fill, predictions):
        if readable.height == predictions.height:  # nothing is filled: the same numbers, without computing them again
            over[name] = deepcopy(over["readable"])
        else:
            over[name] = values_of(filled(predictions, name, domain, train_mean), truth, domain)
    return over


def _fills(declared: str | float, predictions: pl.DataFrame) -> list[str]:
    known = [name for name in FILLS if name != "user_mean" or "user_average" in predictions.columns]
    return list(dict.fromkeys([fill_name(declared), *known]))


def _check_scale(truth: Floats, domain: Domain) -> None:
    import numpy as np

    strays = truth[~np.isin(truth, domain.labels)]
    if strays.size:
        raise DataError(f"a true rating is {strays[0]:g}, which is not on the scale {domain.labels}")


def filled(predictions: pl.DataFrame, fill: str, domain: Domain, train_mean: float) -> Floats:
    """The predicted values, with the fill where there is none. See FILLS.

    Raises:
        DataError: the fill needs a column that the table lacks.
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


def values_of(values: Floats, truth: Floats, domain: Domain) -> dict[str, Any]:
    """`n`, and the four metrics under every convention; each None if there is nothing to take it from.

    Returns:
        `mae` and `rmse` by ERRORS, `accuracy` by ACCURACIES, `f1` by CLASSES and then AVERAGES.
    """
    differences = {error: for_error(values, domain, error) - truth for error in ERRORS}
    return {
        "n": len(truth),
        "mae": {error: mae(difference) for error, difference in differences.items()},
        "rmse": {error: rmse(difference) for error, difference in differences.items()},
        "accuracy": {kind: accuracy(values, truth, domain, kind=kind) for kind in ACCURACIES},
        "f1": {classes: f1(values, truth, domain, classes=classes) for classes in CLASSES},
    }


def mae(differences: Floats) -> float | None:
    """Mean absolute difference; None if there is none."""
    return float(abs(differences).mean()) if differences.size else None


def rmse(differences: Floats) -> float | None:
    """Root of the mean squared difference; None if there is none."""
    return float((differences**2).mean() ** 0.5) if differences.size else None


def accuracy(values: Floats, truth: Floats, domain: Domain, *, kind: str = "rounded_half_up") -> float | None:
    """Share of right answers, as `kind` (one of ACCURACIES) understands right; None if there is nothing."""
    if not truth.size:
        return None
    if kind == "within_0.5":
        return float((abs(values - truth) <= 0.5).mean())
    return float((as_classes(values, domain, kind) == as_classes(truth, domain, kind)).mean())


def f1(values: Floats, truth: Floats, domain: Domain, *, classes: str = "rounded_half_up") -> dict[str, float | None]:
    """F1 over classes (one of CLASSES) under each of AVERAGES; None if there is nothing.

    Source: `macro_union`, `weighted`, `micro` are scikit-learn's; `macro_gt` and `macro_1to5` its macro with `labels`
    set to the true classes and to the whole scale, zero_division 0.
    """
    import numpy as np

    if not truth.size:
        return dict.fromkeys(AVERAGES)
    predicted, true = as_classes(values, domain, classes), as_classes(truth, domain, classes)
    known, index = np.unique(np.concatenate([true, predicted]), return_inverse=True)
    true_index, predicted_index = index[: truth.size], index[truth.size :]
    hits = np.bincount(true_index[true_index == predicted_index], minlength=known.size)
    support = np.bincount(true_index, minlength=known.size)
    each = 2 * hits / (support + np.bincount(predicted_index, minlength=known.size))
    scale = np.unique(as_classes(np.asarray(domain.labels, dtype=float), domain, classes))
    return {
        "macro_gt": float(each[support > 0].mean()),
        "macro_1to5": float(each[np.isin(known, scale)].sum() / scale.size),
        "macro_union": float(each.mean()),
        "weighted": float((each * support).sum() / truth.size),
        "micro": float(hits.sum() / truth.size),
    }


def _counted(predictions: pl.DataFrame, values: Floats, truth: Floats, domain: Domain) -> dict[str, Any]:
    """Right after rounding half up, or wrong, or not there: unreadable profile or rating, failed call."""
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
