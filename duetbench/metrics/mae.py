"""Mean absolute error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duetbench.evaluation.conventions import ERRORS, for_error
from duetbench.interfaces import Metric
from duetbench.types import Domain

if TYPE_CHECKING:
    from duetbench.evaluation.conventions import Convention, Floats


class Mae(Metric):
    """Mean absolute difference of prediction and true rating, by the value used for errors (ERRORS)."""

    name = "mae"
    title = "MAE"
    summary = "mean absolute error"
    lower_is_better = True
    optimal_decision = "median"
    is_mean = True

    def compute(self, predicted: Floats, truth: Floats, domain: Domain) -> dict[str, float | None]:
        return {error: mae(for_error(predicted, domain, error) - truth) for error in ERRORS}

    def pair_values(self, predicted: Floats, truth: Floats, domain: Domain, convention: Convention) -> Floats:
        errors: Floats = abs(for_error(predicted, domain, convention.error) - truth)
        return errors


def mae(differences: Floats) -> float | None:
    """Mean absolute difference; None if there is none."""
    return float(abs(differences).mean()) if differences.size else None
