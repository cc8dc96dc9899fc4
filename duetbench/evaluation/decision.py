"""Decision rules: from the probabilities of the labels to one predicted rating."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

from duetbench.errors import DataError
from duetbench.types import Decision

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DECISIONS: tuple[Decision, ...] = get_args(Decision)

DECISION_MEANING = (
    "which value of the label probabilities is predicted: their mean (least squared error), median (least absolute "
    "error) or mode (most correct labels); as a training signal only the mean is smooth, the others are step functions"
)

_TIE = 1e-9
"""Probabilities that differ by less are equal: softmax rounds."""
_SUM_TOLERANCE = 1e-6
_VALUE_TOLERANCE = 1e-6
"""Largest difference of a value from its rule, such as from a scorer that computes in single precision."""


def decide(probabilities: Floats, labels: Sequence[float], rule: Decision) -> Floats:
    """The predicted rating of each pair, (pairs,).

    Args:
        probabilities: (pairs, labels); rows sum to 1.
        labels: The scale, ascending.
        rule: `mean`: the expected label; minimises the expected squared error. `median`: the lowest label with at least
            half of the probability at or below it; minimises the expected absolute error, and where two labels and all
            values between them do, is the lower one. `mode`: the most probable label, of equally probable ones the
            lowest; maximises the expected accuracy.
    """
    import numpy as np

    scale = np.asarray(labels, dtype=np.float64)
    if rule == "mean":
        return _means(probabilities, scale)
    if rule == "median":
        is_candidate = np.cumsum(probabilities, axis=1) >= 0.5 - _TIE
    else:
        is_candidate = probabilities >= probabilities.max(axis=1, keepdims=True) - _TIE
    lowest: Floats = scale[np.argmax(is_candidate, axis=1)]
    return lowest


def _means(probabilities: Floats, scale: Floats) -> Floats:
    """Summed exactly, so that no row depends on the others; clipped, since rounded probabilities may sum to over 1."""
    import numpy as np

    sums = np.fromiter(map(math.fsum, (probabilities * scale).tolist()), np.float64, len(probabilities))
    return np.asarray(np.clip(sums, scale[0], scale[-1]))


def label_probabilities(readable: pl.DataFrame, labels: Sequence[float]) -> Floats | None:
    """The probabilities of readable predictions, (pairs, labels); None if one of them has none, or there is none.

    Args:
        readable: Rows of a table of predictions with status `ok`.
        labels: What the model chose from.

    Raises:
        DataError: the probabilities of a prediction are not one per label, not in [0, 1], or do not sum to 1.
    """
    import numpy as np

    lengths = readable["probabilities"].list.len().fill_null(0)
    if not readable.height or not (lengths > 0).all():
        return None
    _check(readable, lengths != len(labels), f"not one probability for each of the labels {tuple(labels)}")
    probabilities = np.asarray(readable["probabilities"].explode().to_numpy(), dtype=float)
    probabilities = probabilities.reshape(readable.height, len(labels))
    sums_to_1 = abs(probabilities.sum(axis=1) - 1) <= _SUM_TOLERANCE
    is_valid = sums_to_1 & (probabilities >= -_SUM_TOLERANCE).all(axis=1)  # NaN is not valid either
    _check(readable, ~is_valid, "its probabilities are not in [0, 1], or do not sum to 1")
    return probabilities


def _check(readable: pl.DataFrame, is_fault: pl.Series | NDArray[np.bool_], fault: str) -> None:
    faulty = readable.filter(is_fault)
    if faulty.height:
        raise DataError(f"prediction {faulty['request_id'][0]}: {fault}; a scorer may also return no probabilities")


def decision_of(values: Floats, by_rule: dict[Decision, Floats], declared: Decision | None) -> Decision | None:
    """The rule by which predicted values follow from their label probabilities; None if no rule gives them.

    Several rules may give the same values: then the declared one, or else the last of DECISIONS, since values that are
    labels throughout are no expectations.

    Args:
        values: (pairs,) as predicted.
        by_rule: What each rule gives for the same pairs.
        declared: What the scorer declares; None: nothing.
    """
    fitting = [rule for rule in DECISIONS if (abs(by_rule[rule] - values) <= _VALUE_TOLERANCE).all()]
    if declared in fitting:
        return declared
    return fitting[-1] if fitting else None
