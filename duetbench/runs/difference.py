"""Compares two runs: settings in which their cells differ, and what the results of the cells are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from duetbench.evaluation.conventions import CONVENTIONS
from duetbench.interfaces import Metric
from duetbench.leaderboard.read_results import CellResult, read_results
from duetbench.leaderboard.recorded_metrics import MetricReader
from duetbench.leaderboard.row_attributes import attributes_of, text_of
from duetbench.records import Record

_CONVENTION = "standard"


@dataclass(frozen=True)
class SettingDifference:
    """A setting in which cells of the same name differ between two runs."""

    name: str
    first: str
    """Empty: the cells of the first run do not have it."""
    second: str
    n_cells: int
    """Number of cells that differ in exactly these values."""


@dataclass(frozen=True)
class ResultDifference:
    """The results of one cell in two runs."""

    cell: str
    """Its name."""
    first: Mapping[str, float | None] | None
    """Values by metric; None: it failed."""
    second: Mapping[str, float | None] | None
    has_same_pairs: bool
    """Whether both predict the same pairs, so that the values can be compared."""

    @property
    def is_equal(self) -> bool:
        """Whether the results are the same to the last digit."""
        return self.has_same_pairs and self.first == self.second


@dataclass(frozen=True)
class RunDifference:
    """What two runs have in common and what not."""

    settings: tuple[SettingDifference, ...]
    """Those of the most cells first."""
    results: tuple[ResultDifference, ...]
    """One per cell of both runs."""
    only_first: tuple[str, ...]
    """Names of cells that the second run does not have."""
    only_second: tuple[str, ...]
    faults: tuple[str, ...] = ()
    """Records that could not be read."""

    @property
    def is_empty(self) -> bool:
        """Whether the runs do not differ."""
        has_others = self.only_first or self.only_second or self.settings or self.faults
        return not has_others and all(result.is_equal for result in self.results)


def compare_runs(first: Path, second: Path, metrics: Sequence[Metric]) -> RunDifference:
    """The differences of two runs.

    Cells with the same id are the same; others are matched by strategy, trainer, control, dataset, split, model,
    scorer, label and seed. Cells that these do not tell apart within a run are matched by their id only.

    Args:
        first: Folder of a run.
        second: Folder of another one.
        metrics: The registered ones; their values are those of the convention `standard`.

    Raises:
        RecordError: a folder holds no results.
    """
    read = [read_results([folder]) for folder in (first, second)]
    sides = [_by_name(reading.results) for reading in read]
    _name_by_id(*sides)
    shared = [name for name in sides[0] if name in sides[1]]
    settings: Counter[tuple[str, str, str]] = Counter()
    for name in shared:
        settings.update(_differing(sides[0][name].record, sides[1][name].record))
    return RunDifference(
        tuple(
            SettingDifference(*values, n)
            for values, n in sorted(settings.items(), key=lambda item: (-item[1], item[0]))
        ),
        tuple(_compare(name, sides[0][name].record, sides[1][name].record, metrics) for name in shared),
        only_first=tuple(name for name in sides[0] if name not in shared),
        only_second=tuple(name for name in sides[1] if name not in shared),
        faults=(*read[0].faults, *read[1].faults),
    )


def _by_name(results: Sequence[CellResult]) -> dict[str, CellResult]:
    """The cells by name; those that share a name with others of the run have the beginning of their id in it."""
    counts = Counter(cell_name(result.record) for result in results)
    names = [(cell_name(result.record), result) for result in results]
    named = ((name if counts[name] == 1 else _with_id(name, result), result) for name, result in names)
    return dict(sorted(named, key=lambda pair: pair[0]))


def _name_by_id(first: dict[str, CellResult], second: dict[str, CellResult]) -> None:
    """Adds the ids to the names of cells whose counterpart has its id in its name."""
    for side, other in ((first, second), (second, first)):
        for name, result in list(side.items()):
            if name not in other and _with_id(name, result) in other:
                side[_with_id(name, result)] = side.pop(name)


def _with_id(name: str, result: CellResult) -> str:
    return f"{name} [{result.record.cell_id[:8]}]"


def cell_name(record: Record) -> str:
    """Strategy with trainer and control, or the scorer; then dataset, split, model, scorer, label and seed."""
    cell = record.cell
    trainer = f"+{cell.trainer}" if cell.trainer not in (None, "none") else ""
    control = f" ({cell.control})" if cell.control else ""
    writer = f"{cell.strategy}{trainer}{control}" if cell.strategy else cell.scorer
    further = [cell.model, cell.scorer, cell.label, f"seed {cell.seed}"] if cell.strategy else []
    return " · ".join([writer, cell.dataset, cell.split, *(text for text in further if text)])


def _differing(first: Record, second: Record) -> list[tuple[str, str, str]]:
    settings = [_settings(record) for record in (first, second)]
    names = dict.fromkeys([*settings[0], *settings[1]])
    values = [(name, settings[0].get(name, ""), settings[1].get(name, "")) for name in names]
    return [(name, here, there) for name, here, there in values if here != there]


def _settings(record: Record) -> dict[str, str]:
    """Everything that may change a result: the attributes of rows, the data, the machine and its packages."""
    cell, environment = record.cell, record.environment
    data = {
        f"{scope}.{name}": text_of(value)
        for scope in ("data", cell.dataset)
        for name, value in cell.options.get(scope, {}).items()
    }
    limit = {"limit": str(cell.limit)} if cell.limit else {}
    fingerprint = {"data": record.dataset.fingerprint[:8]} if record.dataset else {}
    machine = {"python": environment.python, "platform": environment.platform, "cpu": environment.cpu or ""}
    packages = {f"package {name}": version for name, version in environment.packages.items()}
    return {**attributes_of(record), **limit, **fingerprint, **data, **machine, **packages}


def _compare(name: str, first: Record, second: Record, metrics: Sequence[Metric]) -> ResultDifference:
    pairs = [record.metrics.pairs if record.metrics else None for record in (first, second)]
    return ResultDifference(name, _values(first, metrics), _values(second, metrics), pairs[0] == pairs[1])


def _values(record: Record, metrics: Sequence[Metric]) -> dict[str, float | None] | None:
    if record.metrics is None:
        return None
    return MetricReader(metrics, CONVENTIONS[_CONVENTION], record.metrics.fill).over_all(record.metrics)
