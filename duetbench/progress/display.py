"""Shows runs and trainings on a console: live bars and a table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from duetbench.progress.base import Progress, TrainingProgress
from duetbench.progress.training import TrainingTable, evaluation_line

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import TaskID

_LINE_SECONDS = 10.0
"""Minimum seconds between two lines about updates if the console is not a terminal."""


class ProgressDisplay(Progress):
    """One bar for the cells, one for the current phase, and a table of the latest updates while a training runs.

    Args:
        console: Where it is shown; usually stderr. Unless it is a terminal, only lines are printed.
    """

    def __init__(self, console: Console) -> None:
        from rich.live import Live
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        self._console = console
        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            auto_refresh=False,
        )
        self._cells: TaskID | None = None
        self._phase: TaskID | None = None
        self._title = ""
        self._training: TrainingTable | None = None
        self._live = Live(console=console, get_renderable=self._render, transient=True, refresh_per_second=8)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def start(self, n_cells: int) -> None:
        self._cells = self._bars.add_task("cells", total=n_cells)

    def cell(self, title: str) -> None:
        self._title = title
        self.phase("")

    def phase(self, name: str) -> None:
        if self._phase is not None:
            self._bars.remove_task(self._phase)
        self._phase = self._bars.add_task(f"{self._title} {name}".strip(), total=None)
        self.refresh()

    def expect(self, n: int) -> None:
        if self._phase is not None:
            total = next(task.total for task in self._bars.tasks if task.id == self._phase)
            self._bars.update(self._phase, total=(total or 0) + n)

    def advance(self, n: int) -> None:
        if self._phase is not None:
            self._bars.advance(self._phase, n)

    def cell_done(self) -> None:
        if self._cells is not None:
            self._bars.advance(self._cells)

    def status(self, line: str) -> None:
        self.phase(f"({line})")

    def training(self, title: str, n_updates: int) -> TrainingProgress:
        return _ShownTraining(self, title, n_updates)

    def print_line(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def show_training(self, table: TrainingTable | None) -> None:
        """Shows a training's table below the bars; None: none."""
        self._training = table
        self.refresh()

    def refresh(self) -> None:
        """Redraws a live display at once instead of at its next refresh."""
        if self._live.is_started:
            self._live.refresh()

    @property
    def is_live(self) -> bool:
        """Whether the console redraws itself, so that updates need no line of their own."""
        return self._console.is_terminal

    def _render(self) -> RenderableType:
        from rich.console import Group

        return Group(self._bars, *([self._training.render()] if self._training else []))


class _ShownTraining(TrainingProgress):
    def __init__(self, display: ProgressDisplay, title: str, n_updates: int) -> None:
        self._display = display
        self._title = title
        self._table = TrainingTable(title, n_updates)
        self._printed_at = float("-inf")

    def __enter__(self) -> Self:
        self._display.show_training(self._table)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._display.show_training(None)

    def update(self, step: int, values: Mapping[str, Any]) -> None:
        self._table.add(step, values)
        now = time.monotonic()
        self._display.refresh()
        if self._display.is_live or (now - self._printed_at < _LINE_SECONDS and not self._table.is_last(step)):
            return
        self._printed_at = now
        self.print_line(self._table.line())

    def evaluated(self, step: int, metrics: Mapping[str, Any], *, is_best: bool) -> None:
        self.print_line(evaluation_line(step, metrics, is_best=is_best))

    def print_line(self, line: str) -> None:
        self._display.print_line(f"{self._title}: {line}")
