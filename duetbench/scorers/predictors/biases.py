"""Damped user and item biases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from duetbench.interfaces import FittingData
from duetbench.scorers.predictors.base import choose, mean_error, ratings_of

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

Form = Literal["mean", "median"]
DAMPINGS = (5.0, 1.0, 2.0, 10.0, 20.0, 50.0)
"""What the damping is chosen from on validation rows; the first one is used without them."""


@dataclass(frozen=True)
class Biases:
    """A center and a bias per user and item; the bias of an unknown user or item is 0."""

    center: float
    users: Mapping[str, float]
    items: Mapping[str, float]

    @classmethod
    def fitted(cls, rows: pl.DataFrame, damping: float, form: Form) -> Biases:
        """The biases of training rows: first of the items, then of the users in what the items leave.

        Args:
            rows: user_id, item_id, rating.
            damping: Number of ratings without bias that are added to those of each user and item.
            form: `mean`: each bias is a mean and minimises the squared error; `median`: the absolute error.
        """
        ratings = rows["rating"]
        center = float((ratings.mean() if form == "mean" else ratings.median()) or 0.0)  # type: ignore[arg-type]
        rest = ratings.to_numpy() - center
        items = _by_id(rows["item_id"], rest, damping, form)
        rest = rest - [items[item_id] for item_id in rows["item_id"]]
        return cls(center, _by_id(rows["user_id"], rest, damping, form), items)

    @classmethod
    def tuned(cls, data: FittingData, damping: float | None, form: Form) -> Biases:
        """The biases of the training rows; damping None: the best one on the validation rows."""
        requests, truth = [example.request for example in data.valid()], ratings_of(data.valid())
        users, items = [request.user_id for request in requests], [request.item.item_id for request in requests]

        def error(candidate: float) -> float:
            return mean_error(cls.fitted(data.interactions, candidate, form).of(users, items), truth, form)

        if damping is None:
            damping = choose(DAMPINGS, error) if requests else DAMPINGS[0]
        return cls.fitted(data.interactions, damping, form)

    def of(self, user_ids: Iterable[str], item_ids: Iterable[str]) -> FloatArray:
        """(pairs,) center plus both biases."""
        import numpy as np

        return np.array(
            [
                self.center + self.items.get(item, 0.0) + self.users.get(user, 0.0)
                for user, item in zip(user_ids, item_ids, strict=True)
            ],
            dtype=np.float64,
        )


def _by_id(ids: pl.Series, rest: FloatArray, damping: float, form: Form) -> dict[str, float]:
    import numpy as np

    known, owner = np.unique(ids.to_numpy(), return_inverse=True)
    if form == "mean":
        values = np.bincount(owner, rest) / (np.bincount(owner) + damping)
    else:
        values = damped_medians(owner, rest, damping)
    return dict(zip(known.tolist(), values.tolist(), strict=True))


def damped_medians(owner: NDArray[np.intp], values: FloatArray, damping: float) -> FloatArray:
    """(owners,) median of each owner's values and `damping` zeros, of several medians the one next to 0.

    Args:
        owner: (values,) each from 0 on occurs.
        values: The values.
        damping: Weight of 0; may be a fraction.
    """
    import numpy as np

    n, negative = np.bincount(owner), np.bincount(owner, values < 0).astype(int)
    positive = np.bincount(owner, values > 0).astype(int)
    ordered, start = values[np.lexsort((values, owner))], np.cumsum(n) - n
    half = (n + damping) / 2
    # The smallest number of values on the far side of 0 that, with all that is not on that side, reaches one half.
    below = start + negative - np.maximum(np.ceil(half - (n + damping - negative)), 1).astype(int)
    above = start + n - positive + np.maximum(np.ceil(half - (n + damping - positive)), 1).astype(int) - 1
    last = len(ordered) - 1
    return np.where(
        negative > half,
        ordered[np.clip(below, 0, last)],
        np.where(positive > half, ordered[np.clip(above, 0, last)], 0.0),
    )
