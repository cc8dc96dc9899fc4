"""Conventions: the choices that a published MAE, RMSE, accuracy or F1 leaves open, and a name for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from duetbench.errors import ConfigError
from duetbench.scales import step_of
from duetbench.types import Domain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Flags = NDArray[np.bool_]

ROUNDINGS = ("half_up", "bankers", "floor")
"""How a value between two labels is rounded: up from the middle on; in the middle to the even label, which on a scale
in equal steps is an even number of steps from 0, and on other scales of positions from the first; always down."""

ERRORS = ("raw", "clipped", *(f"rounded_{rounding}" for rounding in ROUNDINGS))
"""The value from which an error is computed: as predicted; clipped to the scale; clipped and rounded to a label."""

EXACT = "exact_float"

_BUCKETS = {"negative": -1, "neutral": 0, "positive": 1}

CLASSES = (EXACT, *(f"rounded_{rounding}" for rounding in ROUNDINGS), "bucket3")
"""What a class is: the number itself (on whole stars, a prediction of 4.5 is never correct); the label after rounding;
the sentiment of the label after rounding half up, which is below, in or above the middle quarter of the scale (1-2, 3,
4-5; on half stars 0.5-2, 2.5-3, 3.5-5; see `Domain.sentiment`)."""

ACCURACIES = (*CLASSES, "within_0.5")
"""When a prediction is correct: it is in the true class, see CLASSES; `within_0.5`: it is at most 0.5 away, on every
scale."""

AVERAGES = ("macro_gt", "macro_1to5", "macro_union", "weighted", "micro")
"""How the F1 of the classes are averaged: over the classes among the true ratings; over all labels of the scale (an
absent one counts 0); over every class that was true or predicted; weighted by how often a class is true; from the
pooled counts of all classes (which is the accuracy)."""

FILLS = ("train_mean", "user_mean", "worst", "middle", "official")
"""The substitute for a missing prediction: the mean of the training ratings; the user's mean before the request (or
the training mean if there is none); the end of the scale that is farthest from the truth; the middle of the scale;
the values of DUET's authors, 0 for a rating and -1 for a profile that could not be read. Also `constant:X`, the number
X."""


@dataclass(frozen=True, slots=True)
class Convention:
    """One choice for all that metrics leave open. Metrics are over all pairs, with missing predictions filled."""

    name: str
    meaning: str
    over: str = ""
    """The fill; empty: the one that the record declares."""
    error: str = "raw"
    """One of ERRORS."""
    classes: str = "rounded_half_up"
    """One of CLASSES."""
    f1: str = "macro_1to5"
    """One of AVERAGES."""


CONVENTIONS = {
    convention.name: convention
    for convention in (
        Convention(
            "standard",
            "errors of the raw value; classes: nearest label, half up; F1: macro over all labels of the scale",
        ),
        Convention(
            "duet",
            "as the code released with DUET: raw errors, unread ratings 0 and profiles -1, classes by equality of "
            "numbers, F1: macro over the true classes",
            over="official",
            classes=EXACT,
            f1="macro_gt",
        ),
        Convention(
            "three_class",
            "errors of the raw value; three classes, below, at and above the middle of the scale; F1: weighted",
            classes="bucket3",
            f1="weighted",
        ),
    )
}


def fill_name(fill: str | float) -> str:
    """The canonical name of a fill; a number is `constant:X`.

    Raises:
        ConfigError: no such fill.
    """
    if isinstance(fill, str) and fill in FILLS:
        return fill
    text = fill.removeprefix("constant:") if isinstance(fill, str) else fill
    try:
        return f"constant:{float(text):g}"
    except ValueError:
        raise ConfigError([f"fill: must be one of {', '.join(FILLS)} or constant:X, got {fill!r}"]) from None


def rounded(values: Floats, labels: Sequence[float], rounding: str) -> Floats:
    """Each value clipped to the scale and rounded to a label. See ROUNDINGS."""
    import numpy as np

    scale = np.asarray(labels, dtype=np.float64)
    clipped = np.clip(values, scale[0], scale[-1])
    lower = np.clip(np.searchsorted(scale, clipped, side="right") - 1, 0, len(scale) - 2)
    low, high = scale[lower], scale[lower + 1]
    if rounding == "floor":
        return np.where(clipped >= high, high, low)
    middle = (low + high) / 2
    is_middle = abs(clipped - middle) <= 4 * np.spacing(abs(middle))  # 0.15 is not the computed middle of 0.1 and 0.2
    up = (clipped > middle) & ~is_middle
    up |= is_middle & (_is_even(scale)[lower + 1] if rounding == "bankers" else True)
    return np.where(up, high, low)


def _is_even(scale: Floats) -> NDArray[np.bool_]:
    """Which labels are even, see ROUNDINGS."""
    import numpy as np

    step = step_of(scale.tolist())
    number = np.rint(scale / step) if step else np.arange(len(scale))
    return np.asarray(number % 2 == 0)


def for_error(values: Floats, domain: Domain, error: str) -> Floats:
    """The values from which errors are computed. See ERRORS."""
    import numpy as np

    if error == "raw":
        return values
    if error == "clipped":
        return np.clip(values, domain.labels[0], domain.labels[-1])
    return rounded(values, domain.labels, error.removeprefix("rounded_"))


def as_classes(values: Floats, domain: Domain, classes: str) -> Floats:
    """The class of each value, as a number; buckets are -1, 0 and 1. See CLASSES."""
    import numpy as np

    if classes == EXACT:
        return values
    if classes == "bucket3":
        labels = rounded(values, domain.labels, "half_up")
        buckets = [_BUCKETS[domain.sentiment(label)] for label in domain.labels]
        return np.asarray(buckets, dtype=np.float64)[np.searchsorted(domain.labels, labels)]
    return rounded(values, domain.labels, classes.removeprefix("rounded_"))
