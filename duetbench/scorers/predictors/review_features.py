"""Features of the scorers that read reviews and statistics of both histories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from duetbench.interfaces import FittingData
from duetbench.scorers.predictors.base import FeaturePredictor
from duetbench.scorers.predictors.review_vectors import ReviewVectors
from duetbench.scorers.predictors.statistics import Prior, history_statistics
from duetbench.types import Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class ReviewPredictor(FeaturePredictor):
    """Its options include `dimensions` and `history_k`."""

    def _learn_features(self, data: FittingData, ratings: NDArray[np.float64]) -> None:
        self._prior = Prior.of(ratings, data.domain)
        self._reviews = ReviewVectors(data.interactions["review"], self.config.dimensions)

    def _features(self, requests: Sequence[Request]) -> NDArray[np.float64]:
        import numpy as np

        k = self.config.history_k
        return np.hstack([history_statistics(requests, self._prior, k), self._reviews.of(requests, k)])
