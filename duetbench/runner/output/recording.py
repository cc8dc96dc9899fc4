"""From the work of a cell to its files: predictions, logs, metrics and, last of all, the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from duetbench import __version__
from duetbench.atomic import atomic_file
from duetbench.evaluation import metrics_of, predictions_table
from duetbench.interfaces import Metric
from duetbench.records import PREDICTIONS, VERSION, file_entry, utc_now, write_record
from duetbench.runner.examples import train_rows
from duetbench.runner.execute import CellState
from duetbench.runner.output.logs import write_logs
from duetbench.runner.planning.cells import Cell, DatasetChoice, PluginChoice
from duetbench.types import Status

ERROR = "error.txt"


def write_done(work: CellState, folder: Path, frame: Mapping[str, Any], metrics: Sequence[Metric]) -> dict[str, Any]:
    """Writes everything that a finished cell leaves; the record comes last and says that all the rest is there.

    Args:
        work: With predictions.
        folder: The cell's.
        frame: `started`, `seconds`, `environment`.
        metrics: What to compute from the predictions.

    Raises:
        PluginError: a metric failed. The predictions are written, but there is no record.
    """
    data = work.cell.data
    table = predictions_table(work.examples, work.predictions)
    with atomic_file(folder / PREDICTIONS) as partial:
        table.write_parquet(partial)
    files = [PREDICTIONS, *(write_logs(work, folder) if work.cell.writing else [])]
    mean = float(train_rows(data)["rating"].mean())  # type: ignore[arg-type]
    fill = work.cell.evaluation.fill
    computed = metrics_of(table, data.prepared.domain, metrics, train_mean=mean, fill=fill)
    record = {
        **_common(work, frame),
        "status": "done",
        "error": None,
        "metrics": computed,
        "files": {name: file_entry(folder / name) for name in files},
    }
    write_record(folder, record)
    (folder / ERROR).unlink(missing_ok=True)
    return record


def write_failed(work: CellState, folder: Path, frame: Mapping[str, Any], error: Exception) -> dict[str, Any]:
    """Writes the record of a cell that came to no end."""
    record = {
        **_common(work, frame),
        "status": "failed",
        "error": {"type": type(error).__name__, "message": " ".join(str(error).split()) or type(error).__name__},
        "metrics": None,
        "files": {},
    }
    write_record(folder, record)
    return record


def _common(work: CellState, frame: Mapping[str, Any]) -> dict[str, Any]:
    cell = work.cell
    choices = cell.choices()
    return {
        "schema_version": VERSION,
        "duetbench": __version__,
        "cell_id": cell.id,
        "cell": _asked(cell),
        "dataset": _dataset(cell.data),
        "model": _model(work),
        "engine": _engine(work),
        "trained": _trained(work),
        "plugins": {kind: _plugin(choice) for kind, choice in choices.items()} | _training_plugins(cell),
        "prompts": {name: digest for choice in choices.values() for name, digest in choice.prompts.items()},
        "usage": _usage(work) if cell.writing else None,
        "budget": work.trained.budget if work.trained else None,
        "profiles": _profiles(work),
        "seeds": {"cell": cell.seed, "sample": cell.data.options.sample_seed},
        "finished": utc_now(),
        **frame,
    }


def _asked(cell: Cell) -> dict[str, Any]:
    writing = cell.writing
    return {
        "strategy": writing.strategy.name if writing else None,
        "trainer": writing.trainer.name if writing else None,
        "dataset": cell.data.choice.name,
        "model": writing.model.name if writing else None,
        "engine": writing.engine.name if writing else None,
        "scorer": cell.scorer.name,
        "seed": cell.seed,
        "label": cell.label or None,
        "split": cell.split,
        "limit": cell.limit,
        "options": options_of_cell(cell),
    }


def options_of_cell(cell: Cell) -> dict[str, dict[str, Any]]:
    """Every option in force, by plugin or section; `KIND.NAME` for the later of two plugins of one name."""
    found: dict[str, dict[str, Any]] = {}
    for kind, choice in cell.choices().items():
        found[choice.name if choice.name not in found else f"{kind}.{choice.name}"] = choice.options
    found |= {"data": asdict(cell.data.options), "history": asdict(cell.data.history)}
    found["evaluation"] = asdict(cell.evaluation)
    if cell.writing:
        found["sampling"] = asdict(cell.writing.sampling)
        if cell.writing.training:
            found["training"] = asdict(cell.writing.training)
        if cell.writing.scorer_engine:
            found.setdefault(cell.writing.scorer_engine.engine.name, cell.writing.scorer_engine.engine.options)
    return found


def _dataset(data: DatasetChoice) -> dict[str, Any]:
    prepared = data.prepared
    steps: list[dict[str, Any]] = [
        {"step": count.step, "rows": count.rows, "users": count.users, "items": count.items} for count in prepared.steps
    ]
    if steps:
        steps[-1]["splits"] = _splits(data)
    domain = prepared.domain
    return {
        "fingerprint": prepared.fingerprint,
        "domain": {"noun": domain.noun, "plural": domain.plural, "labels": list(domain.labels)},
        "steps": steps,
        "counts": dict(prepared.counts),
        "n_train": train_rows(data).height,
    }


def _splits(data: DatasetChoice) -> dict[str, dict[str, int]]:
    import polars as pl

    rows = data.prepared.interactions.drop_nulls("split").group_by("split", maintain_order=True)
    counted = rows.agg(
        pl.len().alias("rows"), pl.col("user_id").n_unique().alias("users"), pl.col("item_id").n_unique().alias("items")
    )
    return {row.pop("split"): row for row in counted.to_dicts()}


def _model(work: CellState) -> dict[str, Any] | None:
    if work.cell.writing is None:
        return None
    if work.model is None:
        empty: dict[str, Any] = {
            "digest": "",
            "adapter": None,
            "adapter_digest": None,
            "template_args": {},
            "context_length": None,
        }
        return {"name": work.cell.writing.model.name, **empty}
    values = asdict(work.model)
    values.pop("path")
    return values


def _trained(work: CellState) -> dict[str, Any] | None:
    """Weights that a training left beside the writer's; None if there are none."""
    models = work.trained.models if work.trained else None
    if models is None or not (models.stages or models.scorer):
        return None
    stages = {name: model.adapter_digest or model.digest for name, model in models.stages.items()}
    scorer = models.scorer
    return {"stages": stages, "scorer": scorer and (scorer.adapter_digest or scorer.digest)}


def _engine(work: CellState) -> dict[str, Any] | None:
    if work.engine is None:
        return None
    values = asdict(work.engine)
    values.pop("model")
    return values


def _plugin(choice: PluginChoice) -> dict[str, str]:
    return {"name": choice.name, "origin": choice.registered.origin}


def _training_plugins(cell: Cell) -> dict[str, Any]:
    if cell.writing is None or cell.writing.trained_on is None:
        return {}
    rewards = [_plugin(reward) for reward, _ in cell.writing.rewards]
    return {"reward": rewards, "trained_on": _plugin(cell.writing.trained_on)}


def _usage(work: CellState) -> dict[str, Any]:
    writing = asdict(work.writing.usage)
    if work.written:  # a form asks several times for one question
        writing["prompts"] = len(work.written.answers)
    return {"profiles": writing, "scoring": asdict(work.scoring.usage)}


def _profiles(work: CellState) -> dict[str, Any] | None:
    if work.written is None or not work.written.answers:
        return None
    statuses: Sequence[Status] = get_args(Status)
    counts = work.written.counts
    return {
        "asked": len(work.written.answers),
        "readable": counts.get("ok", 0),
        "statuses": {status: counts.get(status, 0) for status in statuses},
        "extra": dict(work.written.extra),
    }
