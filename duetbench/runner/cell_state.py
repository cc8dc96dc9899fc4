"""The state of a cell during its execution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from duetbench.runner.metering import UsageMeter
from duetbench.runner.planning.cells import Cell
from duetbench.runner.trainings import TrainingResult
from duetbench.types import EngineInfo, Example, ModelRef, Prediction, Profiles

if TYPE_CHECKING:
    from duetbench.profiling import WrittenProfiles
    from duetbench.records import ValidationRecord


@dataclass
class CellState:
    """Results of a cell so far; a failed cell keeps its results so far."""

    cell: Cell
    examples: Sequence[Example] = ()
    model: ModelRef | None = None
    """The writer's weights."""
    engine: EngineInfo | None = None
    """The writer's engine."""
    trained: TrainingResult | None = None
    training_seconds: float | None = None
    """Wall-clock time that the cell spent on its training, also if that failed; None: nothing is trained."""
    written: WrittenProfiles | None = None
    profiles: Sequence[Profiles] = ()
    """One per example, as the scorer reads them."""
    control_measures: Mapping[str, float | None] = field(default_factory=dict)
    """What the control measured."""
    predictions: Sequence[Prediction] = ()
    """One per example."""
    validation: ValidationRecord | None = None
    profile_meter: UsageMeter = field(default_factory=UsageMeter)
    rating_meter: UsageMeter = field(default_factory=UsageMeter)
