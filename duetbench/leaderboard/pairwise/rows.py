"""The rows of some runs with their predictions, and the interactions that two of them share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from duetbench.errors import DuetbenchError
from duetbench.evaluation.conventions import EXACT, Convention
from duetbench.interfaces import Metric
from duetbench.leaderboard.board import UNPAIRED, BoardRow, Costs
from duetbench.leaderboard.paired_values import PairedValues, PredictedPairs, read_predicted, values_of
from duetbench.leaderboard.read_results import CellResult
from duetbench.leaderboard.recorded_metrics import MetricReader
from duetbench.leaderboard.row_attributes import differing_attributes, labels_of
from duetbench.leaderboard.sections import RowGroup, groups_of

if TYPE_CHECKING:
    from duetbench.evaluation.conventions import Integers

_NO_COSTS = Costs(None, None, None, None, None, None, None, None, None)


class PairsKey(NamedTuple):
    """What the pairs of a row are; rows with the same key have predicted the same interactions."""

    dataset: str
    split: str
    fingerprint: str
    pairs: str


@dataclass(frozen=True)
class PairedRow:
    """A row with its predictions."""

    label: str
    key: PairsKey
    predicted: PredictedPairs
    shown: frozenset[str]
    """Names of the metrics that have a value under the convention."""
    is_one_checkpoint: bool

    def values(self, positions: Integers, metrics: Sequence[Metric], convention: Convention) -> PairedValues:
        """The values of the metrics on some of its pairs."""
        values = values_of(self.predicted.only(positions), metrics, convention)
        return replace(values, values={name: of for name, of in values.values.items() if name in self.shown})


@dataclass(frozen=True)
class PairedRows:
    """The rows of some runs."""

    rows: tuple[PairedRow, ...]
    faults: tuple[str, ...] = field(default=())
    """Rows whose predictions cannot be read, one line each."""


class SharedPairs(NamedTuple):
    """The interactions that two rows share, in the same order."""

    positions: Integers
    """In the pairs of the first row."""
    other_positions: Integers
    n_other_rating: int
    """Number of further interactions with another true rating in each row, which do not pair."""


def paired_rows(
    results: Sequence[CellResult], metrics: Sequence[Metric], convention: Convention, fill: str
) -> PairedRows:
    """The rows of finished cells: seeds of the same settings and the same pairs are one row."""
    by_key: dict[PairsKey, list[CellResult]] = {}
    for result in results:
        by_key.setdefault(_key(result), []).append(result)
    groups = [(key, group) for key, members in by_key.items() for group in groups_of(members)]
    board_rows = [_board_row(key, group) for key, group in groups]
    labels = labels_of(board_rows, differing_attributes(row.facts for row in board_rows))
    rows, faults = [], []
    reader = MetricReader(metrics, convention, fill)
    for (key, group), row, label in zip(groups, board_rows, labels, strict=True):
        try:
            predicted = read_predicted(group.results, convention, fill)
        except DuetbenchError as error:
            faults.append(f"{label}: {error}")
            continue
        shown = _shown(group, reader, metrics)
        rows.append(PairedRow(label, key, predicted, shown, row.is_one_checkpoint))
    return PairedRows(tuple(rows), tuple(faults))


def _key(result: CellResult) -> PairsKey:
    record = result.record
    assert record.dataset is not None
    assert record.metrics is not None
    return PairsKey(record.cell.dataset, record.cell.split, record.dataset.fingerprint, record.metrics.pairs)


def _board_row(key: PairsKey, group: RowGroup) -> BoardRow:
    """The row as far as its name depends on it; the data is a part of it where rows differ in their data."""
    facts = {**group.facts, "dataset": key.dataset, "split": key.split, "pairs": key.pairs[:8]}
    seeds = tuple(result.record.cell.seed for result in group.results)
    return BoardRow(UNPAIRED, facts, seeds, tuple(result.record.cell_id for result in group.results), _NO_COSTS)


def _shown(group: RowGroup, reader: MetricReader, metrics: Sequence[Metric]) -> frozenset[str]:
    """Metrics with a value: expectations have none by equality of numbers."""
    if reader.convention.classes != EXACT or group.facts.get("decision") != "mean":
        return frozenset(metric.name for metric in metrics)
    recorded = [reader.over_all(result.record.metrics) for result in group.results if result.record.metrics]
    return frozenset(name for name in recorded[0] if all(values.get(name) is not None for values in recorded))


def shared_pairs(first: PairedRow, second: PairedRow) -> SharedPairs:
    """The interactions of the same prepared data with the same id; of different data, of the same user and item.

    A user and an item that occur several times in a row do not pair with a row of other data: which of them is meant is
    not known.
    """
    import numpy as np

    if first.key == second.key:
        every = np.arange(len(first.predicted.truth))
        return SharedPairs(every, every, 0)
    is_same_data = first.key.fingerprint == second.key.fingerprint
    places, others = (_places(row.predicted, by_request=is_same_data) for row in (first, second))
    names = [name for name in places if name in others]
    positions = np.array([places[name] for name in names], dtype=np.int64)
    other_positions = np.array([others[name] for name in names], dtype=np.int64)
    is_same = first.predicted.truth[positions] == second.predicted.truth[other_positions]
    return SharedPairs(positions[is_same], other_positions[is_same], int((~is_same).sum()))


def _places(predicted: PredictedPairs, *, by_request: bool) -> dict[object, int]:
    """The position of each interaction that occurs once."""
    names: list[object] = list(
        predicted.request_ids if by_request else zip(predicted.users, predicted.items, strict=True)
    )
    places: dict[object, int] = {}
    repeated = set()
    for position, name in enumerate(names):
        if name in places:
            repeated.add(name)
        places[name] = position
    return {name: position for name, position in places.items() if name not in repeated}
