"""F1 over classes, with every average that publications use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from duetbench.evaluation.conventions import AVERAGES, CLASSES, as_classes
from duetbench.interfaces import Metric
from duetbench.types import Domain

if TYPE_CHECKING:
    from duetbench.evaluation.conventions import Convention, Flags, Floats, Integers


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

    def pair_values(self, predicted: Floats, truth: Floats, domain: Domain, convention: Convention) -> Floats:
        return f1_pair_values(predicted, truth, domain, classes=convention.classes, average=convention.f1)

    def part_values(
        self, predicted: Floats, truth: Floats, domain: Domain, convention: Convention, parts: Flags
    ) -> Floats:
        return f1_part_values(predicted, truth, domain, parts, classes=convention.classes)[convention.f1]


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
    averages = f1_part_values(predicted, truth, domain, np.ones((1, truth.size), dtype=bool), classes=classes)
    return {name: float(values[0]) for name, values in averages.items()}


def f1_part_values(
    predicted: Floats, truth: Floats, domain: Domain, parts: Flags, *, classes: str
) -> dict[str, Floats]:
    """As `f1`, for each of some parts of the pairs.

    Args:
        parts: (parts, pairs): which pairs are in each part; at least one.

    Returns:
        (parts,) by average.
    """
    import numpy as np

    predicted_classes, true_classes = as_classes(predicted, domain, classes), as_classes(truth, domain, classes)
    class_values, index = np.unique(np.concatenate([true_classes, predicted_classes]), return_inverse=True)
    true_index, predicted_index = index[: truth.size], index[truth.size :]

    def counted(of: Integers, flags: Flags) -> Floats:  # (parts, classes)
        return np.stack([np.bincount(of, weights=part, minlength=class_values.size) for part in flags])

    support = counted(true_index, parts)
    hits = counted(true_index, parts & (true_index == predicted_index))
    size = support + counted(predicted_index, parts)
    f1_by_class = np.divide(2 * hits, size, out=np.zeros_like(hits), where=size > 0)
    scale = np.unique(as_classes(np.asarray(domain.labels, dtype=float), domain, classes))
    n = parts.sum(axis=1)
    return {
        "macro_gt": (f1_by_class * (support > 0)).sum(axis=1) / (support > 0).sum(axis=1),
        "macro_1to5": f1_by_class[:, np.isin(class_values, scale)].sum(axis=1) / scale.size,
        "macro_union": f1_by_class.sum(axis=1) / (size > 0).sum(axis=1),
        "weighted": (f1_by_class * support).sum(axis=1) / n,
        "micro": hits.sum(axis=1) / n,
    }


def f1_pair_values(predicted: Floats, truth: Floats, domain: Domain, *, classes: str, average: str) -> Floats:
    """F1 plus the influence of each pair on it: what the F1 changes by, times n, if the pair gets a little more weight.

    The classes over which an average goes are those of the data at hand, as in `f1`.

    Args:
        classes: One of CLASSES.
        average: One of AVERAGES.
    """
    import numpy as np

    value = float(f1(predicted, truth, domain, classes=classes)[average] or 0.0)
    predicted_classes, true_classes = as_classes(predicted, domain, classes), as_classes(truth, domain, classes)
    class_values = np.unique(np.concatenate([true_classes, predicted_classes]))
    scale = np.unique(as_classes(np.asarray(domain.labels, dtype=float), domain, classes))
    if average == "micro":
        hits: Floats = (predicted_classes == true_classes).astype(float)
        return hits
    averaged = {"macro_gt": np.unique(true_classes), "macro_1to5": scale}.get(average, class_values)
    influence = np.zeros(truth.size)
    for label in class_values[np.isin(class_values, averaged)]:
        is_true, is_predicted = (true_classes == label).astype(float), (predicted_classes == label).astype(float)
        size = (is_true + is_predicted).mean()
        of_class = 2 * (is_true * is_predicted).mean() / size
        change = (2 * is_true * is_predicted - of_class * (is_true + is_predicted)) / size
        if average == "weighted":
            influence += is_true.mean() * change + (is_true - is_true.mean()) * of_class
        else:
            influence += change / averaged.size
    pair_values: Floats = value + influence
    return pair_values
