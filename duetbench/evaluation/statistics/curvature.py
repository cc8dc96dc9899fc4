"""Whether a metric that is no mean over pairs may be treated as one on a sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duetbench.evaluation.statistics.crossed import Floats, Uncertainty

MAX_CURVATURE = 0.2
"""Largest share for which intervals and tests are printed. Without it, F1 of eight equal methods has a false star on up
to half of small boards (21 pairs); with it, on 0 to 5 % of all boards, measured with 120 to 400 boards per size."""


def curvature_share(of: Uncertainty, curvatures: Sequence[Floats | None], reference: int = 0) -> float:
    """The curvature of a metric as a share of the standard error; 0 for a mean over pairs.

    Over all columns at once: columns that were chosen one by one, for a small share, would be those whose standard
    errors are large by chance. The larger one of that of the columns and that of their differences to `reference`.

    Args:
        of: The columns.
        curvatures: (splits,) of each column; see `duetbench.evaluation.pair_values.curvature`. None: infinite.
    """
    import numpy as np

    known = [found for found in curvatures if found is not None]
    if len(known) < len(curvatures):
        return math.inf
    found = np.stack(known)
    others = [column for column in range(len(found)) if column != reference]
    alone = _share(of, found, [of.contrast(column) for column in range(len(found))])
    if not others:
        return alone
    differences = _share(of, found[others] - found[reference], [of.contrast(column, reference) for column in others])
    return max(alone, differences)


def _share(of: Uncertainty, curvatures: Floats, contrasts: Sequence[Floats]) -> float:
    size = math.sqrt(float((curvatures**2).mean()))
    error = sum(math.sqrt(of.variance(contrast).sample) for contrast in contrasts) / len(contrasts)
    if error > 0:
        return size / error
    return math.inf if size > 0 else 0.0
