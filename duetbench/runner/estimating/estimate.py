"""Estimates the prompts and tokens of a plan without loading a model.

The prompts of a sample of requests are rendered, once for all cells whose prompts are the same, such as those of other
seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from duetbench.digests import digest_of_value
from duetbench.evaluation.empty_windows import empty_window_share
from duetbench.runner.estimating.prompt_counts import PromptCounter, PromptTokens
from duetbench.runner.examples import Examples
from duetbench.runner.output.finished import FinishedCells
from duetbench.runner.output.run_folder import cell_folder
from duetbench.runner.planning.cells import Cell, WriterSpec
from duetbench.runner.planning.plan import Plan

if TYPE_CHECKING:
    from duetbench.data import ExampleSample

SAMPLE = 2000
"""Maximum number of requests that are built and rendered for one combination of data, strategy and scorer."""
SAMPLE_OF_ALL = 6000
"""Number of requests that are rendered for all combinations together, unless there are very many combinations."""
MIN_SAMPLE = 50
"""Minimum number of requests for one combination, if there are as many."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Expected requests of a cell, or of a plan."""

    examples: int
    """0 for a plan."""
    prompts: int
    """Distinct prompts, computed or answered from the store."""
    prompt_tokens: int
    """Approximate."""
    completion_tokens: int
    """Approximate upper bound."""
    is_scaled: bool = False
    """True: scaled up from the first requests."""
    is_finished: bool = False
    """True: the result exists, so nothing will be requested."""
    empty_windows: float | None = None
    """Share of the rendered requests whose user has earlier interactions of which the writer sees none."""


@dataclass(frozen=True, slots=True)
class Estimates:
    """Estimates of a plan."""

    cells: tuple[Estimate, ...]
    work: tuple[ModelWork, ...]
    """What each model has to compute for unfinished cells, by model and phase. Trainings are not included."""

    @property
    def total(self) -> Estimate:
        """Over unfinished cells; a prompt that several cells share counts once. Trainings are not included."""
        return Estimate(
            0,
            sum(part.prompts for part in self.work),
            sum(part.prompt_tokens for part in self.work),
            sum(part.completion_tokens for part in self.work),
            is_scaled=any(part.is_scaled for part in self.work),
        )


@dataclass(frozen=True, slots=True)
class ModelWork:
    """Distinct prompts of one model in one phase."""

    model: str
    engine: str
    phase: str
    """`profiles` or `ratings`."""
    prompts: int
    prompt_tokens: int
    completion_tokens: int
    is_scaled: bool = False


@dataclass(frozen=True)
class _PromptSet:
    """Distinct prompts of one phase, of which cells may share some."""

    tokens: PromptTokens

    @cached_property
    def sums(self) -> tuple[int, int, int]:
        """Prompts, their tokens and those of their completions, scaled to all requests."""
        sizes = self.tokens.values()
        return (
            round(sum(size.weight for size in sizes)),
            round(sum(size.weight * size.prompt_tokens for size in sizes)),
            round(sum(size.weight * size.completion_tokens for size in sizes)),
        )

    @cached_property
    def is_scaled(self) -> bool:
        """Whether the prompts represent others that are not rendered."""
        return any(size.weight != 1 for size in self.tokens.values())


@dataclass(frozen=True)
class _Rendered:
    """The prompts of all cells that differ only in what does not change a prompt."""

    examples: int
    profiles: _PromptSet
    ratings: _PromptSet
    empty_windows: float | None

    def estimate(self, *, is_finished: bool) -> Estimate:
        """The estimate of one of these cells."""
        sums = (sum(pair) for pair in zip(self.profiles.sums, self.ratings.sums, strict=True))
        is_scaled = self.profiles.is_scaled or self.ratings.is_scaled
        return Estimate(
            self.examples, *sums, is_scaled=is_scaled, is_finished=is_finished, empty_windows=self.empty_windows
        )


def estimate(plan: Plan, folder: Path | None = None, *, sample: int = SAMPLE_OF_ALL) -> Estimates:
    """The estimates of a plan.

    Args:
        plan: The cells.
        folder: The run's folder, to find finished cells; None: none are finished.
        sample: See `SAMPLE_OF_ALL`.
    """
    return _Estimator(folder, sample).estimate(plan)


