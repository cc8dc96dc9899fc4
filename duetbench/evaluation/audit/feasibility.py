"""Feasibility: does any distribution of |error| have the printed MAE, RMSE and accuracy, and with how many failures?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from duetbench.evaluation.audit.hypotheses import GRID_VARIANCE, Hypothesis, Outcome

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from duetbench.evaluation.audit.printed import PrintedNumber

    Floats = NDArray[np.float64]

TIME_LIMIT = 3.0
"""Seconds for one integer programme; a search that takes longer counts as feasible and is reported as undecided."""


@dataclass(frozen=True, slots=True)
class FailureShare:
    """The shares of failed outputs with which a row is feasible."""

    low: float
    """In [0, 1]; 0 without failures."""
    high: float
    is_decided: bool = True
    """False: the search ran out of time, so the row is not shown to be impossible, and the bounds are not exact."""


@dataclass(frozen=True, slots=True)
class PrintedMetrics:
    """The three numbers of a row, on the rating scale; accuracy as a fraction."""

    mae: PrintedNumber
    rmse: PrintedNumber
    accuracy: PrintedNumber
    n: int | None = None
    """Number of predictions; None: unknown, so any share is possible."""


def feasible_share(metrics: PrintedMetrics, hypothesis: Hypothesis) -> FailureShare | None:
    """The smallest and the largest share of failures with which the hypothesis explains a row.

    A linear programme over the mass of each outcome. With `n`, masses are counts: all of them integers for integer
    predictions; for fractional ones the numbers of correct and of failed predictions are integers, and errors are a
    continuous distribution, so for very small `n` an impossible row may pass as feasible, never the reverse.

    Returns:
        None if no distribution has the three printed numbers.
    """
    programme = _programme(metrics, hypothesis)
    smallest = _optimum(programme, sign=1)
    if smallest is None:
        return None
    if not hypothesis.has_failures:
        return FailureShare(0.0, 0.0, smallest.is_decided)
    low = _as_share(smallest.failed, metrics, hypothesis)
    if metrics.n is None and hypothesis.skips_failures and metrics.accuracy.low <= 0:
        return FailureShare(low, 1.0, smallest.is_decided)  # no correct prediction is needed: any number may fail
    largest = _optimum(programme, sign=-1) or smallest
    high = _as_share(largest.failed, metrics, hypothesis)
    return FailureShare(low, high, smallest.is_decided and largest.is_decided)


def _as_share(failed: float, metrics: PrintedMetrics, hypothesis: Hypothesis) -> float:
    """A mass of failures as a share of all predictions; without n, skipped ones are relative to the counted ones."""
    if metrics.n is not None:
        return failed / metrics.n
    return failed / (1 + failed) if hypothesis.skips_failures else failed


@dataclass(frozen=True, slots=True)
class _Programme:
    """Variables: the mass of each outcome, then the masses of all correct and of all failed predictions."""

    rows: Floats  # (constraint, variable)
    low: Floats  # (constraint,)
    high: Floats  # (constraint,)
    integrality: Floats  # (variable,); 1: an integer
    most: float
    """Upper bound of each variable."""


@dataclass(frozen=True, slots=True)
class _Optimum:
    failed: float
    is_decided: bool


def _programme(metrics: PrintedMetrics, hypothesis: Hypothesis) -> _Programme:
    import numpy as np

    error, correct, failed, counted = np.array(hypothesis.outcomes, dtype=np.float64).T
    everything = np.ones_like(error)
    slack = GRID_VARIANCE if hypothesis.is_fractional else 0.0
    squares = max(float(metrics.rmse.low), 0.0) ** 2, float(metrics.rmse.high) ** 2 + slack
    homogeneous = [
        *_mean_between(error * counted, counted, float(metrics.mae.low), float(metrics.mae.high)),
        *_mean_between(error**2 * counted, counted, *squares),
        *_mean_between(correct, everything, float(metrics.accuracy.low), float(metrics.accuracy.high)),
    ]
    # Without n the mass of the counted predictions is 1 and the skipped ones come on top: normalizing all of them to 1
    # would let a row with an accuracy of 0 pass with nothing but failures, which have no MAE.
    total, size = (counted, 1.0) if metrics.n is None else (everything, float(metrics.n))
    rows = np.array([*homogeneous, counted, total])
    rows = np.hstack([rows, np.zeros((len(rows), 2))])
    sums = np.array([[*correct, -1, 0], [*failed, 0, -1]])
    infinity = np.inf
    return _Programme(
        rows=np.vstack([rows, sums]),
        low=np.array([-infinity] * 6 + [1.0, size, 0.0, 0.0]),
        high=np.array([0.0] * 6 + [infinity, size, 0.0, 0.0]),
        integrality=_integrality(metrics.n, hypothesis.outcomes, hypothesis.is_fractional),
        most=infinity if metrics.n is None else size,
    )


def _mean_between(values: Floats, weights: Floats, low: float, high: float) -> list[Floats]:
    """Two rows that are at most 0 if the weighted mean is in the interval."""
    return [values - high * weights, low * weights - values]


def _integrality(n: int | None, outcomes: tuple[Outcome, ...], is_fractional: bool) -> Floats:
    import numpy as np

    if n is None:
        return np.zeros(len(outcomes) + 2)
    return np.array([0.0 if is_fractional else 1.0] * len(outcomes) + [1.0, 1.0])


def _optimum(programme: _Programme, *, sign: int) -> _Optimum | None:
    """The smallest (sign 1) or largest (sign -1) mass of failed predictions; None if the programme is infeasible."""
    import numpy as np
    from scipy.optimize import Bounds, LinearConstraint, milp

    cost = np.zeros(programme.rows.shape[1])
    cost[-1] = sign
    solution: Any = milp(
        cost,
        integrality=programme.integrality,
        bounds=Bounds(0, programme.most),
        constraints=LinearConstraint(programme.rows, programme.low, programme.high),
        options={"time_limit": TIME_LIMIT},
    )
    match solution.status:
        case 0:
            return _Optimum(max(0.0, float(solution.x[-1])), is_decided=True)
        case 2:
            return None
        case 1:
            best = solution.x[-1] if solution.x is not None else (0.0 if sign > 0 else programme.most)
            return _Optimum(max(0.0, float(best)), is_decided=False)
        case _:
            raise RuntimeError(f"the solver failed: {solution.message}")
