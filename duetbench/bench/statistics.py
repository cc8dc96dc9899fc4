"""Measures the uncertainty of leaderboards on synthetic methods whose true differences are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from duetbench.bench.simulated_ratings import rated
from duetbench.bench.simulation import SimulatedPopulation, simulated

if TYPE_CHECKING:
    import numpy as np

    from duetbench.evaluation.statistics import Uncertainty

COVERAGE = (0.93, 0.97)
"""Bounds of the share of 95 % intervals that contain the true difference."""
SPLIT = 0.05
"""Upper bound of the share of boards of equal methods on which any two are told apart."""
MET, NOT_MET, UNDECIDED, NOT_SHOWN = "met", "NOT met", "undecided", "no intervals"
"""Verdicts on a bound; the third one: the simulation is too small to say."""
EFFECTS = (0.03, 0.1)
"""True differences of MAE at which power is measured."""

_REALISTIC: dict[str, Any] = {"unbalance": 0.8, "popularity": 0.7, "is_heavy": True}
_TRAINED: dict[str, Any] = {"seeds": 3, "seed_sd": 0.03}
POPULATIONS = tuple(
    SimulatedPopulation(f"{users} users, {name}", users, **changes)
    for users in (20, 50, 129, 200)
    for name, changes in (
        ("single pairs only", {"user_sd": 0.0, "item_sd": 0.0}),
        ("users and items", {}),
        ("users and items, 3 seeds", _TRAINED),
        ("unbalanced, popular items, heavy tails", _REALISTIC),
        ("unbalanced, popular items, heavy tails, 3 seeds", _REALISTIC | _TRAINED),
        ("20 items", {"items": 20}),
    )
) + tuple(
    SimulatedPopulation(f"{metric} of {users} users, {pairs} pairs each", users, pairs, metric=metric)
    for metric in ("mae", "rmse", "accuracy", "f1")
    for users, pairs in ((24, 1), (20, 3), (50, 2), (129, 10))
)
BOARDS = tuple(
    (methods, SimulatedPopulation(f"{users} users", users, pairs, **_REALISTIC, **changes))
    for methods in (8, 14)
    for users, pairs in ((129, 10), (430, 3))
    for changes in ({}, _TRAINED)
) + tuple(
    (8, SimulatedPopulation(f"{metric} of {users} users, {pairs} pairs each", users, pairs, metric=metric))
    for metric, sizes in (
        ("mae", ((2, 1), (2, 10), (3, 8), (10, 2), (21, 1))),
        ("rmse", ((21, 1), (50, 2), (129, 3))),
        ("accuracy", ((21, 1), (50, 2), (129, 3))),
        ("f1", ((21, 1), (50, 2), (129, 3), (129, 10))),
    )
    for users, pairs in sizes
)
"""Numbers of methods, and the population that they are compared on."""


@dataclass(frozen=True, slots=True)
class StatisticsBenchOptions:
    """The size of the simulation."""

    replications: int = 2000
    """Samples per population."""
    boards: int = 500
    """Boards per size."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class CoverageResult:
    """How often the interval of a true difference of two methods contains it."""

    population: SimulatedPopulation
    coverage: float | None
    """Of the samples with an interval; None: none has one."""
    replications: int
    width: float | None
    """Mean width of the intervals."""
    shown: int
    """Number of samples with an interval."""

    @property
    def error(self) -> float | None:
        """Standard error of the coverage."""
        return None if self.coverage is None else _error(self.coverage, self.shown)

    @property
    def verdict(self) -> str:
        """Whether the coverage is within COVERAGE."""
        return NOT_SHOWN if self.coverage is None else _verdict(self.coverage, self.shown, COVERAGE)


@dataclass(frozen=True, slots=True)
class SplitResult:
    """How often truly equal methods are told apart, and truly different ones are."""

    population: SimulatedPopulation
    methods: int
    boards: int
    split: float
    """Share of boards of equal methods on which rank intervals tell any two of them apart."""
    starred: float
    """Share of boards of equal methods on which any difference to the first one has a star."""
    power: tuple[float, ...]
    """By EFFECTS: how often a method that is better by the effect is told apart from another one."""

    @property
    def error(self) -> float:
        """Standard error of `split`."""
        return _error(self.split, self.boards)

    @property
    def verdict(self) -> str:
        """Whether `split` and `starred` are both at most SPLIT."""
        return _verdict(max(self.split, self.starred), self.boards, (0.0, SPLIT))


