"""Reads the values of all metrics by pair and seed from the saved predictions of a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from duetbench.errors import DuetbenchError, PluginError, RecordError
from duetbench.evaluation.conventions import Convention
from duetbench.evaluation.metrics import filled
from duetbench.evaluation.pair_values import curvature, pair_values
from duetbench.evaluation.predictions import read_predictions
from duetbench.interfaces import Metric
from duetbench.leaderboard.read_results import CellResult
from duetbench.types import Domain

if TYPE_CHECKING:
    import polars as pl

    from duetbench.evaluation.conventions import Floats, Integers


@dataclass(frozen=True, slots=True)
class PairedValues:
    """The values of one row by pair and seed, in the order of the request ids."""

    values: Mapping[str, Floats]
    """(seeds, pairs) by metric; the mean over the pairs is the metric. Without metrics that have no value."""
    users: tuple[str, ...]
    items: tuple[str, ...]
    faults: tuple[str, ...] = field(default=())
    """Metrics whose values per pair could not be computed, one line each."""
    curvatures: Mapping[str, Floats | None] = field(default_factory=dict)
    """(splits,) by metric, mean over the seeds; None: it cannot be measured."""


def domain_of(result: CellResult) -> Domain:
    """The domain of the record, with the scale of the answers and that of the data."""
    assert result.record.dataset is not None
    domain = result.record.dataset.domain
    if domain.prompt_labels:
        return Domain(domain.noun, domain.plural, domain.prompt_labels, domain.labels)
    return Domain(domain.noun, domain.plural, domain.labels)


def scale_notes(results: Sequence[CellResult]) -> list[str]:
    """A note that names the scale of the ratings, and that of the prompts if it is another one; none on 1 to 5."""
    notes = []
    for domain in dict.fromkeys(domain_of(result) for result in results):
        answers = f"; prompts and answers are on the scale {domain.scale}" if domain.original else ""
        if domain.of_data.labels != (1, 2, 3, 4, 5):
            notes.append(f"ratings and metrics are on the scale {domain.of_data.scale}{answers}")
    return notes


def paired_values(
    results: Sequence[CellResult], metrics: Sequence[Metric], convention: Convention, fill: str
) -> PairedValues | str:
    """The values of a row from the predictions of its seeds, or the reason why there are none in one line."""
    try:
        predicted = read_predicted(results, convention, fill)
    except DuetbenchError as error:
        return str(error)
    return values_of(predicted, metrics, convention)


@dataclass(frozen=True, slots=True)
class PredictedPairs:
    """The predictions of one row, in the order of the request ids."""

    by_seed: Sequence[Floats]
    """(pairs,) predicted ratings of each seed, with a substitute for each missing one."""
    truth: Floats
    domain: Domain
    """The scale of the data."""
    request_ids: tuple[str, ...]
    users: tuple[str, ...]
    items: tuple[str, ...]

    def only(self, positions: Integers) -> PredictedPairs:
        """Some of the pairs, in this order."""
        texts = [tuple(names[n] for n in positions.tolist()) for names in (self.request_ids, self.users, self.items)]
        by_seed = [values[positions] for values in self.by_seed]
        return PredictedPairs(by_seed, self.truth[positions], self.domain, *texts)


def read_predicted(results: Sequence[CellResult], convention: Convention, fill: str) -> PredictedPairs:
    """The predictions of the seeds of a row.

    Raises:
        DataError: predictions cannot be read, or the fill is unknown for them.
        RecordError: they are not as many as their record says.
    """
    tables = [_table(result) for result in results]
    predicted = [
        filled(table, convention.over or fill, domain_of(result).of_data, _train_mean(result))
        for table, result in zip(tables, results, strict=True)
    ]
    texts = [tuple(tables[0][name].to_list()) for name in ("request_id", "user_id", "item_id")]
    truth, domain = tables[0]["rating"].to_numpy().astype(float), domain_of(results[0]).of_data
    return PredictedPairs(predicted, truth, domain, *texts)


def values_of(predicted: PredictedPairs, metrics: Sequence[Metric], convention: Convention) -> PairedValues:
    """The values of all metrics by pair and seed."""
    users, items, truth, domain = predicted.users, predicted.items, predicted.truth, predicted.domain
    if not users:
        return PairedValues({}, users, items)
    values: dict[str, Floats] = {}
    curvatures: dict[str, Floats | None] = {}
    faults = []
    for metric in metrics:
        try:
            of_metric = _by_seed(metric, predicted.by_seed, truth, domain, convention)
        except PluginError as error:
            faults.append(f"no intervals of {metric.title}: {error}")
            continue
        if of_metric is not None:
            values[metric.name] = of_metric
            by_seed = [curvature(metric, of_seed, truth, users, domain, convention) for of_seed in predicted.by_seed]
            curvatures[metric.name] = _mean(by_seed)
    return PairedValues(values, users, items, tuple(faults), curvatures)


def _mean(by_seed: Sequence[Floats | None]) -> Floats | None:
    import numpy as np

    known = [found for found in by_seed if found is not None]
    if len(known) < len(by_seed):
        return None
    mean: Floats = np.mean(known, axis=0)
    return mean


def _table(result: CellResult) -> pl.DataFrame:
    table, metrics = read_predictions(result.predictions).sort("request_id"), result.record.metrics
    assert metrics is not None
    if table.height != metrics.n:
        raise RecordError(f"{result.predictions} has {table.height} rows, but its record has n = {metrics.n}")
    return table


def _train_mean(result: CellResult) -> float | None:
    assert result.record.metrics is not None
    return result.record.metrics.train_mean


def _by_seed(
    metric: Metric, predicted: Sequence[Floats], truth: Floats, domain: Domain, convention: Convention
) -> Floats | None:
    import numpy as np

    by_seed = [
        pair_values(metric, values, truth, domain, convention, is_trusted=seed > 0)
        for seed, values in enumerate(predicted)
    ]
    known = [values for values in by_seed if values is not None]
    return np.stack(known) if len(known) == len(by_seed) else None
