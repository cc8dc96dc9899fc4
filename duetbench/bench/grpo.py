"""`duetbench bench grpo`: a step of GRPO by phase, beside plain TRL on the same prompts in the same process."""

from __future__ import annotations

import math
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duetbench.bench.grpo_work import ComparedRuns, Round
from duetbench.bench.results import BenchResult, lines_json
from duetbench.errors import UsageError
from duetbench.plugins import Plugins

PHASES = (
    ("generate", "generate"),
    ("logps", "log-probabilities"),
    ("score", "score"),
    ("reward", "read and reward"),
    ("update", "update"),
    ("rest", "rest"),
)
"""Field of `Round`, heading. What precedes the update's own forward pass counts as log-probabilities."""

_BOUND = 5.0
"""Per cent of a plain step that duetbench may add apart from scoring."""


@dataclass(frozen=True, slots=True)
class GrpoBench:
    """What is measured."""

    strategy: str = "duet"
    dataset: str = "toy"
    model: str = "toy-lm"
    joint: str | None = None
    """Option of the strategy, if it has one; None: its own."""
    steps: int = 10
    """Rounds of each run, the first of which warms up and does not count."""
    repeats: int = 3
    """Runs of either side, in turns."""
    examples: int = 256
    """Training rows at most."""


@dataclass(frozen=True)
class GrpoBenchResult:
    """What was found. All rounds but the first of each run; the sides were run in turns."""

    ours: Sequence[Sequence[Round]]
    """By repeat; a round has the same prompts in every repeat and on both sides."""
    plain: Sequence[Sequence[Round]]

    def seconds(self, phase: str, *, plain: bool = False) -> float:
        """The mean of a phase over all rounds, each as its fastest repeat had it: a busy machine only adds."""
        rounds = _fastest(self.plain if plain else self.ours)
        return statistics.fmean(getattr(one, phase) for one in rounds)

    @property
    def scorer_share(self) -> float:
        """Part of our time that the scorer takes."""
        return self.seconds("score") / self.seconds("total")

    @property
    def tied(self) -> float | None:
        """Share of the groups without a spread, which teach nothing; None: there was no group of two."""
        known = [one.tied for one in _flat(self.ours) if one.tied is not None]
        return sum(known) / len(known) if known else None

    def tokens_per_second(self, *, plain: bool) -> float:
        """Tokens drawn per second of all."""
        return self.seconds("tokens", plain=plain) / self.seconds("total", plain=plain)

    @property
    def ratios(self) -> list[float]:
        """By repeat: our steps without scoring over the plain steps."""
        return [
            _sum(ours, "unscored") / _sum(plain, "total") for ours, plain in zip(self.ours, self.plain, strict=True)
        ]

    @property
    def lines(self) -> list[BenchResult]:
        """What is promised."""
        plain = self.seconds("total", plain=True)
        unscored, added = self.seconds("unscored"), self.seconds("reward") + self._more_rest
        spread = f"{min(self.ratios):.2f} to {max(self.ratios):.2f} over {len(self.ratios)} repeats"
        return [
            BenchResult(
                f"a step without scoring beside plain TRL ({spread})",
                f"{unscored:.3f} s",
                f"{plain:.3f} s",
                unscored / plain,
                "x",
                1 + _BOUND / 100,
                False,
            ),
            BenchResult(
                "what duetbench does beside sampling, scoring and updating, as a share of a plain step",
                f"{added:.4f} s",
                f"{plain:.3f} s",
                100 * added / plain,
                "%",
                _BOUND,
                False,
            ),
        ]

    @property
    def _more_rest(self) -> float:
        return max(self.seconds("rest") - self.seconds("rest", plain=True), 0.0)

    def as_json(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {
            "lines": lines_json(self.lines),
            "phases": {
                name: {"ours": self.seconds(name), "plain": self.seconds(name, plain=True)} for name, _ in PHASES
            },
            "scorer_share": self.scorer_share,
            "groups_without_spread": self.tied,
            "tokens_per_second": {
                "ours": self.tokens_per_second(plain=False),
                "plain": self.tokens_per_second(plain=True),
            },
            "ratios": self.ratios,
            "rounds": {
                "ours": [[one.as_json() for one in run] for run in self.ours],
                "plain": [[one.as_json() for one in run] for run in self.plain],
            },
        }


def bench_grpo(
    options: GrpoBench,
    settings: Mapping[str, str],
    plugins: Plugins,
    *,
    folder: Path,
    on_progress: Callable[[str], None],
) -> GrpoBenchResult:
    """Runs both sides in turns, each from the untrained weights.

    Args:
        options: What is measured.
        settings: `--set` arguments.
        plugins: Where names are looked up.
        folder: Scratch space; what is written there is removed again.
        on_progress: Called with a line when something begins.

    Raises:
        UsageError: plain TRL cannot do the like.
        DuetbenchError: data, model or options are not usable.
    """
    if options.steps < 2:
        raise UsageError("the first step warms up: measure at least 2")
    folder.mkdir(parents=True, exist_ok=True)
    cell = _cell(options, settings, plugins)
    ours, plain = [], []
    with (
        tempfile.TemporaryDirectory(dir=folder, prefix="grpo-") as scratch,
        ComparedRuns(cell, options.steps, scratch) as arms,
    ):
        for repeat in range(options.repeats):
            on_progress(f"repeat {repeat + 1} of {options.repeats}: duetbench")
            ours.append(arms.ours(repeat)[1:])
            on_progress(f"repeat {repeat + 1} of {options.repeats}: plain TRL")
            plain.append(arms.plain(repeat)[1:])
    return GrpoBenchResult(ours, plain)


def _cell(options: GrpoBench, settings: Mapping[str, str], plugins: Plugins) -> Any:
    from duetbench.runner import plan, run_config

    grid = {
        "strategies": (options.strategy,),
        "datasets": (options.dataset,),
        "models": (options.model,),
        "trainers": ("grpo",),
        "baselines": False,
    }
    joint = {f"{options.strategy}.joint": options.joint} if options.joint else {}
    chosen = {"training.examples": str(options.examples), "training.valid_examples": "1", **joint, **settings}
    (cell,) = plan(run_config(grid, settings=chosen), plugins).cells
    return cell


def _flat(runs: Sequence[Sequence[Round]]) -> list[Round]:
    return [one for run in runs for one in run]


def _fastest(runs: Sequence[Sequence[Round]]) -> list[Round]:
    return [min(repeats, key=lambda one: one.total) for repeats in zip(*runs, strict=True)]


def _sum(rounds: Sequence[Round], what: str) -> float:
    return math.fsum(getattr(one, what) for one in rounds)
