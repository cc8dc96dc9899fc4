"""The tables of `duetbench bench`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from duetbench.cli.tables import print_table

if TYPE_CHECKING:
    from duetbench.bench.grpo import GrpoBenchResult
    from duetbench.bench.results import BenchResult
    from duetbench.cli.context import Settings


def print_lines(settings: Settings, lines: Sequence[BenchResult]) -> None:
    """Values beside their bounds."""
    rows = [
        (
            line.what,
            line.ours,
            line.reference,
            "" if line.unit == "MB" else f"{line.value:,.2f} {line.unit}",
            f"{'at least' if line.at_least else 'at most'} {line.bound:g} {line.unit}",
            "met" if line.is_met else "NOT met",
        )
        for line in lines
    ]
    print_table(settings, ("what", "ours", "reference", "ratio", "bound", ""), rows)


def print_grpo(settings: Settings, found: GrpoBenchResult) -> None:
    """Seconds of a step by phase, and what else there is to say of it."""
    from duetbench.bench.grpo import PHASES

    rows = [(head, *_seconds(found, name)) for name, head in (*PHASES, ("total", "a step"))]
    ours, plain = (f"{found.tokens_per_second(plain=plain):,.0f}" for plain in (False, True))
    rows.append(("tokens/s", ours, plain))
    rows.append(("scorer's share of a step", f"{found.scorer_share:.1%}", "-"))
    rows.append(("groups with no spread", "-" if found.tied is None else f"{found.tied:.1%}", "all"))
    print_table(settings, ("seconds per step", "duetbench", "plain TRL"), rows)


def _seconds(found: GrpoBenchResult, phase: str) -> tuple[str, str]:
    plain = found.seconds(phase, plain=True)
    has_phase = phase not in ("logps", "score", "reward")  # TRL alone: log-probabilities stand with generate
    return f"{found.seconds(phase):.4f}", f"{plain:.4f}" if has_phase else "-"
