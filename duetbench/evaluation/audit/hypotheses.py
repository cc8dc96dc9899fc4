"""Hypotheses: ways in which a row's MAE, RMSE and accuracy may have been computed, as distributions of |error|."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

MAX_ERROR = 4
"""The largest |error| on the scale from 1 to 5."""

STEPS_PER_STAR = 100
"""Fractional errors are placed on a grid of this many steps per star; 1/2 is on the grid."""

GRID_VARIANCE = (1 / STEPS_PER_STAR / 2) ** 2
"""What the grid can add to a mean squared error, at most.

An error between two grid points is split over both so that its mean is kept, which adds a variance of at most a quarter
of the squared step. Accepting this much more makes "impossible" hold for errors of any precision, not only for those on
the grid.
"""

FAILED_ERRORS = (1, 2, 3, 4, 5, 6)
"""|error| of a prediction of 0 (1 to 5) or -1 (2 to 6) in place of an output that could not be read."""


class Outcome(NamedTuple):
    """A kind of prediction; a hypothesis says how much of each kind there may be."""

    error: float
    """|error|; without meaning if not counted."""
    is_correct: bool = False
    is_failed: bool = False
    is_counted: bool = True
    """Whether it is part of MAE and RMSE. Accuracy is always over all predictions."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A way of computing the three metrics, by the outcomes that it allows."""

    name: str
    title: str
    meaning: str
    outcomes: tuple[Outcome, ...]
    is_fractional: bool = False

    @property
    def has_failures(self) -> bool:
        """Whether some predictions may have failed."""
        return any(outcome.is_failed for outcome in self.outcomes)

    @property
    def skips_failures(self) -> bool:
        """Whether failed predictions are left out of MAE and RMSE."""
        return not all(outcome.is_counted for outcome in self.outcomes)


def _grid(low: float, high: float) -> list[float]:
    return [step / STEPS_PER_STAR for step in range(round(low * STEPS_PER_STAR), round(high * STEPS_PER_STAR) + 1)]


_INTEGERS = tuple(Outcome(error, is_correct=error == 0) for error in range(MAX_ERROR + 1))
# A wrong prediction may be as close to the label as one likes, hence 0 is also among the errors of wrong ones.
_EXACT = (Outcome(0, is_correct=True), *(Outcome(error) for error in _grid(0, MAX_ERROR)))
# A prediction half a star off is correct or wrong depending on how ties are rounded, hence 1/2 is in both groups.
_ROUNDED = (
    *(Outcome(error, is_correct=True) for error in _grid(0, 0.5)),
    *(Outcome(error) for error in _grid(0.5, MAX_ERROR)),
)
_FAILED_AS_0 = tuple(Outcome(error, is_failed=True) for error in FAILED_ERRORS)
_SKIPPED = (Outcome(0, is_failed=True, is_counted=False),)

HYPOTHESES = (
    Hypothesis("integer_exact", "int", "integer predictions from 1 to 5, correct if equal to the label", _INTEGERS),
    Hypothesis(
        "integer_failures_as_0",
        "int fail=0",
        "int, with outputs that could not be read as predictions of 0 or -1",
        _INTEGERS + _FAILED_AS_0,
    ),
    Hypothesis(
        "integer_failures_skipped",
        "int skip",
        "int, with outputs that could not be read left out of MAE and RMSE, and wrong in the accuracy",
        _INTEGERS + _SKIPPED,
    ),
    Hypothesis(
        "fractional_exact",
        "frac",
        "fractional predictions from 1 to 5, correct if equal to the label",
        _EXACT,
        is_fractional=True,
    ),
    Hypothesis(
        "fractional_failures_as_0",
        "frac fail=0",
        "frac, with failures as 0 or -1: the rule of the code released with DUET (convention `duet`)",
        _EXACT + _FAILED_AS_0,
        is_fractional=True,
    ),
    Hypothesis(
        "fractional_rounded",
        "round",
        "fractional predictions, correct if the nearest label is the true one; ties may go either way",
        _ROUNDED,
        is_fractional=True,
    ),
    Hypothesis(
        "fractional_rounded_failures_skipped",
        "round skip",
        "round, with failures left out of MAE and RMSE, and wrong in the accuracy",
        _ROUNDED + _SKIPPED,
        is_fractional=True,
    ),
)
"""For labels from 1 to 5. The distribution of the labels is free, so it constrains nothing."""
