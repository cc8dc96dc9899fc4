"""A leaderboard: sections of rows, each row one cell or one cell per seed."""

from __future__ import annotations

from dataclasses import dataclass

from duetbench.evaluation.conventions import Convention
from duetbench.evaluation.statistics import Interval, RankInterval
from duetbench.evaluation.statistics.intervals import ALPHA
from duetbench.evaluation.statistics.power import NeededSample
from duetbench.interfaces import Metric
from duetbench.leaderboard.read_results import CellResult
from duetbench.leaderboard.row_attributes import ORIGIN, RowAttributes
from duetbench.leaderboard.sections import SectionKey
from duetbench.types import Decision

COVERAGE = 0.98
"""Rows with lower coverage are marked and not ranked."""

RANKED, LOW, UNPAIRED, FAILED = "ranked", "low coverage", "no predictions", "failed"

COUNTS = ("right_answer", "wrong_answer", "unreadable_profile", "unreadable_rating", "failed_call")
RANKED_BY = "mae"
"""The metric that ranks are computed from."""


@dataclass(frozen=True, slots=True)
class BoardMetric:
    """One metric of a board."""

    name: str
    title: str
    """Heading of its column."""
    lower_is_better: bool | None
    """None: it is in the records, but no plugin of that name is registered."""
    optimal_decision: Decision | None = None
    """The decision rule that it is optimal for; None: there is none, or it is not registered."""


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
    seconds: float | None
    """Of all that the cells did; a training that another cell ran is not included. None: made elsewhere."""
    training_seconds: float | None
    """Of the training, whichever cell ran it; None: nothing was trained."""
    evaluation_seconds: float | None
    """Of everything but training; None: a record of an earlier version does not separate them."""
    budget_steps: float | None
    """Optimizer steps of the training; None: nothing was trained."""
    budget_tokens: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """A row's value of a metric minus that of the baseline, on the same pairs."""

    interval: Interval
    p: float | None
    """Of the hypothesis of no difference; None: there are too few users for any p-value."""
    p_holm: float | None
    """Adjusted for the number of rows compared with the baseline."""

    @property
    def is_significant(self) -> bool:
        """Whether the adjusted p-value is below ALPHA."""
        return self.p_holm is not None and self.p_holm < ALPHA


@dataclass(frozen=True, slots=True)
class Gain:
    """How much better a row is than the strongest of its controls; negative: worse."""

    interval: Interval
    control: str
    """Name of the control with the best value."""
    n_controls: int


@dataclass(frozen=True, slots=True)
class PairComparison:
    """The comparison of two ranked rows by MAE."""

    row: str
    """The one with the smaller MAE."""
    other: str
    difference: Interval
    """Not adjusted for the number of pairs."""
    is_told_apart: bool
    """Whether the ranks of the two differ beyond doubt, after adjustment for all pairs."""
    minimum_detectable: float | None
    """True difference that one two-sided test at 5 % detects with 80 % power; None: none that the scale allows."""
    minimum_detectable_adjusted: float | None
    """The same after adjustment for all pairs."""
    needed: NeededSample | None
    """What must be added to tell them apart; None: they are, or their difference is zero."""
    needs_seeds: bool = False
    """Whether one of them is a training with one seed: nothing but several seeds can tell the methods apart."""


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
    label: str = ""
    """Its name, with what distinguishes it from the other rows of the section."""
    ranks: RankInterval | None = None
    """None: not ranked."""
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
    optimal: dict[str, SeedSummary | None] | None = None
    """By metric, over all pairs, under the decision rule that the metric is optimal for; without metrics that have no
    such rule, and without rows that have no label probabilities. None if it failed."""
    intervals: dict[str, Interval] | None = None
    """By metric; without metrics that have none."""
    differences: dict[str, Difference] | None = None
    """To the baseline, by metric; empty for the baseline itself, and if there is none."""
    gains: dict[str, Gain] | None = None
    """Over the strongest control, by metric; empty for a row without controls."""
    absent_controls: dict[str, str] | None = None
    """Controls that its gains leave out, each with the state of its row; None: it failed."""
    is_baseline: bool = False
    empty_windows: float | None = None
    """Share of the pairs whose user has earlier interactions of which the writer sees none, the highest of the seeds;
    None: not measured."""
    changed_prompts: float | None = None
    """Share of the scorer's prompts that its control changed, the lowest of the seeds; None: not measured."""
    evidence_tokens: float | None = None
    """Tokens of evidence per request that its control shows in place of the profiles, a mean over the seeds."""
    profile_tokens: float | None = None
    """Tokens of the profiles that they replace."""

    @property
    def is_one_checkpoint(self) -> bool:
        """Whether it was trained with a single seed, so that its intervals hold for this checkpoint only."""
        return self.has_llm and self.facts.get("trainer", "none") != "none" and len(self.seeds) == 1

    @property
    def has_llm(self) -> bool:
        """False for a scorer that uses no model."""
        return "model" in self.facts

    @property
    def is_foreign(self) -> bool:
        """Whether its predictions were made elsewhere."""
        return ORIGIN in self.facts

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
    baseline_note: str = ""
    """How the baseline was chosen, or why there is none."""
    pairs: tuple[PairComparison, ...] = ()
    """Pairs of ranked rows whose difference varies; empty with too few users to tell any pair apart."""
    users_needed: int | None = None
    """Number of users below which differences have no p-values; None: there are no differences."""
    notes: tuple[str, ...] = ()
    temporal_leakage: tuple[str, ...] = ()
    """Why its data is not safe against leakage from the future; () if it is."""

    @property
    def shown_pairs(self) -> list[PairComparison]:
        """The pairs of rows that the section shows: a selection of rows leaves the others out."""
        labels = {row.label for row in self.rows}
        return [pair for pair in self.pairs if pair.row in labels and pair.other in labels]


@dataclass(frozen=True, slots=True)
class Board:
    """All sections of some runs."""

    sections: tuple[BoardSection, ...]
    metrics: tuple[BoardMetric, ...] = ()
    """Registered ones in the order of registration, then others that records hold, by name."""
    sorted_by: str = RANKED_BY
    """Name of the metric in whose order the rows are."""
    all_differences: bool = False
    """Whether tables show differences and gains of all metrics, not only of those that rank and sort the rows."""
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    """Records that could not be read."""
    results: tuple[CellResult, ...] = ()
    """The cells that the rows come from, for formats that show more than the rows."""
    registered: tuple[Metric, ...] = ()
    """The metrics that it was built with."""
