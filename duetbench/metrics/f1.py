"""F1 over classes, with every average that publications use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from duetbench.evaluation.conventions import AVERAGES, CLASSES, as_classes
from duetbench.interfaces import Metric
from duetbench.types import Domain

if TYPE_CHECKING:
    from duetbench.evaluation.conventions import Convention, Floats


class F1(Metric):
    """F1 by what the classes are (CLASSES) and then by how the classes' F1 are averaged (AVERAGES)."""

    name = "f1"
    title = "F1"
    summary = "F1 over the classes, averaged according to the convention"
    lower_is_better = False
    optimal_decision = None  # the best label of one pair depends on the predictions of all others

    def compute(self, predicted: Floats, truth: Floats, domain: Domain) -> dict[str, dict[str, float | None]]:
        return {classes: f1(predicted, truth, domain, classes=classes) for classes in CLASSES}

    def select(self, values: Mapping[str, Any], convention: Convention) -> float | None:
        value: float | None = values[convention.classes][convention.f1]
        return value


def f1(
    predicted: Floats, truth: Floats, domain: Domain, *, classes: str = "rounded_half_up"
) -> dict[str, float | None]:
    """F1 over classes (one of CLASSES) under each of AVERAGES; None if there are no pairs.

    Source: `macro_union`, `weighted`, `micro` are scikit-learn's; `macro_gt` and `macro_1to5` its macro with `labels`
    set to the true classes and to the complete scale, zero_division 0.
    """
    import numpy as np

    if not truth.size:
        return dict.fromkeys(AVERAGES)
    predicted_classes, true_classes = as_classes(predicted, domain, classes), as_classes(truth, domain, classes)
    class_values, index = np.unique(np.concatenate([true_classes, predicted_classes]), return_inverse=True)
    true_index, predicted_index = index[: truth.size], index[truth.size :]
    hits = np.bincount(true_index[true_index == predicted_index], minlength=class_values.size)
    support = np.bincount(true_index, minlength=class_values.size)
    f1_by_class = 2 * hits / (support + np.bincount(predicted_index, minlength=class_values.size))
    scale = np.unique(as_classes(np.asarray(domain.labels, dtype=float), domain, classes))
    return {
        "macro_gt": float(f1_by_class[support > 0].mean()),
        "macro_1to5": float(f1_by_class[np.isin(class_values, scale)].sum() / scale.size),
        "macro_union": float(f1_by_class.mean()),
        "weighted": float((f1_by_class * support).sum() / truth.size),
        "micro": float(hits.sum() / truth.size),
    }
