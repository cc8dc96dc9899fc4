"""Compares records with their predictions, with their own digests and ids, and with the plan of their run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from duetbench.documents.json_text import load_json
from duetbench.errors import DocumentError, RecordError
from duetbench.interfaces import Metric
from duetbench.leaderboard.checking.identity import identity_differences
from duetbench.leaderboard.checking.planned import plan_differences
from duetbench.leaderboard.checking.recomputed import metric_differences
from duetbench.leaderboard.read_results import cell_folders, read_results
from duetbench.leaderboard.recorded_metrics import recorded_names
from duetbench.records import RECORD, JsonValue, record_digest, validate_record


@dataclass(frozen=True)
class CheckReport:
    """The result of a check."""

    n: int
    """Finished cells whose metrics were computed again from their predictions."""
    differences: tuple[str, ...]
    """One line each; records that could not be read included."""
    unchecked: tuple[str, ...] = ()
    """Metrics that are in a record, but not registered, so that they could not be computed again."""
    n_without_digest: int = 0
    """Records of earlier versions, which have no digest that would show later changes."""
    n_without_identity: int = 0
    """Records of earlier versions, whose id cannot be computed again from their settings."""


def check(runs: Sequence[Path], metrics: Sequence[Metric]) -> CheckReport:
    """Checks every cell of some runs.

    The metrics of finished cells are computed again from their predictions. The digest of each record is that of its
    content, its id that of its settings, and every cell of a plan has its record.

    Args:
        runs: Folders of runs, folders that hold runs, or folders of single cells.
        metrics: The registered ones; of each cell, those that its record holds are compared.

    Raises:
        RecordError: a folder holds no results.
    """
    reading = read_results(runs)
    finished = [result for result in reading.results if result.is_done]
    folders = dict.fromkeys(folder for run in runs for folder in cell_folders(run))
    contents = {folder: content for folder in folders if (content := _content(folder)) is not None}
    differences = [
        *reading.faults,
        *(line for run in dict.fromkeys(runs) for line in plan_differences(run, contents)),
        *(line for folder, content in contents.items() for line in _changes(folder, content)),
        *(line for result in finished for line in metric_differences(result, metrics)),
    ]
    return CheckReport(
        len(finished),
        tuple(differences),
        tuple(sorted(recorded_names(finished) - {metric.name for metric in metrics})),
        sum("digest" not in content for content in contents.values()),
        sum(not content.get("identity") for content in contents.values()),
    )


def _content(folder: Path) -> dict[str, JsonValue] | None:
    """The JSON values of a record; None if there is none, or if reading it is a fault already."""
    try:
        content = load_json(folder / RECORD)
        validate_record(content, name=str(folder / RECORD))
    except (OSError, DocumentError, RecordError):
        return None
    return dict(content)


def _changes(folder: Path, content: dict[str, JsonValue]) -> list[str]:
    """What shows that a record was changed after it had been written."""
    lines = []
    if "digest" in content and content["digest"] != record_digest(content):
        lines.append(f"{folder / RECORD}: changed after it was written: its digest is not that of its content")
    if "digest" not in content and content.get("identity"):
        lines.append(f"{folder / RECORD}: its digest was removed")
    return [*lines, *(f"{folder / RECORD}: {line}" for line in identity_differences(content))]
