"""Root mean squared error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duetbench.evaluation.conventions import ERRORS, for_error
from duetbench.interfaces import Metric
from duetbench.types import Domain

if TYPE_CHECKING:
    from duetbench.evaluation.conventions import Convention, Flags, Floats


class Rmse(Metric):
    """Root of the mean squared difference of prediction and true rating, by the value used for errors (ERRORS)."""

    name = "rmse"
    title = "RMSE"
    summary = "root mean squared error"
    lower_is_better = True
    optimal_decision = "mean"

    def compute(self, predicted: Floats, truth: Floats, domain: Domain) -> dict[str, float | None]:
        return {error: rmse(for_error(predicted, domain, error) - truth) for error in ERRORS}

    def pair_values(self, predicted: Floats, truth: Floats, domain: Domain, convention: Convention) -> Floats:
        squares: Floats = (for_error(predicted, domain, convention.error) - truth) ** 2
        value = float(squares.mean() ** 0.5)
        return squares if value == 0 else value + (squares - value**2) / (2 * value)

    def part_values(
        self, predicted: Floats, truth: Floats, domain: Domain, convention: Convention, parts: Flags
    ) -> Floats:
        squares = (for_error(predicted, domain, convention.error) - truth) ** 2
        roots: Floats = (parts @ squares / parts.sum(axis=1)) ** 0.5
        return roots


def rmse(differences: Floats) -> float | None:
    """Root of the mean squared difference; None if there is none."""
    return float((differences**2).mean() ** 0.5) if differences.size else None
