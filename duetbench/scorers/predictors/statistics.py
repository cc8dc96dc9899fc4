"""Statistics of the histories in requests, as arrays: the same code for training rows and for predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from duetbench.types import Domain, Interaction, Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

_DAMPING = 3.0
"""Pseudo-ratings at the training mean, added to every history: short histories say little."""
_RECENT = 3
"""Number of ratings that the recent mean covers."""


class Prior(NamedTuple):
    """What the training ratings say about a rating without any history."""

    mean: float
    """Mean rating."""
    top_share: float
    """Share of the highest label."""
    top: float
    """The highest label."""

    @classmethod
    def of(cls, ratings: FloatArray, domain: Domain) -> Prior:
        """The prior of training ratings."""
        top = float(domain.labels[-1])
        return cls(float(ratings.mean()), float((ratings == top).mean()), top)


class Windows(NamedTuple):
    """The interactions of all histories of one side, one history after the other."""

    lines: list[Interaction]
    """Oldest first within each history."""
    owner: NDArray[np.intp]
    """(lines,) position of the request."""
    length: NDArray[np.intp]
    """(requests,) number of interactions."""


def history_statistics(requests: Sequence[Request], prior: Prior, k: int | None) -> FloatArray:
    """(requests, 14) statistics: of each side number, average, mean, top share, deviation, recent mean and last rating.

    Args:
        requests: Only their histories and averages are read.
        prior: Replaces the statistics of an empty history.
        k: How many of the latest interactions count; None: all that the requests carry.
    """
    import numpy as np

    user = windows([request.user_history for request in requests], k)
    item = windows([request.item_history for request in requests], k)
    return np.hstack(
        [
            _side(user, [request.user_average for request in requests], prior),
            _side(item, [request.item_average for request in requests], prior),
        ]
    )


def windows(histories: Sequence[tuple[Interaction, ...]], k: int | None) -> Windows:
    """The latest `k` interactions of each history; None: all of them."""
    import numpy as np

    latest = [history[max(len(history) - k, 0) :] if k is not None else history for history in histories]
    length = np.fromiter(map(len, latest), dtype=np.intp, count=len(latest))
    lines = [line for history in latest for line in history]
    return Windows(lines, np.repeat(np.arange(len(latest)), length), length)


def damped_mean(values: FloatArray, owner: NDArray[np.intp], n: int, prior: float) -> FloatArray:
    """(n,) mean of each owner's values with the damping of this module; `prior` for an owner without values."""
    import numpy as np

    total = np.bincount(owner, weights=values, minlength=n)
    return (total + _DAMPING * prior) / (np.bincount(owner, minlength=n) + _DAMPING)


def _side(window: Windows, averages: Sequence[float | None], prior: Prior) -> FloatArray:
    """(requests, 7) statistics of one side."""
    import numpy as np

    n = len(window.length)
    rating = np.fromiter((line.rating for line in window.lines), dtype=np.float64, count=len(window.lines))
    end = np.cumsum(window.length)
    is_recent = np.arange(len(rating)) >= np.repeat(end, window.length) - _RECENT
    average = np.array([prior.mean if value is None else value for value in averages], dtype=np.float64)
    mean = damped_mean(rating, window.owner, n, prior.mean)
    last = np.full(n, prior.mean)
    last[window.length > 0] = rating[end[window.length > 0] - 1]
    columns = [
        np.log1p(window.length),
        (average * window.length + prior.mean * _DAMPING) / (window.length + _DAMPING),
        mean,
        damped_mean((rating == prior.top).astype(np.float64), window.owner, n, prior.top_share),
        np.sqrt(damped_mean((rating - mean[window.owner]) ** 2, window.owner, n, 1.0)),
        damped_mean(rating[is_recent], window.owner[is_recent], n, prior.mean),
        last,
    ]
    return np.stack(columns, axis=1)
