"""Whether records still say what their predictions say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from duetbench.errors import DuetbenchError
from duetbench.evaluation import metrics_of, read_predictions
from duetbench.leaderboard.ranking import domain_of
from duetbench.leaderboard.reading import CellResult, read_results
from duetbench.records import FileEntry, file_entry, to_json

TOLERANCE = 1e-9
"""Sums of floats may come in another order on another machine."""


def check(runs: Sequence[Path]) -> tuple[int, list[str]]:
    """How many finished cells were recomputed from their predictions, and one line per difference.

    Raises:
        RecordError: a folder holds no results.
    """
    reading = read_results(runs)
    done = [result for result in reading.results if result.is_done]
    differences = [line for result in done for line in _check(result)]
    return len(done), [*reading.faults, *differences]


def _check(result: CellResult) -> list[str]:
    changed = [
        f"{result.folder / name}: not the file that the record names"
        for name, entry in sorted(result.record.files.items())
        if not _is_same(result.folder / name, entry)
    ]
    recorded = result.record.metrics
    assert recorded is not None
    try:
        table = read_predictions(result.predictions)
        found = metrics_of(table, domain_of(result), train_mean=recorded.train_mean, fill=recorded.fill)
    except DuetbenchError as error:
        return [*changed, f"{result.folder}: {error}"]
    difference = first_difference(to_json(recorded), found)
    return changed if difference is None else [*changed, f"{result.folder}: metrics{difference}"]


def _is_same(path: Path, entry: FileEntry) -> bool:
    return path.is_file() and file_entry(path) == entry


def first_difference(recorded: Any, found: Any, path: str = "") -> str | None:
    """Where two JSON values differ first, and how; None if they agree within TOLERANCE."""
    if isinstance(recorded, dict) and isinstance(found, dict):
        if recorded.keys() != found.keys():
            odd = sorted(recorded.keys() ^ found.keys())
            return f"{path}: only one has {', '.join(odd)}"
        parts = (first_difference(recorded[name], found[name], f"{path}.{name}") for name in recorded)
        return next((part for part in parts if part), None)
    numbers = all(isinstance(part, int | float) and not isinstance(part, bool) for part in (recorded, found))
    same = math.isclose(recorded, found, rel_tol=TOLERANCE, abs_tol=TOLERANCE) if numbers else recorded == found
    return None if same else f"{path}: recorded {recorded!r}, the predictions say {found!r}"
