"""`duetbench bench grpo`: the time of a GRPO step by phase, compared with plain TRL on the same prompts."""

from __future__ import annotations

import math
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duetbench.bench.grpo_runs import ComparedRuns, Round
from duetbench.bench.results import BenchResult, results_as_json
from duetbench.errors import UsageError
from duetbench.plugins import Plugins

PHASES = (
    ("generate", "generate"),
    ("logps", "log-probabilities"),
    ("score", "score"),
    ("reward", "parse and reward"),
    ("update", "update"),
    ("rest", "rest"),
)
"""Fields of `Round` and their headings; forward passes before the update count as log-probabilities."""

_BOUND = 5.0
"""Maximum overhead without scoring, in percent of a step of plain TRL."""

_UPDATE_BOUND = 0.5
"""Maximum time of updates relative to plain TRL, for prompts longer than completions in groups of 8."""


@dataclass(frozen=True, slots=True)
class GrpoBenchOptions:
    """The measured cell and the size of the measurement."""

    strategy: str = "duet"
    dataset: str = "toy"
    model: str = "toy-lm"
    joint: str | None = None
    """The strategy's option `joint`; None: its default."""
    steps: int = 10
    """Rounds per run; the first one is a warm-up and does not count."""
    repeats: int = 3
    """Runs of duetbench and of plain TRL, which alternate."""
    examples: int = 256
    """Maximum number of training rows."""


@dataclass(frozen=True)
class GrpoBenchResult:
    """The measured rounds of duetbench and of plain TRL, without the first round of each run."""

    ours: Sequence[Sequence[Round]]
    """By repeat; a round has the same prompts in every repeat, and in plain TRL."""
    plain: Sequence[Sequence[Round]]

    def seconds(self, phase: str, *, plain: bool = False) -> float:
        """Mean seconds of a phase over all rounds; the fastest repeat of each round counts."""
        rounds = _fastest(self.plain if plain else self.ours)
        return statistics.fmean(getattr(measured, phase) for measured in rounds)

    @property
    def scorer_share(self) -> float:
        """The scorer's share of the time of a step of duetbench."""
        return self.seconds("score") / self.seconds("total")

    @property
    def tied(self) -> float | None:
        """Share of groups whose rewards are all equal, with advantage 0; None without groups of two or more."""
        shares = [measured.tied for run in self.ours for measured in run if measured.tied is not None]
        return sum(shares) / len(shares) if shares else None

    def tokens_per_second(self, *, plain: bool) -> float:
        """Sampled tokens per second of a step."""
        return self.seconds("tokens", plain=plain) / self.seconds("total", plain=plain)

    @property
    def ratios(self) -> list[float]:
        """By repeat: the time of duetbench without scoring, relative to plain TRL."""
        return [
            _sum(ours, "unscored") / _sum(plain, "total") for ours, plain in zip(self.ours, self.plain, strict=True)
        ]

    @property
    def results(self) -> list[BenchResult]:
        """The overhead of duetbench, with its bounds."""
        plain = self.seconds("total", plain=True)
        unscored, added = self.seconds("unscored"), self.seconds("reward") + self._additional_rest
        update, plain_update = self.seconds("update"), self.seconds("update", plain=True)
        spread = f"{min(self.ratios):.2f} to {max(self.ratios):.2f} over {len(self.ratios)} repeats"
        return [
            BenchResult(
                f"a step without scoring, relative to plain TRL ({spread})",
                f"{unscored:.3f} s",
                f"{plain:.3f} s",
                unscored / plain,
                "x",
                1 + _BOUND / 100,
                False,
            ),
            BenchResult(
                "time apart from sampling, scoring and updates, relative to a step of plain TRL",
                f"{added:.4f} s",
                f"{plain:.3f} s",
                100 * added / plain,
                "%",
                _BOUND,
                False,
            ),
            BenchResult(
                "updates, relative to plain TRL, which reads a prompt once per completion",
                f"{update:.3f} s",
                f"{plain_update:.3f} s",
                update / plain_update,
                "x",
                _UPDATE_BOUND,
                False,
            ),
        ]

    @property
    def _additional_rest(self) -> float:
        return max(self.seconds("rest") - self.seconds("rest", plain=True), 0.0)

    def as_json(self) -> dict[str, Any]:
        """All values as JSON."""
        return {
            "lines": results_as_json(self.results),
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
    options: GrpoBenchOptions,
    settings: Mapping[str, str],
    plugins: Plugins,
    *,
    folder: Path,
    on_progress: Callable[[str], None],
) -> GrpoBenchResult:
    """Runs duetbench and plain TRL alternately, each from the untrained weights.

    Args:
        options: The cell and the size of the measurement.
        settings: `--set` arguments.
        plugins: The registered plugins.
        folder: Temporary files are written to a new folder in it, which is removed at the end.
        on_progress: Called with a line before each run.

    Raises:
        UsageError: plain TRL does not support the options.
        DuetbenchError: data, model or options cannot be used.
    """
    if options.steps < 2:
        raise UsageError(f"steps must be >= 2, since the first one is a warm-up, got {options.steps}")
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


def _cell(options: GrpoBenchOptions, settings: Mapping[str, str], plugins: Plugins) -> Any:
    from duetbench.runner import plan, run_config

    grid = {
        "strategies": (options.strategy,),
        "datasets": (options.dataset,),
        "models": (options.model,),
        "trainers": ("grpo",),
        "baselines": False,
    }
    joint = {f"{options.strategy}.joint": options.joint} if options.joint else {}
    all_settings = {"training.examples": str(options.examples), "training.valid_examples": "1", **joint, **settings}
    (cell,) = plan(run_config(grid, settings=all_settings), plugins).cells
    return cell


def _fastest(runs: Sequence[Sequence[Round]]) -> list[Round]:
    return [min(repeats, key=lambda measured: measured.total) for repeats in zip(*runs, strict=True)]


def _sum(rounds: Sequence[Round], phase: str) -> float:
    return math.fsum(getattr(measured, phase) for measured in rounds)
