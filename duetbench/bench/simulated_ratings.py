"""Synthetic predictions of ratings by methods that are equally good, for metrics that need ratings."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from duetbench.bench.simulation import SimulatedPopulation

if TYPE_CHECKING:
    import numpy as np

    from duetbench.evaluation.statistics import Uncertainty
    from duetbench.interfaces import Metric

LABELS = (1, 2, 3, 4, 5)
_SHARES = (0.05, 0.05, 0.1, 0.2, 0.6)
"""Of the labels: skewed, as of reviews."""
_KNOWN = 0.4
"""Share of the pairs whose rating a method knows; for others it draws a label."""


def rated(population: SimulatedPopulation, methods: int, rng: np.random.Generator) -> Uncertainty | None:
    """Methods of the same quality on a new sample; None if a leaderboard prints no intervals of the metric on it."""
    import numpy as np

    from duetbench.evaluation.conventions import CONVENTIONS
    from duetbench.evaluation.pair_values import curvature, pair_values
    from duetbench.evaluation.statistics import MAX_CURVATURE, Columns, curvature_share, uncertainty
    from duetbench.types import Domain

    metric, convention = _metric(population.metric), CONVENTIONS["standard"]
    domain, n = Domain("record", "records", LABELS), population.users * population.pairs_per_user
    users, items = np.arange(n) // population.pairs_per_user, rng.integers(0, population.items, n)
    truths, *drawn = rng.choice(np.array(LABELS, dtype=float), p=_SHARES, size=(methods + 1, n))
    predicted = [np.where(rng.random(n) < _KNOWN, truths, of) for of in drawn]
    values = [pair_values(metric, of, truths, domain, convention) for of in predicted]
    curvatures = [curvature(metric, of, truths, list(users), domain, convention) for of in predicted]
    found = uncertainty(
        Columns(
            [of[None] for of in values if of is not None],
            users,
            items,
            is_linearised=any(of is None or of.any() for of in curvatures),
        )
    )
    return found if curvature_share(found, curvatures) <= MAX_CURVATURE else None


@cache
def _metric(name: str) -> Metric:
    from duetbench.plugins import Plugins

    return next(metric for metric in Plugins().metrics() if metric.name == name)
