"""Plain sentences about the comparison of two rows."""

from __future__ import annotations

from duetbench.evaluation.statistics.intervals import ALPHA
from duetbench.leaderboard.comparison_text import interval_text
from duetbench.leaderboard.pairwise.comparison import MetricComparison, PairwiseComparison, RowPair


def sentence(pair: RowPair, metric: MetricComparison, of: PairwiseComparison) -> str:
    """What a metric says about two rows: which is better, or that no difference is shown, and what could be."""
    text = f"{_finding(pair, metric, of)} on {pair.n:,} shared interactions of {pair.n_users:,} users"
    if metric.difference and not metric.is_significant and metric.minimum_detectable_adjusted is not None:
        text += (
            f"; a true difference below {metric.minimum_detectable_adjusted:.3f} would be missed in more than one of "
            "five such samples"
        )
    parts = [f"{text}.", *_unpaired(pair)]
    if pair.needs_seeds:
        parts.append("One of them was trained with one seed: this compares checkpoints, not methods.")
    return " ".join(parts)


def _finding(pair: RowPair, metric: MetricComparison, of: PairwiseComparison) -> str:
    values = f"{pair.row} {metric.value:.4f}, {pair.other} {metric.other_value:.4f}"
    if metric.difference is None:
        return f"{metric.title} without an interval: {values},"
    numbers = f"{values}, difference {interval_text(metric.difference)}"
    if metric.p_holm is None:
        too_few = f"{pair.n_users} users are too few, {of.users_needed} are needed"
        return f"{metric.title} without a p-value ({too_few}): {numbers},"
    p = f"p {p_text(metric.p_holm)} adjusted for {len(of.pairs)} pairs of rows"
    if not metric.is_significant:
        return f"No difference in {metric.title} between {pair.row} and {pair.other} is shown ({numbers}; {p})"
    better, worse = (pair.row, pair.other) if metric.is_first_better else (pair.other, pair.row)
    direction = "lower" if metric.lower_is_better else "higher"
    return f"{better} has a {direction} {metric.title} than {worse} ({numbers}; {p})"


def _unpaired(pair: RowPair) -> list[str]:
    """How many interactions are left out; [] if all pair."""
    if not pair.n_row_only and not pair.n_other_only:
        return []
    n, n_other = f"{pair.n_row_only:,} interactions of {pair.row}", f"{pair.n_other_only:,} of {pair.other}"
    ratings = f", {pair.n_other_rating:,} of them because of another true rating" if pair.n_other_rating else ""
    return [f"{n} and {n_other} did not pair{ratings}."]


def p_text(p: float) -> str:
    """`= 0.032`, `< 0.001`."""
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def comparison_notes(of: PairwiseComparison) -> list[str]:
    """What the numbers of a comparison mean."""
    convention = of.convention
    return [
        f"Convention {convention.name}: {convention.meaning}.",
        f"A missing prediction counts as a prediction of {of.fill}.",
        "Difference: first row minus second on the interactions that both have predicted, with its 95 % interval "
        "(users and items crossed, and seeds). "
        f"* p < {ALPHA:g}, adjusted for {len(of.pairs)} pairs of rows (Holm). "
        "Detectable: the smallest true difference that one test, and in brackets one of all, finds with 80 % power.",
        *of.notes,
    ]
