"""The tables of `duetbench bench`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from duetbench.cli.tables import print_table

if TYPE_CHECKING:
    from duetbench.bench.grpo import GrpoBenchResult
    from duetbench.bench.results import BenchResult
    from duetbench.bench.statistics import StatisticsBenchResult
    from duetbench.cli.context import Settings


def print_results(settings: Settings, results: Sequence[BenchResult]) -> None:
    """Prints the values and their bounds."""
    rows = [
        (
            result.what,
            result.ours,
            result.reference,
            "" if result.unit in ("MB", "s", "ms") else f"{result.value:,.2f} {result.unit}",
            f"{'at least' if result.at_least else 'at most'} {result.bound:g} {result.unit}",
            "met" if result.is_met else "NOT met",
        )
        for result in results
    ]
    print_table(settings, ("measurement", "duetbench", "reference", "ratio", "bound", ""), rows)


def print_grpo(settings: Settings, result: GrpoBenchResult) -> None:
    """Prints the seconds of a step by phase, the token rate, the scorer's share and the share of tied groups."""
    from duetbench.bench.grpo import PHASES

    rows = [(heading, *_seconds(result, name)) for name, heading in (*PHASES, ("total", "total"))]
    rate, plain_rate = (f"{result.tokens_per_second(plain=plain):,.0f}" for plain in (False, True))
    rows.append(("tokens/s", rate, plain_rate))
    rows.append(("scorer's share of a step", f"{result.scorer_share:.1%}", "-"))
    rows.append(("groups with equal rewards", "-" if result.tied is None else f"{result.tied:.1%}", "all"))
    print_table(settings, ("seconds per step", "duetbench", "plain TRL"), rows)


def print_statistics(settings: Settings, result: StatisticsBenchResult) -> None:
    """Prints the coverage by population, and wrong splits and power by size of a board."""
    from duetbench.bench.statistics import COVERAGE, EFFECTS, SPLIT

    rows = [
        (
            of.population.name,
            "-" if of.coverage is None or of.error is None else f"{of.coverage:.1%} ± {of.error:.1%}",
            "-" if of.width is None else f"{of.width:.3f}",
            f"{of.shown:,} of {of.replications:,}",
            of.verdict,
        )
        for of in result.coverages
    ]
    bounds = f"{COVERAGE[0]:.0%} to {COVERAGE[1]:.0%}"
    print_table(settings, ("95 % intervals of a difference", "coverage", "width", "samples", bounds), rows)
    boards = [
        (
            f"{of.methods} methods, {of.population.name}, {of.population.seeds} seeds",
            f"{of.split:.1%} ± {of.error:.1%}",
            f"{of.starred:.1%}",
            *(f"{power:.0%}" for power in of.power),
            f"{of.boards:,}",
            of.verdict,
        )
        for of in result.splits
    ]
    powers = [f"power at {effect:g}" for effect in EFFECTS]
    headings = ("boards", "equal methods split", "starred", *powers, "boards", f"at most {SPLIT:.0%}")
    print_table(settings, headings, boards)


def _seconds(result: GrpoBenchResult, phase: str) -> tuple[str, str]:
    plain = result.seconds(phase, plain=True)
    has_phase = phase not in ("logps", "score", "reward")  # plain TRL: log-probabilities are part of generate
    return f"{result.seconds(phase):.4f}", f"{plain:.4f}" if has_phase else "-"
