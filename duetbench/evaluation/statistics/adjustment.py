"""Adjustment of p-values and of levels for several comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duetbench.evaluation.statistics.crossed import Floats

DRAWS = 5000
"""Number of draws from which simultaneous levels are computed."""


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for multiple comparisons, same order.

    Source: Holm 1979, step down.
    """
    order = sorted(range(len(p_values)), key=lambda position: p_values[position])
    adjusted = [0.0] * len(order)
    running = 0.0
    for step, position in enumerate(order):
        running = max(running, min(1.0, (len(order) - step) * p_values[position]))
        adjusted[position] = running
    return adjusted


def standardized_draws(covariance: Floats, contrasts: Floats, *, draws: int, seed: int) -> Floats:
    """(draws, contrasts): normal draws with the correlations of the contrasts and variance 1.

    Contrasts whose variance is zero are zero in all draws.

    Args:
        covariance: (columns, columns), positive semidefinite.
        contrasts: (contrasts, columns).
    """
    import numpy as np

    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    sds = np.sqrt(((contrasts @ root) ** 2).sum(axis=1))
    scaled = (contrasts @ root) / np.where(sds > 1e-9 * max(float(sds.max(initial=0.0)), 1e-300), sds, np.inf)[:, None]
    normal: Floats = np.random.default_rng(seed).standard_normal((draws, len(covariance))) @ scaled.T
    return normal


def simultaneous_level(largest: Floats, alpha: float) -> float:
    """The one-sided level of a single comparison at which all of them together have level alpha.

    Degrees of freedom differ from comparison to comparison, so that the common quantity is the level, not the quantile
    of t: each comparison uses its own t quantile at this level.

    Args:
        largest: The largest of the standardized draws of all comparisons, one per draw.

    Source: max-t of Romano and Wolf 2005; on p-values, Westfall and Young 1993.
    """
    import numpy as np
    from scipy.stats import norm

    return float(norm.sf(np.quantile(largest, 1 - alpha)))
