"""How the user rated items with the same categories as the requested item, as arrays."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from duetbench.scorers.predictors.statistics import Prior, windows
from duetbench.types import Item, Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_DAMPING = 0.5
"""Pseudo-rating at the user's mean, added to the ratings of similar items."""


class CategoryStatistics:
    """Statistics of the user's earlier ratings, weighted by the similarity of categories.

    The similarity is the weighted Jaccard index of two items' categories: a category counts by its inverse document
    frequency, so that one which all items have does not count.

    Args:
        items: The items of the training rows, with repetitions.
        prior: Replaces the ratings of a user without history.
    """

    def __init__(self, items: Iterable[Item], prior: Prior) -> None:
        distinct = {item.item_id: item.categories for item in items}
        frequency = Counter(category for categories in distinct.values() for category in set(categories))
        self._weight = {category: math.log(len(distinct) / n) for category, n in frequency.items()}
        self._prior = prior

    def of(self, requests: Sequence[Request], k: int | None) -> NDArray[np.float64]:
        """(requests, 4): damped mean of similar items, its difference to the user's mean, weight, greatest similarity.

        Args:
            requests: Only their items and user histories are read.
            k: How many of the latest interactions count; None: all that the requests carry.
        """
        import numpy as np

        window, n = windows([request.user_history for request in requests], k), len(requests)
        similarity = lru_cache(maxsize=1_000_000)(self._similarity)
        weights = np.array(
            [
                similarity(requests[owner].item.categories, line.item.categories)
                for owner, line in zip(window.owner.tolist(), window.lines, strict=True)
            ],
            dtype=np.float64,
        )
        rating = np.array([line.rating for line in window.lines], dtype=np.float64)
        mean = (np.bincount(window.owner, rating, n) + self._prior.mean) / (window.length + 1)
        total, weight = np.bincount(window.owner, weights * rating, n), np.bincount(window.owner, weights, n)
        similar = (total + _DAMPING * mean) / (weight + _DAMPING)
        greatest = np.zeros(n)
        np.maximum.at(greatest, window.owner, weights)
        return np.stack([similar, similar - mean, weight, greatest], axis=1)

    def _similarity(self, first: tuple[str, ...], second: tuple[str, ...]) -> float:
        shared, union = set(first) & set(second), set(first) | set(second)
        total = math.fsum(self._weight.get(category, 0.0) for category in union)
        return math.fsum(self._weight.get(category, 0.0) for category in shared) / total if total else 0.0
