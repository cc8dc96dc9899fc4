"""The metrics of a cell under every convention, with counts and coverage, from its saved predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from duetbench.errors import DataError
from duetbench.evaluation.conventions import EXACT, FILLS, fill_name, rounded
from duetbench.evaluation.decision import DECISIONS, decide, decision_of, label_probabilities
from duetbench.evaluation.metric_values import compute_values, without_variant
from duetbench.evaluation.predictions import STAGES, STATUSES, check_predictions, pairs_digest
from duetbench.interfaces import Metric
from duetbench.scales import label_text
from duetbench.types import Decision, Domain

if TYPE_CHECKING:
    import polars as pl

    from duetbench.evaluation.conventions import Floats
    from duetbench.records import MetricsRecord


def metrics_of(
    predictions: pl.DataFrame,
    domain: Domain,
    metrics: Sequence[Metric],
    *,
    train_mean: float | None,
    fill: str | float = "train_mean",
    decision: Decision | None = None,
    further_fills: Sequence[str] = (),
) -> MetricsRecord:
    """Metrics, counts and distributions of a cell's predictions.

    Args:
        predictions: See `duetbench.evaluation.predictions.COLUMNS`.
        domain: The scale of the answers, with that of the ratings and predictions in the table if it is another one.
        metrics: What to compute.
        train_mean: Mean of the training ratings, for the fill `train_mean`; None: they are unknown, and so are the
            fills `train_mean` and `user_mean`.
        fill: Substitute for missing predictions in the values that leaderboards show; values with every other fill
            are reported as well.
        decision: The rule that the scorer declares. It holds where there are no label probabilities, and decides where
            several rules give the same values for them.
        further_fills: Fills that are reported in addition to `fill` and to FILLS.

    Raises:
        DataError: the table contradicts itself, a true rating is not on the scale, or label probabilities are invalid.
        ConfigError: no such fill.
        PluginError: a metric failed; the message names it.
    """
    from duetbench.records import MetricsRecord, from_json

    check_predictions(predictions)
    answers, domain = [domain.to_original(label) for label in domain.labels], domain.of_data
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
        "train_mean": None if train_mean is None else float(train_mean),
        **_counted(predictions, values, true_of_readable, domain),
        "off_scale": int(((values < domain.labels[0]) | (values > domain.labels[-1])).sum()),
        "label_mass": float(masses.to_numpy().mean()) if masses.len() else None,
        "distribution": {
            "truth": _distribution(truth, domain),
            "predicted": _distribution(rounded(values, domain.labels, "half_up"), domain),
        },
    }

    fills = _fills([fill, *further_fills], predictions, train_mean)

    def over(table: pl.DataFrame) -> dict[str, Any]:
        return _over(table, domain, metrics, fills, train_mean)

    content |= _under_rules(predictions, answers, decision, over)
    return from_json(MetricsRecord, content)


def _under_rules(
    predictions: pl.DataFrame,
    answers: Sequence[float],
    declared: Decision | None,
    over: Callable[[pl.DataFrame], dict[str, Any]],
) -> dict[str, Any]:
    """The metrics of the predictions, and of what each decision rule gives for the same label probabilities.

    Args:
        answers: The labels that the model chose from, on the scale of the data.
        over: Computes the metrics of a table of predictions.
    """
    readable = predictions.filter(predictions["status"] == "ok")
    probabilities = label_probabilities(readable, answers)
    if probabilities is None:
        return {"over": over_of_decision(over(predictions), declared), "decision": declared, "decisions": {}}
    by_rule = {rule: decide(probabilities, answers, rule) for rule in DECISIONS}
    decision = decision_of(readable["value"].to_numpy().astype(float), by_rule, declared)
    as_predicted = over_of_decision(over(predictions), decision)
    decisions = {
        rule: as_predicted if rule == decision else over_of_decision(over(_replaced(predictions, values)), rule)
        for rule, values in by_rule.items()
    }
    return {"over": as_predicted, "decision": decision, "decisions": decisions}


def _replaced(predictions: pl.DataFrame, values: Floats) -> pl.DataFrame:
    """The table with other values of the readable predictions."""
    import numpy as np
    import polars as pl

    column = np.full(predictions.height, np.nan)
    column[(predictions["status"] == "ok").to_numpy()] = values
    return predictions.with_columns(value=pl.Series(column, nan_to_null=True))


def over_of_decision(over: Mapping[str, Mapping[str, Any]], rule: Decision | None) -> dict[str, Mapping[str, Any]]:
    """Values of metrics by population, without classes by equality of numbers where the predictions are expectations.

    A mean of labels is almost never exactly a label: an accuracy of 0 would say nothing about the predictions.
    """
    if rule != "mean":
        return dict(over)
    return {population: without_variant(values, EXACT) for population, values in over.items()}


def _over(
    predictions: pl.DataFrame, domain: Domain, metrics: Sequence[Metric], fills: Sequence[str], train_mean: float | None
) -> dict[str, Any]:
    """The metrics over the readable predictions, and over all with each of the fills."""
    truth = predictions["rating"].to_numpy().astype(float)
    readable = predictions.filter(predictions["status"] == "ok")
    values = readable["value"].to_numpy().astype(float)
    over = {"readable": compute_values(metrics, values, readable["rating"].to_numpy().astype(float), domain)}
    for name in fills:
        if readable.height == predictions.height:  # nothing to fill: the same numbers
            over[name] = over["readable"]
        else:
            over[name] = compute_values(metrics, filled(predictions, name, domain, train_mean), truth, domain)
    return over


def _fills(declared: Sequence[str | float], predictions: pl.DataFrame, train_mean: float | None) -> list[str]:
    """The declared fills and FILLS, without those whose numbers are unknown."""
    unknown = set() if "user_average" in predictions.columns else {"user_mean"}
    unknown |= {"train_mean", "user_mean"} if train_mean is None else set()
    return list(dict.fromkeys([*map(fill_name, declared), *(name for name in FILLS if name not in unknown)]))


def _check_scale(truth: Floats, domain: Domain) -> None:
    import numpy as np

    off_scale = truth[~np.isin(truth, domain.labels)]
    if off_scale.size:
        raise DataError(f"a true rating is {off_scale[0]:g}, which is not on the scale {domain.scale}")


def filled(predictions: pl.DataFrame, fill: str, domain: Domain, train_mean: float | None) -> Floats:
    """The predicted values, with a substitute for each missing one. See FILLS.

    Raises:
        DataError: the fill needs a column that is missing in the table, or the mean of training ratings is unknown.
    """
    import numpy as np

    values = predictions["value"].cast(float).fill_null(float("nan")).to_numpy()
    return np.where(np.isnan(values), _substitutes(predictions, fill, domain, train_mean), values)


def _substitutes(predictions: pl.DataFrame, fill: str, domain: Domain, train_mean: float | None) -> Floats:
    import numpy as np

    low, high = domain.labels[0], domain.labels[-1]
    if train_mean is None and fill in ("train_mean", "user_mean"):
        raise DataError(f"the fill {fill} needs the mean of the training ratings, which is unknown: choose another")
    match fill:
        case "train_mean":
            return np.full(predictions.height, train_mean, dtype=float)
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
    return {label_text(label): int((labels == label).sum()) for label in domain.labels}
