"""The leaderboard as values: sections of rows, each row one cell or one cell per seed."""

from __future__ import annotations

from dataclasses import dataclass

from duetbench.evaluation.conventions import Convention
from duetbench.evaluation.statistics import Interval
from duetbench.leaderboard.facts import RowAttributes
from duetbench.leaderboard.sections import SectionKey

COVERAGE = 0.98
"""A row with less is marked and not ranked."""

RANKED, LOW, UNPAIRED, FAILED = "ranked", "low coverage", "no predictions", "failed"

COUNTS = ("right_answer", "wrong_answer", "unreadable_profile", "unreadable_rating", "failed_call")
METRICS = ("mae", "rmse", "accuracy", "f1", "f1_weighted")


@dataclass(frozen=True, slots=True)
class SeedSummary:
    """A mean over seeds."""

    mean: float
    sd: float | None
    """Sample standard deviation; None for one seed."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What a row took, each a mean over its seeds; None: not told."""

    prompt_tokens: float | None
    completion_tokens: float | None
    calls: float | None
    cached: float | None
    """Answers that came from the request store: their tokens are counted, their seconds are not."""
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
    """METRICS over all pairs, what is not readable filled; None if it failed."""
    readable: dict[str, SeedSummary | None] | None = None
    """The same over the readable pairs alone."""
    interval: Interval | None = None
    difference: Interval | None = None
    p_holm: float | None = None
    is_baseline: bool = False

    @property
    def has_llm(self) -> bool:
        """False for a scorer that asks no model."""
        return "model" in self.facts

    @property
    def name(self) -> str:
        """How `--baseline` calls it: the strategy, and the trainer if it trains; without an LLM the scorer."""
        if not self.has_llm:
            return self.facts["scorer"]
        trainer = self.facts.get("trainer", "none")
        return self.facts["strategy"] + ("" if trainer == "none" else f"+{trainer}")


@dataclass(frozen=True, slots=True)
class BoardSection:
    """Rows that may be compared: same data, pairs, scorer, model and convention."""

    key: SectionKey
    n: int
    n_users: int | None
    """None: no predictions to count them in."""
    convention: Convention
    fill: str
    coverage_floor: float
    differing: tuple[str, ...]
    """Names of facts, beside strategy, trainer and scorer, in which rows differ."""
    baseline: str
    """Name of the row that the others are compared with; empty: none."""
    rows: tuple[BoardRow, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Board:
    """All sections."""

    sections: tuple[BoardSection, ...]
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    """Records that could not be read."""

    def to_markdown(self) -> str:
        """A heading, a table and notes for each section."""
        from duetbench.leaderboard.formats.markdown import markdown

        return markdown(self)

    def to_csv(self) -> str:
        """One line per row of every section; full precision, empty where there is nothing."""
        from duetbench.leaderboard.formats.tables import csv_text

        return csv_text(self)

    def to_json(self) -> str:
        """Everything, at full precision."""
        from duetbench.leaderboard.formats.tables import json_text

        return json_text(self)
