"""The gain of a row over the strongest of several controls, whichever of them is the strongest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from duetbench.evaluation.statistics.intervals import ALPHA, Interval, half_width, varies

if TYPE_CHECKING:
    from duetbench.evaluation.statistics.crossed import Uncertainty


class SmallestGain(NamedTuple):
    """The smallest of the gains over all controls."""

    interval: Interval
    control: int
    """Column of the control with the best estimate."""


def smallest_gain(
    of: Uncertainty, column: int, controls: Sequence[int], *, lower_is_better: bool
) -> SmallestGain | None:
    """The gain of `column` over the strongest of `controls`; None if there is no control or no interval.

    Which control is the strongest is not known: the one with the best test error looks better than it is. The interval
    is that of the smallest true gain. It is below a number if any gain is, so that its lower bound is the smallest of
    the unadjusted lower bounds; its upper bound is the smallest of the simultaneous upper bounds.

    Returns:
        Gains are positive if the row is better than the control.

    Source: lower bound: intersection-union test, Berger 1982; upper bound: Bonferroni.
    """
    import numpy as np

    if not controls or of.n_users < 2:
        return None
    sign = 1.0 if lower_is_better else -1.0
    contrasts = np.stack([sign * of.contrast(control, column) for control in controls])
    estimates = contrasts @ of.means
    variances = [of.variance(contrast) for contrast in contrasts]
    if not all(varies(of, variance) for variance in variances):
        return None
    lows = [estimate - half_width(part, ALPHA) for estimate, part in zip(estimates, variances, strict=True)]
    highs = [
        estimate + half_width(part, ALPHA / len(controls)) for estimate, part in zip(estimates, variances, strict=True)
    ]
    strongest = int(np.argmin(estimates))
    return SmallestGain(Interval(float(estimates[strongest]), float(min(lows)), float(min(highs))), controls[strongest])
