"""A finished cell of a run, so that its profiles can be written for others than the rows that it predicted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duetbench.errors import RecordError
from duetbench.plugins import Plugins
from duetbench.records import RECORD, read_record
from duetbench.runner.config.run_config import Grid, RunConfig
from duetbench.runner.planning.cells import Cell
from duetbench.runner.planning.plan import plan
from duetbench.runner.trainings import RESULT, TrainingResult, read_trained
from duetbench.types import ModelRef


@dataclass(frozen=True)
class RestoredCell:
    """A cell that wrote profiles."""

    cell: Cell
    """With its strategy, data, model and engine; its trainer is `none`."""
    record: Mapping[str, Any]
    folder: Path
    trained: TrainingResult | None
    """What its training left; None: nothing was trained."""


def restore(run: Path, plugins: Plugins) -> RestoredCell:
    """The cell of a folder: a cell's own, or a run's in which one cell alone wrote profiles.

    Raises:
        RecordError: there is none, there are several, or data or prompts are no longer those of the record.
        TrainingError: what its training left is gone.
        DuetbenchError: data or plugins are not usable.
    """
    folder = _one_folder(run)
    record = read_record(folder)
    asked = record["cell"]
    grid = Grid(
        strategies=(asked["strategy"],),
        datasets=(asked["dataset"],),
        models=(asked["model"],),
        trainers=("none",),
        scorers=(asked["scorer"],),
        engine=asked["engine"],
        seeds=(asked["seed"],),
        split=asked["split"],
        limit=asked["limit"],
        baselines=False,
        options={scope: values for scope, values in asked["options"].items() if values},
    )
    cells = plan(RunConfig((grid,), "restored"), plugins).cells
    cell = next(cell for cell in cells if cell.writing)
    _check(cell, record, folder)
    return RestoredCell(cell, record, folder, _trained(record, folder))


def _one_folder(run: Path) -> Path:
    folders = [run] if (run / RECORD).is_file() else sorted(path.parent for path in run.glob(f"cells/*/{RECORD}"))
    wrote = [folder for folder in folders if _has_profiles(read_record(folder))]
    if len(wrote) == 1:
        return wrote[0]
    if wrote:
        names = ", ".join(str(folder) for folder in wrote)
        raise RecordError(f"{len(wrote)} cells in {run} wrote profiles; name one of them: {names}")
    raise RecordError(f"no finished cell in {run} wrote profiles; name a folder that `duetbench run` has written")


def _has_profiles(record: Mapping[str, Any]) -> bool:
    return bool(record["status"] == "done" and record["profiles"])


def _check(cell: Cell, record: Mapping[str, Any], folder: Path) -> None:
    assert cell.writing is not None
    found, known = cell.data.prepared.fingerprint, record["dataset"]["fingerprint"]
    if found != known:
        raise RecordError(
            f"{folder} was computed on other data ({known[:12]}, here {found[:12]}): run the cell again, or prepare "
            "the dataset as it was"
        )
    for name, digest in cell.writing.strategy.prompts.items():
        if record["prompts"].get(name) != digest:
            raise RecordError(f"prompt {name} is no longer that of {folder}: run the cell again")


def _trained(record: Mapping[str, Any], folder: Path) -> TrainingResult | None:
    if record["budget"] is None:
        return None
    wanted = (record["model"]["digest"], record["model"]["adapter_digest"])
    for path in sorted((folder.parent.parent / "trainings").glob(f"*/{RESULT}")):
        trained = read_trained(path.parent, json.loads(path.read_text(encoding="utf-8"))["training_id"])
        if trained and _digests(trained.models.writer) == wanted:
            return trained
    raise RecordError(
        f"the weights of {folder} are gone: no training beside it left an adapter with digest {wanted[1]}"
    )


def _digests(model: ModelRef) -> tuple[str, str | None]:
    return model.digest, model.adapter_digest
