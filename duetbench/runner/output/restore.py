"""Rebuilds a completed cell from its record, so that its strategy and weights can write profiles for other requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from duetbench.errors import RecordError
from duetbench.plugins import Plugins
from duetbench.records import RECORD, CellSpec, JsonValue, ModelRecord, Record, read_record
from duetbench.runner.config.run_config import Grid, RunConfig
from duetbench.runner.planning.cells import Cell, WriterSpec
from duetbench.runner.planning.plan import plan
from duetbench.runner.planning.prepared_folders import FOLDER_OPTION
from duetbench.runner.trainings import RESULT, TrainingResult, read_trained

_SECTIONS = ("model", "data", "history", "sampling", "evaluation")


@dataclass(frozen=True)
class RestoredCell:
    """A completed cell that wrote profiles."""

    cell: Cell
    """The cell with its strategy, data, model and engine; its trainer is `none`."""
    writing: WriterSpec
    """The cell's writer."""
    record: Record
    """The record of the cell as it was computed."""
    model: ModelRecord
    """The record's model: the weights that wrote the profiles."""
    folder: Path
    """Folder of the cell."""
    trained: TrainingResult | None
    """Result of its training; None if nothing was trained."""


def restore(run: Path, plugins: Plugins) -> RestoredCell:
    """The completed cell in a folder.

    Args:
        run: The folder of a cell, or of a run in which exactly one cell, other than controls, wrote profiles.
        plugins: Where the names in the record are looked up.

    Raises:
        RecordError: no cell or several cells wrote profiles, or data or prompts differ from those of the record.
        TrainingError: files of its training are missing.
        DuetbenchError: data or plugins cannot be used.
    """
    folder, record = _only_writer(run)
    cell = _planned(record.cell, plugins)
    assert cell.writing is not None
    assert record.model is not None
    _check_inputs(cell, record, folder)
    return RestoredCell(cell, cell.writing, record, record.model, folder, _trained(record, record.model, folder))


def _only_writer(run: Path) -> tuple[Path, Record]:
    folders = [run] if (run / RECORD).is_file() else sorted(path.parent for path in run.glob(f"cells/*/{RECORD}"))
    records = {folder: read_record(folder) for folder in folders}
    writers = {
        folder: record
        for folder, record in records.items()
        if record.is_done and record.profiles and (record.cell.control is None or folder == run)
    }
    if len(writers) > 1:
        names = ", ".join(map(str, writers))
        raise RecordError(f"{len(writers)} cells in {run} wrote profiles; name one of them: {names}")
    if not writers:
        raise RecordError(f"no finished cell in {run} wrote profiles; name a folder that `duetbench run` has written")
    return next(iter(writers.items()))


def _planned(spec: CellSpec, plugins: Plugins) -> Cell:
    """The recorded cell without its training."""
    assert spec.strategy is not None
    assert spec.model is not None
    assert spec.engine is not None
    folder = spec.options.get("data", {}).get(FOLDER_OPTION)
    grid = Grid(
        strategies=(spec.strategy,),
        datasets=(folder or spec.dataset,),
        models=(spec.model,),
        trainers=("none",),
        scorers=(spec.scorer,),
        engine=spec.engine,
        seeds=(spec.seed,),
        split=spec.split,
        limit=spec.limit,
        baselines=False,
        options=_recorded_options(spec),
    )
    return next(cell for cell in plan(RunConfig((grid,), "restored"), plugins).cells if cell.writing)


def _recorded_options(spec: CellSpec) -> dict[str, Mapping[str, JsonValue]]:
    """Options of the sections and plugins that the restored cell uses, each plugin under `KIND.NAME`.

    Options of trainers and rewards are left out: nothing is trained again.
    """
    kinds: tuple[Literal["dataset", "scorer", "strategy", "engine"], ...] = ("dataset", "scorer", "strategy", "engine")
    options = {f"{kind}.{getattr(spec, kind)}": spec.options_of(kind) for kind in kinds}
    options |= {section: spec.options.get(section, {}) for section in _SECTIONS}
    if FOLDER_OPTION in options["data"]:  # it was prepared already: neither option would have an effect
        options |= {f"dataset.{spec.dataset}": {}, "data": {"sample_seed": options["data"]["sample_seed"]}}
    return {scope: values for scope, values in options.items() if values}


def _check_inputs(cell: Cell, record: Record, folder: Path) -> None:
    assert cell.writing is not None
    assert record.dataset is not None
    current, recorded = cell.data.prepared.fingerprint, record.dataset.fingerprint
    if current != recorded:
        raise RecordError(
            f"{folder} was computed on other data ({recorded[:12]}, here {current[:12]}): run the cell again, or "
            "prepare the dataset as it was"
        )
    for name, digest in cell.writing.strategy.prompts.items():
        if record.prompts.get(name) != digest:
            raise RecordError(f"prompt {name} differs from the one used for {folder}: run the cell again")


def _trained(record: Record, model: ModelRecord, folder: Path) -> TrainingResult | None:
    """Result of the training whose writer has the digests of the record's model."""
    if record.budget is None:
        return None
    for path in sorted((folder.parent.parent / "trainings").glob(f"*/{RESULT}")):
        trained = read_trained(path.parent)
        if trained:
            writer = trained.models.writer
            if (writer.digest, writer.adapter_digest) == (model.digest, model.adapter_digest):
                return trained
    raise RecordError(
        f"the trained weights of {folder} are missing: no training of its run has an adapter with digest "
        f"{model.adapter_digest}; run the cell again"
    )
