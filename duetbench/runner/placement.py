"""Where the work of a run is done: in this process, unless a cluster takes over some of it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from duetbench.errors import DuetbenchError
from duetbench.interfaces import Engine
from duetbench.progress import Progress
from duetbench.runner.planning.cells import Cell, PluginChoice
from duetbench.types import ModelRef

if TYPE_CHECKING:
    from duetbench.runner.engine_pool import EnginePool

State = Literal["done", "found", "failed", "left out"]
"""Computed in this run; finished before; failed in this run; a control that does not apply, as its record says."""


@dataclass(frozen=True)
class CellEnd:
    """How the computation of a cell ended on another machine."""

    cell: Cell
    state: State
    reason: str = ""
    """Why it failed or was left out, in one line."""


@dataclass(frozen=True)
class PlacedWork:
    """Work that a placement may take over."""

    cells: Sequence[Cell]
    """The unfinished cells, in the order of execution."""
    folder: Path
    """The run's folder."""
    pool: EnginePool
    """Provides the request store, to which only this process writes."""
    is_forced: bool
    """Whether finished cells are computed again."""
    progress: Progress
    failed_trainings: dict[str, DuetbenchError] = field(default_factory=dict)
    """Trainings that failed elsewhere, by id: they are not tried again in this process. Filled by the placement."""


class Placement:
    """Computes everything in this process. A cluster overrides what it takes over."""

    def check(self, cells: Sequence[Cell]) -> None:
        """Checks that it can have an effect on these unfinished cells.

        Raises:
            ConfigError: it cannot.
        """

    def engine(self, choice: PluginChoice, model: ModelRef) -> Engine:
        """The engine for these weights; nothing is loaded before it is needed."""
        engine: Engine = choice.make(model=model)
        return engine

    def computed_here(self, cells: Sequence[Cell]) -> Sequence[Cell]:
        """The cells that this process computes, so that it must have what they need."""
        return cells

    def compute(self, work: PlacedWork) -> Generator[CellEnd, None, None]:
        """Computes cells or trainings elsewhere; cells of which no end is yielded are computed in this process."""
        yield from ()

    def close(self) -> None:
        """Ends whatever it started elsewhere."""
