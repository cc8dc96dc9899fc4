"""Scorers without a model: predictions from the training ratings alone."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from duetbench.errors import DataError
from duetbench.interfaces import Engine, Scorer, option
from duetbench.types import Domain, Prediction, Profiles, Request

if TYPE_CHECKING:
    import polars as pl


class Baseline(Scorer):
    """Fitted on the training rows; predicts one rating per (user, item)."""

    needs_engine: ClassVar[bool] = False
    _is_fitted = False

    def fit(self, train: pl.DataFrame, domain: Domain) -> None:
        """Fits the scorer to the training interactions.

        Raises:
            DataError: `train` has no rows.
        """
        if not train.height:
            raise DataError(f"scorer '{self.name}' got no training rows: check the split")
        self._domain = domain
        self._fit(train)
        self._is_fitted = True

    def score(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Engine | None
    ) -> list[Prediction]:
        """One prediction per request; profiles and engine are ignored.

        Raises:
            RuntimeError: the scorer was not fitted.
        """
        if not self._is_fitted:
            raise RuntimeError(f"scorer '{self.name}' must be fitted before it predicts")
        return [Prediction(self._rating(request.user_id, request.item.item_id)) for request in requests]

    @abstractmethod
    def _fit(self, train: pl.DataFrame) -> None:
        """Computes what `_rating` needs."""

    @abstractmethod
    def _rating(self, user_id: str, item_id: str) -> float:
        """The predicted rating, on the domain's scale."""


class GlobalMean(Baseline):
    """The mean of all training ratings."""

    name = "global_mean"
    summary = "the mean of all training ratings"

    def _fit(self, train: pl.DataFrame) -> None:
        self._mean = _mean(train)

    def _rating(self, user_id: str, item_id: str) -> float:
        return self._mean


class UserMean(Baseline):
    """The mean of the user's training ratings; the global mean for a user without any."""

    name = "user_mean"
    summary = "the mean of the user's training ratings; the global mean for an unknown user"

    def _fit(self, train: pl.DataFrame) -> None:
        self._global_mean, self._means = _mean(train), _means_by(train, "user_id")

    def _rating(self, user_id: str, item_id: str) -> float:
        return self._means.get(user_id, self._global_mean)


class ItemMean(Baseline):
    """The mean of the item's training ratings; the global mean for an item without any."""

    name = "item_mean"
    summary = "the mean of the item's training ratings; the global mean for an unknown item"

    def _fit(self, train: pl.DataFrame) -> None:
        self._global_mean, self._means = _mean(train), _means_by(train, "item_id")

    def _rating(self, user_id: str, item_id: str) -> float:
        return self._means.get(item_id, self._global_mean)


class Bias(Baseline):
    """The global mean plus damped user and item biases: `mu + b_i + b_u`, each bias shrunk towards 0.

    `b_i = sum_u (r_ui - mu) / (damping + n_i)`, then `b_u = sum_i (r_ui - mu - b_i) / (damping + n_u)`; the bias of
    an unknown user or item is 0. With `clip` the sum is clipped to the scale.
    """

    name = "bias"
    summary = "mean plus damped user and item biases"
    source = "Funk 2006; Ekstrand et al. 2011, section 2.1"

    @dataclass(frozen=True)
    class Config:
        damping: float = option(5.0, "pseudo-ratings with bias 0 added to each user's and item's ratings", ge=0)
        clip: bool = option(True, "clip the sum to the scale")

    def _fit(self, train: pl.DataFrame) -> None:
        import polars as pl

        self._mean = _mean(train)
        residual = train.select("user_id", "item_id", (pl.col("rating") - self._mean).alias("residual"))
        items = self._damped(residual, "item_id")
        self._items: dict[str, float] = dict(items.iter_rows())
        joined = residual.join(items, on="item_id", how="left", maintain_order="left")
        rest = joined.with_columns(pl.col("residual") - pl.col("bias"))
        self._users: dict[str, float] = dict(self._damped(rest, "user_id").iter_rows())

    def _damped(self, residual: pl.DataFrame, column: str) -> pl.DataFrame:
        import polars as pl

        bias = pl.col("residual").sum() / (self.config.damping + pl.len())
        return residual.group_by(column, maintain_order=True).agg(bias.alias("bias"))

    def _rating(self, user_id: str, item_id: str) -> float:
        value = self._mean + self._items.get(item_id, 0.0) + self._users.get(user_id, 0.0)
        if not self.config.clip:
            return value
        return min(max(value, float(self._domain.labels[0])), float(self._domain.labels[-1]))


class Majority(Baseline):
    """The most frequent training rating; on a tie, the highest."""

    name = "majority"
    summary = "the most frequent training rating"

    def _fit(self, train: pl.DataFrame) -> None:
        counts = train.group_by("rating").len().sort(["len", "rating"], descending=True)
        self._mode = float(counts["rating"][0])

    def _rating(self, user_id: str, item_id: str) -> float:
        return self._mode


def _mean(train: pl.DataFrame) -> float:
    return float(train["rating"].mean())  # type: ignore[arg-type]


def _means_by(train: pl.DataFrame, column: str) -> dict[str, float]:
    import polars as pl

    return dict(train.group_by(column, maintain_order=True).agg(pl.col("rating").mean()).iter_rows())
