"""`duetbench bench grpo`: the phases of a GRPO step, compared with plain TRL on the same prompts in one process."""

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
"""Field of `Round`, heading. Forward passes before the update's own count as log-probabilities."""

_BOUND = 5.0
"""Maximum time that duetbench may add to a plain step, without scoring, in per cent."""


@dataclass(frozen=True, slots=True)
class GrpoBench:
    """The options of the benchmark."""

    strategy: str = "duet"
    dataset: str = "toy"
    model: str = "toy-lm"
    joint: str | None = None
    """The strategy's option `joint`, if it has one; None: its default."""
    steps: int = 10
    """Rounds per run; the first is a warm-up and not counted."""
    repeats: int = 3
    """Runs per side, alternating."""
    examples: int = 256
    """Maximum number of training rows."""


@dataclass(frozen=True)
class GrpoBenchResult:
    """The measured rounds: all but the first of each run."""

    ours: Sequence[Sequence[Round]]
    """Rounds by repeat; a round has the same prompts in every repeat and on both sides."""
    plain: Sequence[Sequence[Round]]

    def seconds(self, phase: str, *, plain: bool = False) -> float:
        """The mean of a phase over all rounds, each from its fastest repeat: other load only adds time."""
        rounds = _fastest(self.plain if plain else self.ours)
        return statistics.fmean(getattr(measured, phase) for measured in rounds)

    @property
    def scorer_share(self) -> float:
        """The scorer's share of our time."""
        return self.seconds("score") / self.seconds("total")

    @property
    def tied(self) -> float | None:
        """Share of groups with equal rewards, whose advantages are 0; None: no group has two rewards."""
        known = [measured.tied for run in self.ours for measured in run if measured.tied is not None]
        return sum(known) / len(known) if known else None

    def tokens_per_second(self, *, plain: bool) -> float:
        """Sampled tokens per second of total time."""
        return self.seconds("tokens", plain=plain) / self.seconds("total", plain=plain)

    @property
    def ratios(self) -> list[float]:
        """By repeat: the time of our steps without scoring, divided by that of the plain steps."""
        return [
            _sum(ours, "unscored") / _sum(plain, "total") for ours, plain in zip(self.ours, self.plain, strict=True)
        ]

    @property
    def lines(self) -> list[BenchResult]:
        """The results that have a bound."""
        plain = self.seconds("total", plain=True)
        unscored, added = self.seconds("unscored"), self.seconds("reward") + self._more_rest
        spread = f"{min(self.ratios):.2f} to {max(self.ratios):.2f} over {len(self.ratios)} repeats"
        return [
            BenchResult(
                f"a step without scoring compared with plain TRL ({spread})",
                f"{unscored:.3f} s",
                f"{plain:.3f} s",
                unscored / plain,
                "x",
                1 + _BOUND / 100,
                False,
            ),
            BenchResult(
                "time outside sampling, scoring and updating, as a share of a plain step",
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
                "ours": [[measured.as_json() for measured in run] for run in self.ours],
                "plain": [[measured.as_json() for measured in run] for run in self.plain],
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
    """The measured rounds of both sides, run alternately, each run from the untrained weights.

    Args:
        options: See `GrpoBench`.
        settings: `--set` arguments.
        plugins: Resolves names.
        folder: Folder for temporary files, which are removed at the end.
        on_progress: Called with a line at the start of each run.

    Raises:
        UsageError: plain TRL does not support the options.
        DuetbenchError: data, model or options are invalid.
    """
    if options.steps < 2:
        raise UsageError(f"steps must be >= 2, since the first is a warm-up, got {options.steps}")
    folder.mkdir(parents=True, exist_ok=True)
    cell = _cell(options, settings, plugins)
    ours, plain = [], []
    with (
        tempfile.TemporaryDirectory(dir=folder, prefix="grpo-") as scratch,
        ComparedRuns(cell, options.steps, scratch) as runs,
    ):
        for repeat in range(options.repeats):
            on_progress(f"repeat {repeat + 1} of {options.repeats}: duetbench")
            ours.append(runs.ours(repeat)[1:])
            on_progress(f"repeat {repeat + 1} of {options.repeats}: plain TRL")
            plain.append(runs.plain(repeat)[1:])
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


def _fastest(runs: Sequence[Sequence[Round]]) -> list[Round]:
    return [min(repeats, key=lambda measured: measured.total) for repeats in zip(*runs, strict=True)]


def _sum(rounds: Sequence[Round], name: str) -> float:
    return math.fsum(getattr(measured, name) for measured in rounds)
