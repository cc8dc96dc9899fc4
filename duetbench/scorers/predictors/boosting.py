"""Gradient boosted trees on statistics of both histories and of the user's ratings of similar items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from duetbench.interfaces import FittingData, option
from duetbench.scorers.predictors.base import ClassPredictor
from duetbench.scorers.predictors.categories import CategoryStatistics
from duetbench.scorers.predictors.label_models import BoostedModel
from duetbench.scorers.predictors.statistics import Prior, history_statistics
from duetbench.types import Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Boosting(ClassPredictor):
    """Label probabilities from both histories and the user's earlier ratings of items of the same categories."""

    name = "boosting"
    summary = "gradient boosted trees on statistics of both histories and user x category"
    grid: ClassVar[Sequence[tuple[int, int]]] = ((4, 50), (15, 50))
    """Leaves per tree and trees per label."""

    @dataclass(frozen=True)
    class Config:
        decision: Literal["mean", "median", "mode"] = option(
            "median", "the value of the label probabilities that is predicted"
        )
        history_k: int | None = option(None, "latest interactions that count; none: all that requests carry", ge=1)

    def _learn_features(self, data: FittingData, ratings: NDArray[np.float64]) -> None:
        self._prior = Prior.of(ratings, data.domain)
        self._categories = CategoryStatistics([example.request.item for example in data.train()], self._prior)

    def _features(self, requests: Sequence[Request]) -> NDArray[np.float64]:
        import numpy as np

        k = self.config.history_k
        return np.hstack([history_statistics(requests, self._prior, k), self._categories.of(requests, k)])

    def _estimator(self, setting: tuple[int, int]) -> BoostedModel:
        return BoostedModel(self._domain.labels, *setting)
