"""Scorers without a model that predict from the training ratings alone, whatever the histories."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from duetbench.interfaces import FittingData, option
from duetbench.scorers.predictors.base import Predictor, choose, mean_error, ratings_of
from duetbench.scorers.predictors.biases import DAMPINGS, Biases
from duetbench.types import Decision, Prediction, Request

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

_FORM = "mean: minimises the squared error; median: the absolute error"
_DAMPING = "pseudo-ratings {} added to each; none: chosen on validation rows"


class _FormPredictor(Predictor):
    """Predicts what its option `form` says: the mean or the median."""

    def decision(self) -> Decision:
        form: Decision = self.config.form
        return form


class GlobalMean(_FormPredictor):
    """The mean or median of all training ratings."""

    name = "global_mean"
    summary = "the mean (or median) of all training ratings"
    reads_history: ClassVar[bool] = False

    @dataclass(frozen=True)
    class Config:
        form: Literal["mean", "median"] = option("mean", _FORM)

    def _fit(self, data: FittingData) -> None:
        self._value = RatingCounts(data.interactions, None).center(self.config.form)

    def _predictions(self, requests: Sequence[Request]) -> list[Prediction]:
        return [Prediction(self._value) for _ in requests]


class Majority(Predictor):
    """The most frequent training rating; on a tie, the highest."""

    name = "majority"
    summary = "the most frequent training rating"
    reads_history: ClassVar[bool] = False

    def decision(self) -> Decision:
        return "mode"

    def _fit(self, data: FittingData) -> None:
        counts = data.interactions.group_by("rating").len().sort(["len", "rating"], descending=True)
        self._mode = float(counts["rating"][0])

    def _predictions(self, requests: Sequence[Request]) -> list[Prediction]:
        return [Prediction(self._mode) for _ in requests]


class _DampedMean(_FormPredictor):
    """The mean or median of one side's training ratings, damped by those of all."""

    reads_history: ClassVar[bool] = False
    _column: ClassVar[str]

    @dataclass(frozen=True)
    class Config:
        form: Literal["mean", "median"] = option("mean", _FORM)
        damping: float | None = option(None, _DAMPING.format("with the distribution of all ratings"), ge=0)

    def _fit(self, data: FittingData) -> None:
        form, counts = self.config.form, RatingCounts(data.interactions, self._column)
        requests, truth = [example.request for example in data.valid()], ratings_of(data.valid())
        self._center = counts.center(form)

        def error(damping: float) -> float:
            import numpy as np

            self._values = counts.by_id(damping, form)
            return mean_error(np.array([self._value(request) for request in requests]), truth, form)

        damping = self.config.damping
        if damping is None:
            damping = choose((0.0, *DAMPINGS), error) if requests else 0.0
        self._values = counts.by_id(damping, form)

    def _value(self, request: Request) -> float:
        return self._values.get(self._id(request), self._center)

    @abstractmethod
    def _id(self, request: Request) -> str:
        """The user or item."""

    def _predictions(self, requests: Sequence[Request]) -> list[Prediction]:
        return [Prediction(self._value(request)) for request in requests]


class UserMean(_DampedMean):
    """The mean or median of the user's training ratings; that of all ratings for a user without any."""

    name = "user_mean"
    summary = "the mean (or median) of the user's training ratings, damped; that of all for an unknown user"
    _column = "user_id"

    def _id(self, request: Request) -> str:
        return request.user_id


class ItemMean(_DampedMean):
    """The mean or median of the item's training ratings; that of all ratings for an item without any."""

    name = "item_mean"
    summary = "the mean (or median) of the item's training ratings, damped; that of all for an unknown item"
    _column = "item_id"

    def _id(self, request: Request) -> str:
        return request.item.item_id


class Bias(_FormPredictor):
    """The global mean plus damped user and item biases: `mu + b_i + b_u`, each bias shrunk towards 0.

    `b_i = sum_u (r_ui - mu) / (damping + n_i)`, then `b_u = sum_i (r_ui - mu - b_i) / (damping + n_u)`; the bias of
    an unknown user or item is 0. In the form `median`, mu and both biases are medians instead. With `clip` the sum is
    clipped to the scale.
    """

    name = "bias"
    summary = "mean (or median) plus damped user and item biases"
    source = "Funk 2006; Ekstrand et al. 2011, section 2.1"
    reads_history: ClassVar[bool] = False

    @dataclass(frozen=True)
    class Config:
        form: Literal["mean", "median"] = option("mean", _FORM)
        damping: float | None = option(None, _DAMPING.format("with bias 0"), ge=0)
        clip: bool = option(True, "clip the sum to the scale")

    def _fit(self, data: FittingData) -> None:
        self._biases = Biases.tuned(data, self.config.damping, self.config.form)

    def _predictions(self, requests: Sequence[Request]) -> list[Prediction]:
        users, items = [request.user_id for request in requests], [request.item.item_id for request in requests]
        values = self._biases.of(users, items)
        return [Prediction(float(value)) for value in (self._clipped(values) if self.config.clip else values)]


class RatingCounts:
    """How often each user or item has each rating.

    Args:
        rows: The training rows.
        column: Name of the column with the ids; None: all rows together.
    """

    def __init__(self, rows: pl.DataFrame, column: str | None) -> None:
        import numpy as np

        self._ratings, rating = np.unique(rows["rating"].to_numpy(), return_inverse=True)
        self._all = np.bincount(rating).astype(np.float64)
        ids = rows[column].to_numpy() if column else np.zeros(len(rating))
        self._ids, owner = np.unique(ids, return_inverse=True)
        self._counts = np.zeros((len(self._ids), len(self._ratings)))
        np.add.at(self._counts, (owner, rating), 1.0)

    def center(self, form: Literal["mean", "median"]) -> float:
        """The mean or median of all ratings."""
        return float(self._of(self._all[None, :], form)[0])

    def by_id(self, damping: float, form: Literal["mean", "median"]) -> dict[str, float]:
        """The mean or median of each id, with `damping` ratings distributed like all ratings."""
        values = self._of(self._counts + damping * self._all / self._all.sum(), form)
        return dict(zip(self._ids.tolist(), values.tolist(), strict=True))

    def _of(self, counts: FloatArray, form: Literal["mean", "median"]) -> FloatArray:
        import numpy as np

        total = counts.sum(axis=1)
        if form == "mean":
            return np.asarray((counts * self._ratings).sum(axis=1) / total)
        is_half = counts.cumsum(axis=1) >= total[:, None] / 2 - 1e-9
        return np.asarray(self._ratings[is_half.argmax(axis=1)])
