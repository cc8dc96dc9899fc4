"""Progress display of a training: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any, Protocol, TextIO

_COLUMNS = (
    ("reward", "reward", "{:.3f}"),
    ("spread", "range", "{:.3f}"),
    ("readable", "readable", "{:.0%}"),
    ("loss", "loss", "{:.4f}"),
    ("kl", "KL", "{:.4f}"),
    ("grad_norm", "gradient", "{:.3f}"),
    ("tokens_per_second", "tokens/s", "{:.0f}"),
)
"""Quantity, heading, format."""

_PLAIN_SECONDS = 10.0
"""Without a terminal: minimum time between two lines, not counting those of evaluations."""


class TrainingDisplay(Protocol):
    """Shows the progress of a training."""

    def update(self, step: int, values: Mapping[str, Any]) -> None:
        """After an update of the weights."""

    def evaluated(self, step: int, evaluation: Mapping[str, Any], *, is_best: bool) -> None:
        """After an evaluation on validation rows."""

    def print_line(self, line: str) -> None:
        """A message, such as that the training resumes."""

    def close(self) -> None:
        """The training has ended or failed."""


def print_line(title: str, line: str, stream: TextIO | None = None) -> None:
    """Prints a line without a display (default: on stderr)."""
    print(f"{title}: {line}", file=stream or sys.stderr, flush=True)


def open_display(title: str, n_steps: int, stream: TextIO | None = None) -> TrainingDisplay:
    """A display for the stream (default: stderr): a table if it is a terminal, else lines."""
    stream = stream or sys.stderr
    if stream.isatty():
        return _Table(title, n_steps, stream)
    return _Plain(title, n_steps, stream)


class _Plain:
    def __init__(self, title: str, n_steps: int, stream: TextIO) -> None:
        self._title, self._n_steps, self._stream = title, n_steps, stream
        self._remaining = _RemainingTime(n_steps)
        self._shown = 0.0

    def update(self, step: int, values: Mapping[str, Any]) -> None:
        self._remaining.update(step)
        now = time.monotonic()
        if now - self._shown >= _PLAIN_SECONDS or step == self._n_steps:
            self._shown = now
            known = [f"{heading} {text}" for heading, text in _formatted(values)]
            self.print_line(", ".join([f"update {step}/{self._n_steps}", *known, f"{self._remaining.text(step)} left"]))

    def evaluated(self, step: int, evaluation: Mapping[str, Any], *, is_best: bool) -> None:
        self.print_line(f"update {step}: {_evaluation(evaluation)}{' (best)' if is_best else ''}")

    def print_line(self, line: str) -> None:
        print_line(self._title, line, self._stream)

    def close(self) -> None:
        return None


class _Table:
    def __init__(self, title: str, n_steps: int, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._title, self._n_steps = title, n_steps
        self._remaining = _RemainingTime(n_steps)
        self._rows: list[tuple[int, Mapping[str, Any]]] = []
        self._notes: list[str] = []
        self._live = Live(console=Console(file=stream), refresh_per_second=4, transient=False)
        self._live.start()

    def update(self, step: int, values: Mapping[str, Any]) -> None:
        self._remaining.update(step)
        self._rows = [*self._rows, (step, values)][-8:]
        self._show(step)

    def evaluated(self, step: int, evaluation: Mapping[str, Any], *, is_best: bool) -> None:
        self.print_line(f"update {step}: {_evaluation(evaluation)}{' (best)' if is_best else ''}")

    def print_line(self, line: str) -> None:
        self._notes = [*self._notes, line][-6:]
        self._show(self._rows[-1][0] if self._rows else 0)

    def close(self) -> None:
        self._live.stop()

    def _show(self, step: int) -> None:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(title=f"{self._title}: {step} of {self._n_steps} updates, {self._remaining.text(step)} left")
        table.add_column("update", justify="right")
        columns = [column for column in _COLUMNS if any(column[0] in row for _, row in self._rows)]
        for _, heading, _ in columns:
            table.add_column(heading, justify="right")
        for number, row in self._rows:
            table.add_row(str(number), *(_text(row.get(name), pattern) for name, _, pattern in columns))
        self._live.update(Group(table, *(Text(note) for note in self._notes)))


class _RemainingTime:
    """Estimates the remaining time from the updates that this process has made."""

    def __init__(self, n_steps: int) -> None:
        self._n_steps = n_steps
        self._first: tuple[int, float] | None = None

    def update(self, step: int) -> None:
        self._first = self._first or (step, time.monotonic())

    def text(self, step: int) -> str:
        if self._first is None or step <= self._first[0]:
            return "unknown time"
        seconds = (time.monotonic() - self._first[1]) / (step - self._first[0]) * (self._n_steps - step)
        return f"{int(seconds // 60)}:{int(seconds % 60):02d}"


def _formatted(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (heading, _text(values[name], pattern)) for name, heading, pattern in _COLUMNS if values.get(name) is not None
    ]


def _text(value: Any, pattern: str) -> str:
    return "-" if value is None else pattern.format(value)


def _evaluation(evaluation: Mapping[str, Any]) -> str:
    error = _text(evaluation.get("mae"), "{:.4f}")
    return f"validation MAE {error}, readable {_text(evaluation.get('readable'), '{:.0%}')}"
