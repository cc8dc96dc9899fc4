"""`duetbench train show`: curves, evaluations and changing profiles of a training, read from its folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duetbench.errors import TrainingError
from duetbench.training.report.curves import PANELS, sparkline
from duetbench.training.training_folder import JsonLinesLog, TrainingFolder

if TYPE_CHECKING:
    from rich.console import RenderableType

_EVALUATION = (
    ("mae", "MAE", "{:.4f}"),
    ("held_out_mae", "held-out MAE", "{:.4f}"),
    ("rmse", "RMSE", "{:.4f}"),
    ("readable", "readable", "{:.0%}"),
    ("leaks", "ratings leaked", "{:.0%}"),
    ("words", "words", "{:.1f}"),
)
"""Metric, heading, format."""


@dataclass(frozen=True)
class TrainingReport:
    """The contents of a training's folder, finished or not."""

    folder: Path
    job: Mapping[str, Any]
    curve: Sequence[Mapping[str, Any]]
    """One row per update."""
    evaluations: Sequence[Mapping[str, Any]]
    profiles: Sequence[Mapping[str, Any]]
    """Per evaluation: `step` and `rows`, see `loop.validation.Evaluation.shown`."""
    result: Mapping[str, Any] | None
    """None: it has not ended."""


def find_trainings(run: Path) -> list[Path]:
    """The folders of a run's trainings, or the folder itself if it is one; training stages have their own folders.

    Raises:
        TrainingError: there is none.
    """
    if (run / "job.json").is_file():
        return [run]
    folders = sorted(path for path in run.glob("trainings/*") if path.is_dir()) or [run]
    trainings = [stage for folder in folders for stage in _stage_folders(folder)]
    if not trainings:
        raise TrainingError(f"{run} contains no training; name a folder that `duetbench run --trainer ...` has written")
    return trainings


def _stage_folders(folder: Path) -> list[Path]:
    """The folder of a training, or those of its stages in the order in which they began."""
    if (folder / "job.json").is_file():
        return [folder]
    jobs = sorted(folder.glob("*/job.json"), key=lambda job: (job.stat().st_mtime_ns, job.parent.name))
    return [job.parent for job in jobs]


def read_training(folder: Path) -> TrainingReport:
    """The report of the training in a folder.

    Raises:
        TrainingError: a file is damaged.
    """
    training = TrainingFolder(folder)
    return TrainingReport(
        folder,
        training.job or {},
        JsonLinesLog(folder / "curve.jsonl").read(),
        JsonLinesLog(folder / "evaluations.jsonl").read(),
        JsonLinesLog(folder / "profiles.jsonl").read(),
        training.result,
    )


def render_training(report: TrainingReport, *, rows: int) -> Iterator[RenderableType]:
    """The report for a terminal: title, curves, evaluations, profiles of `rows` validation rows."""
    from rich.text import Text

    trainer, strategy = report.job.get("trainer", "?"), report.job.get("strategy", {}).get("name", "?")
    yield Text(f"{trainer} of {strategy} ({report.folder})", style="bold")
    yield Text(outcome_text(report.result))
    for entry in report.evaluations:
        if entry.get("alarm"):
            yield Text(f"warning: update {entry['step']}: {entry['alarm']}", style="bold red")
    if report.curve:
        yield _curves(report)
    if report.evaluations:
        yield _evaluations(report)
    shown = range(min(rows, len(report.profiles[0]["rows"]))) if report.profiles else range(0)
    for row in shown:
        yield _profile_changes(report, row)


def outcome_text(result: Mapping[str, Any] | None) -> str:
    """Updates, tokens and seconds of a training, with its best update and its failures."""
    if result is None:
        return "not finished; the command that started it resumes it"
    best = f"best after {result['best_step']}" if result["best_step"] else "none better than the untrained model"
    failures = "".join(
        f", {result[name]} {name.replace('_', ' ')}"
        for name in ("failed_calls", "unreadable_ratings")
        if result.get(name)
    )
    return f"{result['steps']} updates ({best}), {result['tokens']} tokens sampled, {result['seconds']:.0f} s{failures}"


def _curves(report: TrainingReport) -> RenderableType:
    """Each quantity over all updates, with the means of the first and the last tenth."""
    from rich.table import Table

    table = Table("", "first", "over all updates", "last", title="curves", caption=_curve_files(report.folder))
    for name, title in PANELS:
        values = [row[name] for row in report.curve if row.get(name) is not None]
        if values:
            n = max(len(values) // 10, 1)
            first, last = sum(values[:n]) / n, sum(values[-n:]) / n
            table.add_row(title, f"{first:.3f}", sparkline(values), f"{last:.3f}")
    return table


def _curve_files(folder: Path) -> str | None:
    names = [name for name in ("curve.png", "curve.csv") if (folder / name).is_file()]
    return f"in full: {' and '.join(names)} in that folder" if names else None


def _evaluations(report: TrainingReport) -> RenderableType:
    from rich.table import Table

    best = report.result["best_step"] if report.result else None
    shown = [column for column in _EVALUATION if any(column[0] in entry for entry in report.evaluations)]
    table = Table("update", *(heading for _, heading, _ in shown), "", title="validation rows")
    for entry in report.evaluations:
        cells = ("-" if entry.get(name) is None else pattern.format(entry[name]) for name, _, pattern in shown)
        table.add_row(str(entry["step"]), *cells, "best" if entry["step"] == best else "")
    return table


def _profile_changes(report: TrainingReport, row: int) -> RenderableType:
    """The profiles of one validation row, at every evaluation at which they differ from the one before."""
    from rich.table import Table

    first = report.profiles[0]["rows"][row]
    table = Table("update", "predicted", "profiles", title=f"{first['request_id']}, rated {first['rating']:g}")
    previous: str | None = None
    for entry in report.profiles:
        shown = entry["rows"][row]
        texts = "\n".join(f"{side}: {profile['text']}" for side, profile in shown["profiles"].items())
        content = texts or f"({shown['failed']})"
        if content != previous:
            value = "-" if shown["value"] is None else f"{shown['value']:.2f}"
            table.add_row(str(entry["step"]), value, content)
        previous = content
    return table
