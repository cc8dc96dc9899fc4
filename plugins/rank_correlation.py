"""A metric of the order of predictions, independent of their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from duetbench.hookspecs import hookimpl
from duetbench.interfaces import Metric
from duetbench.types import Domain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from duetbench.evaluation.conventions import Convention

    Floats = NDArray[np.float64]


class RankCorrelation(Metric):
    """Spearman's rho: the Pearson correlation of the ranks of predicted and true ratings, over all pairs.

    Equal values share the mean of their ranks. None for fewer than two pairs, and where all predicted or all true
    ratings are equal, since then there is no order to compare.
    """

    name = "rank_correlation"
    title = "Spearman"
    summary = "Spearman's rank correlation of predicted and true ratings"
    source = "Spearman 1904; ties as in Kendall 1945 (mean ranks)"
    lower_is_better = False
    optimal_decision = None  # the rank of one prediction depends on all others

    def compute(self, predicted: Floats, truth: Floats, domain: Domain) -> dict[str, float | None]:
        """The one variant `raw`: predictions as they are, neither clipped nor rounded."""
        return {"raw": _spearman(predicted, truth)}

    def select(self, values: Mapping[str, Any], convention: Convention) -> float | None:
        """The same under every convention."""
        value: float | None = values["raw"]
        return value


def _spearman(predicted: Floats, truth: Floats) -> float | None:
    first, second = _centred_ranks(predicted), _centred_ranks(truth)
    norm = float((first @ first) * (second @ second)) ** 0.5
    return float(first @ second) / norm if norm else None


def _centred_ranks(values: Floats) -> Floats:
    """Mean rank of each value, minus the mean of all ranks; exact multiples of 0.5."""
    import numpy as np

    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    mean_ranks = np.cumsum(counts) - (counts - 1) / 2  # of n equal values, the last has the largest of n ranks
    ranks: Floats = mean_ranks[index] - (len(values) + 1) / 2
    return ranks


@hookimpl
def duetbench_register_metrics() -> list[type[Metric]]:
    """The metric of this file."""
    return [RankCorrelation]
