"""What a person sees on stderr while a run goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID


class Progress:
    """Shows nothing: for programs that use the runner."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def start(self, n_cells: int) -> None:
        """So many cells are to come."""

    def cell(self, title: str) -> None:
        """A cell begins."""

    def phase(self, name: str) -> None:
        """A phase of the cell begins."""

    def expect(self, n: int) -> None:
        """So many prompts more belong to the phase."""

    def advance(self, n: int) -> None:
        """So many prompts were answered."""

    def cell_done(self) -> None:
        """A cell has ended, in whatever way."""

    def tell(self, line: str) -> None:
        """Something slow begins."""

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leaves the screen to somebody else for a while: a trainer shows its own progress."""
        yield

    def remark(self, line: str) -> None:
        """Something that should stay on the screen."""


class ProgressBars(Progress):
    """One bar for the cells and one for the phase; lines only, where stderr is no terminal.

    Args:
        console: Writes to stderr.
    """

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._console = console
        self._bars = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._cells: TaskID | None = None
        self._phase: TaskID | None = None
        self._title = ""

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def start(self, n_cells: int) -> None:
        self._cells = self._bars.add_task("cells", total=n_cells)

    def cell(self, title: str) -> None:
        self._title = title
        self.phase("")

    def phase(self, name: str) -> None:
        if self._phase is not None:
            self._bars.remove_task(self._phase)
        self._phase = self._bars.add_task(f"{self._title} {name}".strip(), total=None)

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

    def tell(self, line: str) -> None:
        self.phase(f"({line})")

    @contextmanager
    def aside(self) -> Iterator[None]:
        self._bars.stop()
        try:
            yield
        finally:
            self._bars.start()

    def remark(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
