"""A leaderboard: sections of rows, each row one cell or one cell per seed."""

from __future__ import annotations

from dataclasses import dataclass

from duetbench.evaluation.conventions import Convention
from duetbench.evaluation.statistics import Interval
from duetbench.leaderboard.row_attributes import RowAttributes
from duetbench.leaderboard.sections import SectionKey

COVERAGE = 0.98
"""Rows with lower coverage are marked and not ranked."""

RANKED, LOW, UNPAIRED, FAILED = "ranked", "low coverage", "no predictions", "failed"

COUNTS = ("right_answer", "wrong_answer", "unreadable_profile", "unreadable_rating", "failed_call")
RANKED_BY = "mae"
"""The metric that ranks, intervals and differences are computed from."""


@dataclass(frozen=True, slots=True)
class BoardMetric:
    """One metric of a board."""

    name: str
    title: str
    """Heading of its column."""
    lower_is_better: bool | None
    """None: it is in the records, but no plugin of that name is registered."""


@dataclass(frozen=True, slots=True)
class SeedSummary:
    """The mean over seeds."""

    mean: float
    sd: float | None
    """Sample standard deviation; None for one seed."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of a row, each a mean over its seeds; None: not recorded."""

    prompt_tokens: float | None
    completion_tokens: float | None
    calls: float | None
    cached: float | None
    """Completions from the request store: their tokens are counted, their seconds are not."""
    seconds: float
    budget_steps: float | None
    """Optimizer steps of the training; None: nothing was trained."""
    budget_tokens: float | None


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One line of a section."""

    state: str
    """RANKED, LOW, UNPAIRED or FAILED."""
    facts: RowAttributes
    seeds: tuple[int, ...]
    cells: tuple[str, ...]
    """Cell ids."""
    costs: Costs
    rank: int | None = None
    reason: str = ""
    """Why it failed or is not ranked; empty: it is."""
    n: int = 0
    coverage: float | None = None
    """The lowest of its seeds."""
    counts: dict[str, int] | None = None
    """Over all seeds; None if it failed."""
    values: dict[str, SeedSummary | None] | None = None
    """By metric, over all pairs, missing predictions filled; None if it failed. A metric is None if one of the seeds
    has no value."""
    readable: dict[str, SeedSummary | None] | None = None
    """The same over readable predictions only."""
    interval: Interval | None = None
    difference: Interval | None = None
    p_holm: float | None = None
    is_baseline: bool = False
    empty_windows: float | None = None
    """Share of the pairs whose user has earlier interactions of which the writer sees none, the highest of the seeds;
    None: not measured."""

    @property
    def has_llm(self) -> bool:
        """False for a scorer that uses no model."""
        return "model" in self.facts

    @property
    def name(self) -> str:
        """Its name for `--baseline`: the strategy, with its trainer and its control if it has them; without an LLM the
        scorer."""
        if not self.has_llm:
            return self.facts["scorer"]
        trainer = self.facts.get("trainer", "none")
        control = f" ({self.facts['control']})" if "control" in self.facts else ""
        return self.facts["strategy"] + ("" if trainer == "none" else f"+{trainer}") + control


@dataclass(frozen=True, slots=True)
class BoardSection:
    """Rows that can be compared: same data, pairs, scorer, model and convention."""

    key: SectionKey
    n: int
    n_users: int | None
    """None: there are no predictions to count them in."""
    convention: Convention
    fill: str
    coverage_floor: float
    differing: tuple[str, ...]
    """Names of the attributes, other than strategy, trainer and scorer, in which rows differ."""
    baseline: str
    """Name of the row that the others are compared with; empty: none."""
    rows: tuple[BoardRow, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Board:
    """All sections of some runs."""

    sections: tuple[BoardSection, ...]
    metrics: tuple[BoardMetric, ...] = ()
    """Registered ones in the order of registration, then others that records hold, by name."""
    sorted_by: str = RANKED_BY
    """Name of the metric in whose order the rows are."""
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    """Records that could not be read."""
