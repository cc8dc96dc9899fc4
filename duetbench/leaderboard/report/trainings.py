"""The learning curves of the trainings of a board's rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from duetbench.errors import TrainingError
from duetbench.leaderboard.read_results import CellResult
from duetbench.leaderboard.report.charts import curve
from duetbench.leaderboard.report.views import TrainingView
from duetbench.training.report.curves import PANELS
from duetbench.training.report.show import TrainingReport, find_trainings, outcome_text, read_training

_MAX = 24
"""Trainings that are drawn: the first ones by name."""


def training_views(results: Sequence[CellResult]) -> tuple[list[TrainingView], list[str]]:
    """The trainings of the runs that the cells are in, and notes on those that are left out."""
    runs = dict.fromkeys(result.folder.resolve().parent.parent for result in results if result.record.budget)
    views: list[TrainingView] = []
    notes: list[str] = []
    for run in runs:
        try:
            views += [_view(read_training(folder), run) for folder in find_trainings(run)]
        except TrainingError as error:
            notes.append(f"no learning curves: {error}")
    drawn = [view for view in views if view.charts]
    if len(drawn) > _MAX:
        notes.append(f"learning curves of {_MAX} of {len(drawn)} trainings; see `duetbench train show`")
    return drawn[:_MAX], notes


def _view(report: TrainingReport, run: Path) -> TrainingView:
    trainer, strategy = report.job.get("trainer", "?"), report.job.get("strategy", {}).get("name", "?")
    charts = [curve("Validation MAE", _points(report.evaluations, "mae"), is_marked=True)]
    charts += [curve(title, _points(report.curve, name)) for name, title in PANELS]
    title = f"{trainer} of {strategy}, {report.folder.relative_to(run)}"
    return TrainingView(title, outcome_text(report.result), [chart for chart in charts if chart is not None])


def _points(rows: Sequence[Mapping[str, Any]], name: str) -> list[tuple[float, float]]:
    return [(float(row["step"]), float(row[name])) for row in rows if row.get(name) is not None]