def _verdict(share: float, n: int, bounds: tuple[float, float]) -> str:
    """MET or NOT_MET if Wilson's 95 % interval of the true share is on one side of the bounds, else UNDECIDED."""
    from scipy.stats import binomtest

    found = binomtest(round(share * n), n).proportion_ci(method="wilson")
    if bounds[0] <= found.low and found.high <= bounds[1]:
        return MET
    return NOT_MET if found.high < bounds[0] or found.low > bounds[1] else UNDECIDED


def _error(share: float, n: int) -> float:
    return math.sqrt(share * (1 - share) / n)


@dataclass(frozen=True, slots=True)
class StatisticsBenchResult:
    """The results of all populations and boards."""

    coverages: tuple[CoverageResult, ...]
    splits: tuple[SplitResult, ...]

    def as_json(self) -> dict[str, Any]:
        """All values as JSON."""
        return {
            "coverage_bounds": COVERAGE,
            "coverage": [_as_json(result) for result in self.coverages],
            "split_bound": SPLIT,
            "effects": EFFECTS,
            "boards": [_as_json(result) for result in self.splits],
        }


def _as_json(result: CoverageResult | SplitResult) -> dict[str, Any]:
    return {**asdict(result), "error": result.error, "verdict": result.verdict}


def bench_statistics(
    options: StatisticsBenchOptions,
    *,
    populations: Sequence[SimulatedPopulation] = POPULATIONS,
    boards: Sequence[tuple[int, SimulatedPopulation]] = BOARDS,
    on_progress: Callable[[str], None],
) -> StatisticsBenchResult:
    """Simulates all populations and boards.

    Args:
        options: The size of the simulation.
        populations: Where the coverage of intervals is measured.
        boards: Numbers of methods, and the population that they are compared on.
        on_progress: Called with a line before each population and board.
    """
    coverages = []
    for population in populations:
        on_progress(f"coverage: {population.name}")
        coverages.append(_coverage(population, options))
    splits = []
    for methods, population in boards:
        on_progress(f"{methods} methods, {population.name}")
        splits.append(_splits(methods, population, options))
    return StatisticsBenchResult(tuple(coverages), tuple(splits))


def _coverage(population: SimulatedPopulation, options: StatisticsBenchOptions) -> CoverageResult:
    import numpy as np

    from duetbench.evaluation.statistics.intervals import interval

    rng = np.random.default_rng(options.seed)
    covered, widths = 0, []
    for _ in range(options.replications):
        of = _sample(population, 2, rng)
        found = None if of is None else interval(of, of.contrast(0, 1))
        if found is not None:
            covered += found.low <= 0 <= found.high
            widths.append(found.high - found.low)
    n = len(widths)
    if not n:
        return CoverageResult(population, None, options.replications, None, 0)
    return CoverageResult(population, covered / n, options.replications, float(np.mean(widths)), n)


def _sample(population: SimulatedPopulation, methods: int, rng: np.random.Generator) -> Uncertainty | None:
    """Methods with the same true mean on a new sample; None: a leaderboard prints no statistics of it."""
    from duetbench.evaluation.statistics import uncertainty

    if population.metric:
        return rated(population, methods, rng)
    return uncertainty(simulated(population, methods, rng))


def _splits(methods: int, population: SimulatedPopulation, options: StatisticsBenchOptions) -> SplitResult:
    import numpy as np

    from duetbench.evaluation.statistics import rank_intervals

    rng = np.random.default_rng(options.seed)
    outcomes = []
    for _ in range(options.boards):
        of = _sample(population, methods, rng)
        if of is None:
            outcomes.append([0.0, 0.0, *(0.0 for _ in EFFECTS)])
            continue
        is_split = rank_intervals(of).is_better.any()
        powers = [_told_apart(of, effect) for effect in EFFECTS]
        outcomes.append([float(is_split), float(_has_star(of)), *powers])
    split, starred, *power = (float(share) for share in np.mean(outcomes, axis=0))
    return SplitResult(population, methods, options.boards, split, starred, tuple(power))


def _told_apart(of: Uncertainty, effect: float) -> float:
    """The share of the other methods from which the first one is told apart if it is better by the effect."""
    from duetbench.evaluation.statistics import rank_intervals

    moved = of.means.copy()
    moved[0] -= effect
    return float(rank_intervals(replace(of, means=moved)).is_better[0, 1:].mean())


def _has_star(of: Uncertainty) -> bool:
    from duetbench.evaluation.statistics import difference_p, holm, users_needed
    from duetbench.evaluation.statistics.intervals import ALPHA

    if of.n_users < users_needed(len(of.means) - 1, ALPHA):
        return False
    pooled = of.with_pooled_seeds()
    p_values = [difference_p(pooled, of.contrast(column, 0)) for column in range(1, len(of.means))]
    return min(holm([1.0 if p is None else p for p in p_values])) < ALPHA
