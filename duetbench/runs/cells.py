"""Finds one finished cell by its folder, or by the beginning of its name or id."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from duetbench.errors import RecordError, UnknownName, UsageError
from duetbench.records import PREDICTIONS, RECORD, Record, read_record
from duetbench.runs.folders import CELLS, RUNS, is_run_folder, run_folders

_MAX_LISTED = 10


@dataclass(frozen=True)
class FoundCell:
    """A cell with predictions."""

    folder: Path
    record: Record

    @property
    def title(self) -> str:
        """Its coordinates in the grid."""
        cell = self.record.cell
        parts = [cell.strategy or cell.scorer, cell.trainer, cell.dataset, cell.model, cell.scorer, f"seed {cell.seed}"]
        return " · ".join(dict.fromkeys(part for part in [*parts, cell.control] if part))

    @property
    def subtitle(self) -> str:
        """Its number of pairs and of readable predictions, and its folder."""
        metrics = self.record.metrics
        counts = f"{metrics.n_readable} of {metrics.n} predictions readable · " if metrics else ""
        return f"{counts}{self.folder}"

    @property
    def labels(self) -> tuple[float, ...]:
        """The rating scale of the data; () if the cell failed before it was known."""
        return self.record.dataset.domain.labels if self.record.dataset else ()


def find_cell(text: str) -> FoundCell:
    """The cell that a text names.

    Args:
        text: Folder of a cell; folder of a run with one cell; or the beginning of the name of a cell's folder, or of
            its id, in one of the runs in `runs`.

    Raises:
        UnknownName: there is no such cell.
        UsageError: there are several.
        RecordError: the cell has no predictions, or its record is damaged.
    """
    path = Path(text)
    if (path / RECORD).is_file():
        return _found(path)
    if is_run_folder(path):
        return _only(text, [folder for folder in _cells([path]) if (folder / PREDICTIONS).is_file()])
    folders = list(_cells(run_folders(RUNS)))
    named = [folder for folder in folders if folder.name.startswith(text) or f"__{text}" in folder.name]
    if not named:
        raise UnknownName("cell", text, [folder.name for folder in folders])
    return _only(text, named)


def _cells(runs: Iterable[Path]) -> Iterable[Path]:
    return (path for run in runs for path in sorted((run / CELLS).iterdir()) if (path / RECORD).is_file())


def _only(text: str, folders: list[Path]) -> FoundCell:
    if len(folders) == 1:
        return _found(folders[0])
    listed = ", ".join(map(str, folders[:_MAX_LISTED])) + (", ..." if len(folders) > _MAX_LISTED else "")
    raise UsageError(f"'{text}' is {len(folders)} cells: name one of {listed}" if folders else f"'{text}' has no cells")


def _found(folder: Path) -> FoundCell:
    record = read_record(folder)
    if not (folder / PREDICTIONS).is_file():
        reason = f": {record.error.message}" if record.error else ""
        raise RecordError(f"{folder} has no predictions{reason}; name a finished cell")
    return FoundCell(folder, record)
