"""The events of runs and trainings that a display can show. The base classes show nothing."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self


class TrainingProgress:
    """Events of one training. Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def update(self, step: int, values: Mapping[str, Any]) -> None:
        """An optimizer step was made.

        Args:
            step: Optimizer steps so far, >= 1.
            values: Logged quantities by name, such as `reward`, `loss`, `grad_norm`.
        """

    def evaluated(self, step: int, metrics: Mapping[str, Any], *, is_best: bool) -> None:
        """The weights after `step` updates were evaluated on validation rows."""

    def print_line(self, line: str) -> None:
        """A message about the training that stays visible."""


class Progress:
    """Events of a run. Shows nothing: for programs that use duetbench as a library, and for `--quiet`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def start(self, n_cells: int) -> None:
        """The run begins.

        Args:
            n_cells: Cells of the run, finished ones included.
        """

    def cell(self, title: str) -> None:
        """A cell begins."""

    def phase(self, name: str) -> None:
        """A phase of the current cell begins, such as `profiles` or `ratings`."""

    def expect(self, n: int) -> None:
        """`n` more prompts belong to the current phase."""

    def advance(self, n: int) -> None:
        """`n` more prompts of the current phase were answered."""

    def cell_done(self) -> None:
        """The current cell has ended, successfully or not."""

    def status(self, line: str) -> None:
        """A slow operation begins, such as loading a model."""

    def training(self, title: str, n_updates: int) -> TrainingProgress:
        """The display of a training, to be used as a context manager.

        Args:
            title: What is trained with what, such as `grpo of duet`.
            n_updates: Optimizer steps of the whole training.
        """
        return TrainingProgress()

    def print_line(self, line: str) -> None:
        """A message that stays visible."""