_Scope = tuple[str, str, str, str]
"""Model, engine, phase, and what else makes equal prompts different requests: the writer's training and seed."""


@dataclass
class _Estimator:
    folder: Path | None
    sample: int
    examples: Examples = field(default_factory=Examples)
    rendered: dict[str, _Rendered] = field(default_factory=dict)
    scopes: dict[_Scope, list[_PromptSet]] = field(default_factory=dict)
    finished: FinishedCells = field(default_factory=FinishedCells)

    def estimate(self, plan: Plan) -> Estimates:
        digests = [_prompts_digest(cell) for cell in plan.cells]
        n = min(SAMPLE, max(MIN_SAMPLE, self.sample // max(len(set(digests)), 1)))
        for digest, cell in zip(digests, plan.cells, strict=True):
            if digest not in self.rendered:
                self.rendered[digest] = _render(cell, self.examples.sample_of_cell(cell, n))
        cells = tuple(self._cell(cell, self.rendered[digest]) for digest, cell in zip(digests, plan.cells, strict=True))
        return Estimates(cells, tuple(_work(scopes) for scopes in self._by_model()))

    def _cell(self, cell: Cell, rendered: _Rendered) -> Estimate:
        is_done = self.folder is not None and self.finished.contains(cell, cell_folder(self.folder, cell))
        if not is_done and cell.writing:
            for phase, prompts in (("profiles", rendered.profiles), ("ratings", rendered.ratings)):
                sets = self.scopes.setdefault(_scope(cell, cell.writing, phase), [])
                if not any(prompts is each for each in sets):
                    sets.append(prompts)
        return rendered.estimate(is_finished=is_done)

    def _by_model(self) -> list[list[tuple[_Scope, list[_PromptSet]]]]:
        """The scopes of each model, engine and phase."""
        groups: dict[tuple[str, str, str], list[tuple[_Scope, list[_PromptSet]]]] = {}
        for scope, sets in self.scopes.items():
            groups.setdefault(scope[:3], []).append((scope, sets))
        return list(groups.values())


def _work(scopes: Sequence[tuple[_Scope, list[_PromptSet]]]) -> ModelWork:
    model, engine, phase, _ = scopes[0][0]
    unions = [_union(sets) for _, sets in scopes]
    sums = (sum(union.sums[n] for union in unions) for n in range(3))
    return ModelWork(model, engine, phase, *sums, is_scaled=any(union.is_scaled for union in unions))


def _union(sets: Sequence[_PromptSet]) -> _PromptSet:
    if len(sets) == 1:
        return sets[0]
    tokens: PromptTokens = {}
    for prompts in sets:
        tokens |= prompts.tokens
    return _PromptSet(tokens)


def _prompts_digest(cell: Cell) -> str:
    """A digest of what determines the prompts of a cell, apart from completions: no seed, no training, no model."""
    writing, control = cell.writing, cell.control
    return digest_of_value(
        [
            cell.data.describe(),
            [cell.split, cell.limit, cell.data.options.sample_seed],
            writing.strategy.describe() if writing else None,
            cell.scorer.describe(),
            [control.choice.describe(), dict(control.changed)] if control else None,
        ]
    )


def _scope(cell: Cell, writing: WriterSpec, phase: str) -> _Scope:
    """Completions of a trained writer differ from those of its base model, and sampled ones from seed to seed."""
    is_sampled = cell.writes_profiles and writing.sampling.temperature > 0
    differs = [cell.training_id or "", f"seed {cell.seed}" if is_sampled else ""]
    if phase == "ratings":
        differs += [cell.scorer.name, f"{cell.control.name} {cell.seed}" if cell.control else ""]
    return writing.model.name, writing.engine.name, phase, " ".join(differs)


def _render(cell: Cell, sample: ExampleSample) -> _Rendered:
    counter = PromptCounter(sample)
    requests = [example.request for example in sample.examples]
    empty = None
    if cell.writing:
        counter.count(cell, cell.writing, requests)
        empty = empty_window_share(cell.writing.strategy.make(), requests)
    return _Rendered(sample.n_pairs, _PromptSet(counter.profiles), _PromptSet(counter.ratings), empty)
