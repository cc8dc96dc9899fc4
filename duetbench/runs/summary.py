"""Summaries of runs from their plans and records, read without validation: listing many runs takes no second."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from duetbench.runs.folders import CELLS, PLAN, size_of

CellOutcome = Literal["done", "failed", "left out", "to do", "damaged"]
"""With a result; failed; a control that does not apply; planned but not computed; with a record that is unreadable."""

STATES: tuple[CellOutcome, ...] = ("done", "failed", "left out", "to do", "damaged")

NAMES = ("label", "strategy", "trainer", "control", "dataset", "model", "scorer", "seed")
"""Names of the attributes of a cell."""

_UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading values that are not those of a record may raise."""


@dataclass(frozen=True)
class CellSummary:
    """One cell of a run."""

    folder: str
    """Its name in the folder of the run."""
    state: CellOutcome
    names: Mapping[str, str]
    """By NAMES; empty where the cell has none. {} if neither plan nor record can be read."""
    mae: float | None = None
    """Of the raw predictions, missing ones filled; None: no result."""
    seconds: float | None = None
    """Of the whole cell; None: not computed."""
    training_seconds: float | None = None
    """Part of `seconds`; None: nothing was trained, or unknown."""
    finished: str = ""
    """UTC in ISO 8601; empty: not computed."""
    reason: str = ""
    """Why it failed or was left out."""
    version: str = ""
    """Of duetbench; empty: not computed."""
    temporal_leakage: tuple[str, ...] = ()
    """Why its data is not safe against leakage from the future."""


@dataclass(frozen=True)
class RunSummary:
    """One run."""

    folder: Path
    cells: tuple[CellSummary, ...]
    """In the order of the plan, then those of earlier plans by name."""
    bytes: int

    def count(self, state: CellOutcome) -> int:
        """Number of cells in a state."""
        return [cell.state for cell in self.cells].count(state)

    def distinct(self, name: str) -> list[str]:
        """The distinct values of an attribute, without empty ones, in the order of the cells."""
        return [value for value in dict.fromkeys(cell.names.get(name, "") for cell in self.cells) if value]

    @property
    def finished(self) -> str:
        """When its last cell finished; empty: none has."""
        return max((cell.finished for cell in self.cells), default="")


def summarize_run(folder: Path) -> RunSummary:
    """The summary of the run in a folder. A damaged file concerns its cell only."""
    planned = _planned(folder / PLAN)
    recorded = sorted(path.name for path in (folder / CELLS).iterdir() if (path / "record.json").is_file())
    names = dict.fromkeys([*planned, *recorded])
    cells = tuple(_cell(folder / CELLS / name, planned.get(name, {})) for name in names)
    return RunSummary(folder, cells, size_of(folder))


def _planned(path: Path) -> dict[str, Mapping[str, str]]:
    """The names of the planned cells by folder; {} if the plan is damaged."""
    try:
        return {Path(cell["folder"]).name: _planned_names(cell) for cell in json.loads(path.read_bytes())["cells"]}
    except _UNREADABLE:
        return {}


def _planned_names(cell: Mapping[str, Any]) -> Mapping[str, str]:
    writing = cell["writing"] or {}
    training = writing.get("training") or {}
    parts = {
        "strategy": writing.get("strategy"),
        "trainer": training.get("trainer", {"name": "none"}) if writing else None,
        "control": cell.get("control"),
        "dataset": cell["data"],
        "model": writing.get("model"),
        "scorer": cell["scorer"],
    }
    named = {name: part["name"] if part else "" for name, part in parts.items()}
    return {"label": cell["label"], **named, "seed": str(cell["seed"])}


def _cell(folder: Path, planned: Mapping[str, str]) -> CellSummary:
    path = folder / "record.json"
    if not path.is_file():
        return CellSummary(folder.name, "to do", planned)
    try:
        return _recorded(folder.name, json.loads(path.read_bytes()))
    except _UNREADABLE as error:
        reason = f"record.json cannot be read: {' '.join(str(error).split()) or type(error).__name__}"
        return CellSummary(folder.name, "damaged", planned, reason=reason)


def _recorded(name: str, record: Mapping[str, Any]) -> CellSummary:
    error, metrics = record["error"], record["metrics"]
    states: dict[str, CellOutcome] = {"done": "done", "failed": "failed"}
    state = states[record["status"]]
    if error and error["type"] == "NotApplicable":
        state = "left out"
    values = metrics["over"][metrics["fill"]].get("mae", {}) if metrics else {}
    return CellSummary(
        name,
        state,
        {part: _text(record["cell"].get(part)) for part in NAMES},
        mae=values.get("raw"),
        seconds=float(record["seconds"]),
        training_seconds=record.get("training_seconds"),
        finished=str(record["finished"]),
        reason=error["message"] if error else "",
        version=str(record["duetbench"]),
        temporal_leakage=tuple((record.get("dataset") or {}).get("temporal_leakage", ())),
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)
