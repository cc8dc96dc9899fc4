"""Share of pairs whose predicted class is the true one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from duetbench.evaluation.conventions import ACCURACIES, as_classes
from duetbench.interfaces import Metric
from duetbench.types import Domain

if TYPE_CHECKING:
    from duetbench.evaluation.conventions import Convention, Floats


class Accuracy(Metric):
    """Share of correct predictions, by what counts as correct (ACCURACIES)."""

    name = "accuracy"
    title = "Acc"
    summary = "share of predictions in the true class"
    lower_is_better = False
    optimal_decision = "mode"
    is_mean = True

    def compute(self, predicted: Floats, truth: Floats, domain: Domain) -> dict[str, float | None]:
        return {kind: accuracy(predicted, truth, domain, kind=kind) for kind in ACCURACIES}

    def select(self, values: Mapping[str, Any], convention: Convention) -> float | None:
        value: float | None = values[convention.classes]
        return value

    def pair_values(self, predicted: Floats, truth: Floats, domain: Domain, convention: Convention) -> Floats:
        kind = convention.classes
        hits: Floats = (as_classes(predicted, domain, kind) == as_classes(truth, domain, kind)).astype(float)
        return hits


def accuracy(predicted: Floats, truth: Floats, domain: Domain, *, kind: str = "rounded_half_up") -> float | None:
    """Share of correct predictions; None if there are no pairs.

    Args:
        kind: What counts as correct, one of ACCURACIES.
    """
    if not truth.size:
        return None
    if kind == "within_0.5":
        return float((abs(predicted - truth) <= 0.5 + 1e-9).mean())  # 4.1 - 3.6 is above 0.5 by rounding
    return float((as_classes(predicted, domain, kind) == as_classes(truth, domain, kind)).mean())
