"""Finds and reads the records of runs. Records that cannot be read are reported, and the others are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from duetbench.errors import RecordError
from duetbench.records import PREDICTIONS, RECORD, Record, read_record


@dataclass(frozen=True)
class CellResult:
    """A record and its folder."""

    record: Record
    folder: Path

    @property
    def is_done(self) -> bool:
        """False for a cell that failed."""
        return self.record.is_done

    @property
    def has_llm(self) -> bool:
        """False for a scorer that uses no model."""
        return self.record.has_llm

    @property
    def predictions(self) -> Path:
        """The path of its predictions; a failed cell may have none."""
        return self.folder / PREDICTIONS


@dataclass(frozen=True)
class ReadResults:
    """The records of some runs."""

    results: tuple[CellResult, ...]
    """One per cell id, in the order of the ids."""
    notes: tuple[str, ...] = ()
    """Notes for the reader of the board."""
    faults: tuple[str, ...] = ()
    """Records that could not be read."""


def read_results(runs: Sequence[Path]) -> ReadResults:
    """The records of runs; for a cell with several records, the latest finished one.

    Raises:
        RecordError: a folder holds no record at all.
    """
    by_cell: dict[str, list[CellResult]] = {}
    faults, n_missing = [], 0
    for folder in dict.fromkeys(cell for run in runs for cell in cell_folders(run)):
        if not (folder / RECORD).is_file():
            n_missing += 1
            continue
        try:
            result = CellResult(read_record(folder), folder)
        except RecordError as error:
            faults.append(f"not shown: {error}")
            continue
        by_cell.setdefault(result.record.cell_id, []).append(result)
    notes = [f"{n_missing} {'cell has' if n_missing == 1 else 'cells have'} no record yet"] if n_missing else []
    notes += _damaged_answers([result for results in by_cell.values() for result in results])
    notes += [
        f"cell {cell_id[:8]} is in {len(results)} folders; {_latest(results).folder} is shown"
        for cell_id, results in sorted(by_cell.items())
        if len(results) > 1
    ]
    return ReadResults(tuple(_latest(by_cell[cell_id]) for cell_id in sorted(by_cell)), tuple(notes), tuple(faults))


def _damaged_answers(results: Sequence[CellResult]) -> list[str]:
    usages = [result.record.usage for result in results if result.record.usage]
    n = sum(usage.profiles.damaged + usage.scoring.damaged for usage in usages)
    return [f"{n} damaged {'answer' if n == 1 else 'answers'} of the request store computed again"] if n else []


def _latest(results: Sequence[CellResult]) -> CellResult:
    return max(results, key=lambda result: (result.is_done, result.record.finished, str(result.folder)))


def cell_folders(run: Path) -> list[Path]:
    """The folders of the cells of a run, of a folder of runs, or the cell folder itself.

    Raises:
        RecordError: there are none.
    """
    if (run / RECORD).is_file():
        return [run]
    folders = _folders(run, "cells/*") or _folders(run, "*/cells/*")
    if not folders:
        missing = "there is no such folder" if not run.is_dir() else f"no cells/CELL/{RECORD} in it"
        raise RecordError(f"no results in {run}: {missing}; name a folder that `duetbench run` has written")
    return folders


def _folders(run: Path, pattern: str) -> list[Path]:
    return sorted(path for path in run.glob(pattern) if path.is_dir() and not path.name.startswith("."))
