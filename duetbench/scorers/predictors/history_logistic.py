"""Logistic regression on statistics of both histories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from duetbench.interfaces import FittingData, option
from duetbench.scorers.predictors.base import ClassPredictor
from duetbench.scorers.predictors.label_models import LogisticModel
from duetbench.scorers.predictors.statistics import Prior, history_statistics
from duetbench.types import Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class HistoryLogistic(ClassPredictor):
    """Label probabilities from numbers, averages, deviations and latest ratings of the user's and item's histories."""

    name = "history_logistic"
    summary = "logistic regression on statistics of both histories"
    grid: ClassVar[Sequence[float]] = (0.1, 0.01, 1.0)

    @dataclass(frozen=True)
    class Config:
        form: Literal["multinomial", "ordinal"] = option(
            "multinomial", "ordinal: one model of 'at least this' per label"
        )
        decision: Literal["mean", "median", "mode"] = option(
            "median", "the value of the label probabilities that is predicted"
        )
        history_k: int | None = option(None, "latest interactions that count; none: all that requests carry", ge=1)

    def _learn_features(self, data: FittingData, ratings: NDArray[np.float64]) -> None:
        self._prior = Prior.of(ratings, data.domain)

    def _features(self, requests: Sequence[Request]) -> NDArray[np.float64]:
        return history_statistics(requests, self._prior, self.config.history_k)

    def _estimator(self, setting: float) -> LogisticModel:
        return LogisticModel(self._domain.labels, self.config.form, setting)
