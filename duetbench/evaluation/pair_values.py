"""One value per pair for every metric, whose mean is the metric: from them all uncertainty is computed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from duetbench.errors import PluginError
from duetbench.evaluation.conventions import Convention
from duetbench.evaluation.metric_values import compute_values, selected_value
from duetbench.interfaces import Metric
from duetbench.types import Domain

if TYPE_CHECKING:
    from duetbench.evaluation.conventions import Flags, Floats, Integers

MAX_KINDS = 2000
"""Maximum number of kinds of pairs that are left out one after the other; see `_kinds`."""
SPLITS = 10
"""Number of random halves by which `curvature` is measured."""
_ROUNDING = 1e-9


def pair_values(
    metric: Metric,
    predicted: Floats,
    truth: Floats,
    domain: Domain,
    convention: Convention,
    *,
    is_trusted: bool = False,
) -> Floats | None:
    """The metric's own values per pair, or those from leaving out one pair after the other; None without a value.

    Leaving out pairs (jackknife) is right for metrics that change smoothly with the pairs; not for a maximum or a
    median.

    Args:
        is_trusted: Do not compute the metric only to compare its own values per pair with it, which takes most of the
            time: they were right for other predictions of the same pairs.

    Raises:
        PluginError: the metric failed, or its values per pair do not have the metric as their mean.
    """
    import numpy as np

    own = metric.pair_values(predicted, truth, domain, convention) if is_trusted and truth.size else None
    if own is not None:
        return np.asarray(own, dtype=float)
    value = _value(metric, predicted, truth, domain, convention)
    if value is None:
        return None
    own = metric.pair_values(predicted, truth, domain, convention)
    if own is None:
        return _by_leaving_out(metric, predicted, truth, domain, convention, value)
    own = np.asarray(own, dtype=float)
    if own.shape != truth.shape or not np.isclose(own.mean(), value, rtol=1e-6, atol=1e-9):
        raise PluginError(f"metric '{metric.name}': the mean of its pair_values must be its value for all pairs")
    return own


def curvature(
    metric: Metric, predicted: Floats, truth: Floats, users: Sequence[str], domain: Domain, convention: Convention
) -> Floats | None:
    """How far the metric is from the mean of its values on two halves of the users, for each of SPLITS.

    All effects of single pairs that add up cancel: zero for a mean over pairs. Intervals and tests take the metric for
    such a mean, so that they are wrong where this is not small in comparison with the standard error; on small samples
    F1 is far from it, as a class with two pairs has no F1 in one of the halves.

    Returns:
        (SPLITS,), the same splits for all metrics and predictions; None if a half has no value.
    """
    import numpy as np

    parts = _whole_and_halves(tuple(users))
    if not parts.any(axis=1).all():
        return None
    if metric.is_mean:
        return np.zeros(SPLITS)
    values = _part_values(metric, predicted, truth, domain, convention, parts)
    if values is None:
        return None
    share, halves, others = parts[1 : SPLITS + 1].mean(axis=1), values[1 : SPLITS + 1], values[SPLITS + 1 :]
    found = share * halves + (1 - share) * others - values[0]
    return np.where(abs(found) < _ROUNDING, 0.0, found)


def _part_values(
    metric: Metric, predicted: Floats, truth: Floats, domain: Domain, convention: Convention, parts: Flags
) -> Floats | None:
    """The metric on each part of the pairs, (parts,); None if one of them has no value."""
    import numpy as np

    own = metric.part_values(predicted, truth, domain, convention, parts)
    if own is not None:
        if own.shape != (len(parts),):
            raise PluginError(f"metric '{metric.name}': its part_values must be one number for each part")
        return own
    values = [_mean_value(metric, predicted[part], truth[part], domain, convention) for part in parts]
    return None if any(value is None for value in values) else np.array(values, dtype=float)


def _mean_value(
    metric: Metric, predicted: Floats, truth: Floats, domain: Domain, convention: Convention
) -> float | None:
    """The metric under one convention only, which is faster, where it has values by pair."""
    own = metric.pair_values(predicted, truth, domain, convention) if truth.size else None
    return _value(metric, predicted, truth, domain, convention) if own is None else float(own.mean())


@lru_cache(maxsize=4)
def _whole_and_halves(users: tuple[str, ...]) -> Flags:
    """All pairs, those of SPLITS random halves of the users, and those of the other halves, (1 + 2 SPLITS, pairs)."""
    import numpy as np

    names, codes = np.unique(np.asarray(users), return_inverse=True)
    rng = np.random.default_rng(0)
    halves = np.stack([rng.permutation(len(names))[codes] < len(names) // 2 for _ in range(SPLITS)])
    return np.concatenate([np.ones((1, len(users)), dtype=bool), halves, ~halves])


def _value(metric: Metric, predicted: Floats, truth: Floats, domain: Domain, convention: Convention) -> float | None:
    values = compute_values([metric], predicted, truth, domain)[metric.name]
    return selected_value(metric, values, convention)


def _by_leaving_out(
    metric: Metric, predicted: Floats, truth: Floats, domain: Domain, convention: Convention, value: float
) -> Floats | None:
    """Jackknife pseudo-values n * value - (n - 1) * value without the pair, moved so that their mean is the value."""
    import numpy as np

    n = truth.size
    if n < 2:
        return None
    representatives, kinds = _kinds(predicted, truth)
    without = [
        _value(metric, np.delete(predicted, pair), np.delete(truth, pair), domain, convention)
        for pair in representatives
    ]
    if any(number is None for number in without):
        return None
    pseudo: Floats = (n * value - (n - 1) * np.array(without, dtype=float))[kinds]
    pseudo += value - pseudo.mean()
    return pseudo


def _kinds(predicted: Floats, truth: Floats) -> tuple[Integers, Integers]:
    """One pair of each kind, and the kind of each pair; pairs of a kind have the same prediction and true rating.

    With more than MAX_KINDS kinds, predictions that agree to two decimals are of one kind: the effect of leaving out a
    pair depends on nothing but its prediction and true rating.
    """
    import numpy as np

    for values in (predicted, np.round(predicted, 2)):
        _, first, kinds = np.unique(np.stack([values, truth]), axis=1, return_index=True, return_inverse=True)
        if len(first) <= MAX_KINDS:
            break
    return first, kinds.reshape(-1)
