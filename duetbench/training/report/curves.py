"""Learning curves as CSV files and as an image: one row per update, one per evaluation."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from duetbench.atomic import atomic_file, write_text

PANELS = (
    ("reward", "Reward"),
    ("readable", "Readable share"),
    ("spread", "Reward range within groups"),
    ("kl", "KL from the untrained model"),
    ("loss", "Loss"),
    ("grad_norm", "Gradient norm"),
)
"""Quantity and title of the panels that are drawn over updates, if there is data."""

_BARS = "▁▂▃▄▅▆▇█"


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes all rows with all columns that occur, `step` first; a missing value is an empty field."""
    columns = sorted({name for row in rows for name in row} - {"step"})
    text = io.StringIO()
    writer = csv.DictWriter(text, ["step", *columns], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def draw_curves(path: Path, curve: Sequence[Mapping[str, Any]], evaluations: Sequence[Mapping[str, Any]]) -> None:
    """Draws one panel per quantity, the validation error first; writes no file if there is nothing to draw."""
    panels = [(name, title) for name, title in PANELS if any(row.get(name) is not None for row in curve)]
    if not panels and not evaluations:
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * (len(panels) + 1), 3), layout="constrained")
    axes = figure.subplots(1, len(panels) + 1, squeeze=False)[0]
    _panel(axes[0], "mae", "Validation MAE", evaluations, marker="o")
    for axis, (name, title) in zip(axes[1:], panels, strict=True):
        _panel(axis, name, title, curve)
    FigureCanvasAgg(figure)
    with atomic_file(path) as partial:
        figure.savefig(partial, format="png")


def sparkline(values: Sequence[float], *, width: int = 40) -> str:
    """The values as a line of bars from the lowest to the highest; more than `width` values are averaged in groups."""
    n = min(len(values), width)
    parts = [values[len(values) * bar // n : len(values) * (bar + 1) // n] for bar in range(n)]
    means = [sum(part) / len(part) for part in parts]
    low, high = min(means, default=0.0), max(means, default=0.0)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((mean - low) * scale)] for mean in means)


def _panel(axis: Any, name: str, title: str, rows: Sequence[Mapping[str, Any]], **style: Any) -> None:
    known = [(row["step"], row[name]) for row in rows if row.get(name) is not None]
    axis.plot([step for step, _ in known], [value for _, value in known], **style)
    axis.set_title(title)
    axis.set_xlabel("update")
    axis.grid(alpha=0.3)
