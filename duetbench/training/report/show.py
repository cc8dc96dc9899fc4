"""What a training's folder tells: how it went, and how a few profiles changed on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duetbench.errors import TrainingError
from duetbench.training.loop.checkpoints import JsonLinesLog, TrainingFolder
from duetbench.training.report.curves import PANELS, sparkline

if TYPE_CHECKING:
    from rich.console import RenderableType

_EVALUATION = (
    ("mae", "MAE", "{:.4f}"),
    ("rmse", "RMSE", "{:.4f}"),
    ("readable", "readable", "{:.0%}"),
    ("leaks", "ratings leaked", "{:.0%}"),
    ("words", "words", "{:.1f}"),
)
"""Metric, heading, format."""


@dataclass(frozen=True)
class TrainingReport:
    """A training, finished or not, as its folder tells it."""

    folder: Path
    job: Mapping[str, Any]
    curve: Sequence[Mapping[str, Any]]
    """One row per update."""
    evaluations: Sequence[Mapping[str, Any]]
    profiles: Sequence[Mapping[str, Any]]
    """Per evaluation: `step` and `rows`, see `validate.Evaluation.shown`."""
    result: Mapping[str, Any] | None
    """None: it has not ended."""


def find_trainings(run: Path) -> list[Path]:
    """The folders of a run's trainings, lesson by lesson where one has several; the folder itself if it is one.

    Raises:
        TrainingError: there is none.
    """
    if (run / "job.json").is_file():
        return [run]
    places = sorted(path for path in run.glob("trainings/*") if path.is_dir()) or [run]
    found = [path for place in places for path in _parts(place)]
    if not found:
        raise TrainingError(f"{run} holds no training; name a folder that `duetbench run --trainer ...` has written")
    return found


def _parts(folder: Path) -> list[Path]:
    """The training in a folder, or its lessons in the order in which they began."""
    if (folder / "job.json").is_file():
        return [folder]
    jobs = sorted(folder.glob("*/job.json"), key=lambda job: (job.stat().st_mtime_ns, job.parent.name))
    return [job.parent for job in jobs]


def read_training(folder: Path) -> TrainingReport:
    """What the folder of a training tells.

    Raises:
        TrainingError: its files are damaged.
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


def render_training(story: TrainingReport, *, rows: int) -> Iterator[RenderableType]:
    """The story for a terminal: what was trained, curves, evaluations, profiles of `rows` validation rows."""
    from rich.text import Text

    trainer, strategy = story.job.get("trainer", "?"), story.job.get("strategy", {}).get("name", "?")
    yield Text(f"{trainer} of {strategy} ({story.folder})", style="bold")
    yield Text(_ending(story.result))
    if story.curve:
        yield _curves(story)
    if story.evaluations:
        yield _evaluations(story)
    places = range(min(rows, len(story.profiles[0]["rows"]))) if story.profiles else range(0)
    for place in places:
        yield _changes(story, place)


def _ending(result: Mapping[str, Any] | None) -> str:
    if result is None:
        return "not finished; the same command that began it goes on with it"
    best = f"best after {result['best_step']}" if result["best_step"] else "none better than the untrained model"
    return f"{result['steps']} updates ({best}), {result['tokens']} tokens sampled, {result['seconds']:.0f} s"


def _curves(story: TrainingReport) -> RenderableType:
    """Where each quantity began, how it went, and where it ended: means of the first and the last tenth."""
    from rich.table import Table

    table = Table("", "first", "over all updates", "last", title="curves", caption=_pictures(story.folder))
    for name, title in PANELS:
        values = [row[name] for row in story.curve if row.get(name) is not None]
        if values:
            n = max(len(values) // 10, 1)
            first, last = sum(values[:n]) / n, sum(values[-n:]) / n
            table.add_row(title, f"{first:.3f}", sparkline(values), f"{last:.3f}")
    return table


def _pictures(folder: Path) -> str | None:
    kept = [name for name in ("curve.png", "curve.csv") if (folder / name).is_file()]
    return f"in full: {' and '.join(kept)} in that folder" if kept else None


def _evaluations(story: TrainingReport) -> RenderableType:
    from rich.table import Table

    best = story.result["best_step"] if story.result else None
    table = Table("update", *(head for _, head, _ in _EVALUATION), "", title="validation rows")
    for entry in story.evaluations:
        cells = ("-" if entry.get(name) is None else form.format(entry[name]) for name, _, form in _EVALUATION)
        table.add_row(str(entry["step"]), *cells, "best" if entry["step"] == best else "")
    return table


def _changes(story: TrainingReport, place: int) -> RenderableType:
    """One row's profiles at every evaluation at which they were others than before."""
    from rich.table import Table

    first = story.profiles[0]["rows"][place]
    table = Table("update", "predicted", "profiles", title=f"{first['request_id']}, rated {first['rating']:g}")
    before: Any = None
    for entry in story.profiles:
        row = entry["rows"][place]
        texts = "\n".join(f"{side}: {profile['text']}" for side, profile in row["profiles"].items())
        told = texts or f"({row['failed']})"
        if told != before:
            value = "-" if row["value"] is None else f"{row['value']:.2f}"
            table.add_row(str(entry["step"]), value, told)
        before = told
    return table
