"""The display of a training: a table of the latest updates, or a line at intervals."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

_COLUMNS = (
    ("reward", "reward", "{:.3f}"),
    ("spread", "range", "{:.3f}"),
    ("readable", "readable", "{:.0%}"),
    ("loss", "loss", "{:.4f}"),
    ("kl", "KL", "{:.4f}"),
    ("grad_norm", "gradient", "{:.3f}"),
    ("tokens_per_second", "tokens/s", "{:.0f}"),
)
"""Logged quantity, heading, format."""

_LATEST_UPDATES = 8


class TrainingTable:
    """The latest updates of one training.

    Args:
        title: What is trained with what.
        n_updates: Optimizer steps of the whole training.
    """

    def __init__(self, title: str, n_updates: int) -> None:
        self._title, self._n_updates = title, n_updates
        self._rows: list[tuple[int, Mapping[str, Any]]] = []
        self._first: tuple[int, float] | None = None

    def add(self, step: int, values: Mapping[str, Any]) -> None:
        """Adds an update; only the latest ones are kept."""
        self._first = self._first or (step, time.monotonic())
        self._rows = [*self._rows, (step, values)][-_LATEST_UPDATES:]

    def render(self) -> RenderableType:
        """A table with one row per update, for a live display."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        step = self._rows[-1][0] if self._rows else 0
        title = Text(f"{self._title}: {step} of {self._n_updates} updates, {self._remaining(step)} left")
        table = Table()
        table.add_column("update", justify="right")
        shown = [column for column in _COLUMNS if any(column[0] in values for _, values in self._rows)]
        for _, heading, _ in shown:
            table.add_column(heading, justify="right")
        for number, values in self._rows:
            table.add_row(str(number), *(_text(values.get(name), form) for name, _, form in shown))
        return Group(title, table)

    def line(self) -> str:
        """The latest update as one line."""
        step, values = self._rows[-1]
        shown = [f"{heading} {form.format(values[name])}" for name, heading, form in _COLUMNS if _has(values, name)]
        return ", ".join([f"update {step}/{self._n_updates}", *shown, f"{self._remaining(step)} left"])

    def is_last(self, step: int) -> bool:
        """Whether no update follows."""
        return step >= self._n_updates

    def _remaining(self, step: int) -> str:
        """Time for the remaining updates at the pace since this process began."""
        if self._first is None or step <= self._first[0]:
            return "unknown time"
        seconds = (time.monotonic() - self._first[1]) / (step - self._first[0]) * (self._n_updates - step)
        return f"{int(seconds // 60)}:{int(seconds % 60):02d}"


def evaluation_line(step: int, metrics: Mapping[str, Any], *, is_best: bool) -> str:
    """One line about an evaluation on validation rows."""
    error, readable = _text(metrics.get("mae"), "{:.4f}"), _text(metrics.get("readable"), "{:.0%}")
    return f"update {step}: validation MAE {error}, readable {readable}{' (best)' if is_best else ''}"


def _has(values: Mapping[str, Any], name: str) -> bool:
    return values.get(name) is not None


def _text(value: Any, form: str) -> str:
    return "-" if value is None else form.format(value)
