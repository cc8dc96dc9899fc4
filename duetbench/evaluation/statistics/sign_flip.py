"""The exact sign-flip test, and the number of users from which a p-value is reported at all."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duetbench.evaluation.statistics.crossed import Floats

EXACT_USERS = 30
"""Maximum number of users of the exact test: two lists of 2^15 sums. With more users the t statistic is used alone."""

_TOLERANCE = 1e-9
"""Sums of floats depend on the order of the terms: sums that differ by less, relative to the largest, are equal."""


def sign_flip_p(differences: Floats) -> float:
    """The two-sided p-value of the hypothesis that the users' differences are symmetric about zero.

    The share of all 2^users sign patterns whose sum is at least as far from zero as the observed one. It is never
    below 2^(1 - users), however large the differences are.

    Args:
        differences: One per user, at most EXACT_USERS.

    Raises:
        ValueError: there are more users.

    Source: Fisher 1935; half of the sums are enumerated, the other half is counted by bisection.
    """
    import numpy as np

    if len(differences) > EXACT_USERS:
        raise ValueError(f"expected at most {EXACT_USERS} users, got {len(differences)}")
    middle = len(differences) // 2
    left, right = _signed_sums(differences[:middle]), np.sort(_signed_sums(differences[middle:]))
    bound = abs(differences.sum()) - _TOLERANCE * abs(differences).sum()
    above = len(right) - np.searchsorted(right, bound - left, side="left")
    below = np.searchsorted(right, -bound - left, side="right")
    extreme = int(above.sum() + below.sum()) if bound > 0 else len(left) * len(right)
    return min(1.0, extreme / (len(left) * len(right)))


def _signed_sums(values: Floats) -> Floats:
    """The sums of the values under all patterns of signs."""
    import numpy as np

    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums - value, sums + value])
    return sums


def users_needed(comparisons: int, alpha: float) -> int:
    """The number of users from which the exact test can reject after adjustment for the number of comparisons.

    The smallest n with 2^(1 - n) < alpha / comparisons: 6 users for one comparison at 0.05, 10 for thirteen.
    """
    return math.floor(math.log2(max(comparisons, 1) / alpha)) + 2
