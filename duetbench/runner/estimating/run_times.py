"""How long a run took, to be compared with its estimate."""

from __future__ import annotations

from dataclasses import dataclass, field

from duetbench.runner.cell_state import CellState
from duetbench.runner.metering import ComputedWork


@dataclass
class RunTimes:
    """How long a run took, and what its engines computed."""

    seconds: float = 0.0
    """The whole run, without planning."""
    training: float = 0.0
    work: dict[tuple[str, str, str], ComputedWork] = field(default_factory=dict)
    """Profiles and ratings, by model, engine and phase."""

    @property
    def engine(self) -> float:
        """Seconds in which engines wrote profiles and ratings, loading included."""
        return sum(work.seconds for work in self.work.values())

    @property
    def other(self) -> float:
        """Seconds of everything else: checks, prompts, parsing, the request store, metrics, files."""
        return max(self.seconds - self.training - self.engine, 0.0)

    @property
    def requests(self) -> int:
        """Number of requests that were computed and not answered from the store, without those of trainings."""
        return sum(work.requests for work in self.work.values())

    def add(self, state: CellState) -> None:
        """Adds what a cell has cost."""
        self.training += state.training_seconds or 0.0
        if writing := state.cell.writing:
            for phase, meter in (("profiles", state.profile_meter), ("ratings", state.rating_meter)):
                key = (writing.model.name, writing.engine.name, phase)
                self.work.setdefault(key, ComputedWork()).add(meter.computed)
