"""A scorer without a model: the item's mean rating with exponential time decay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from duetbench.hookspecs import hookimpl
from duetbench.interfaces import Engine, FittingData, Scorer, option
from duetbench.types import Decision, Prediction, Profiles, Request

_SECONDS_PER_DAY = 86_400


class DecayedItemMean(Scorer):
    """The mean of the item's earlier ratings, with weights that halve per half-life, damped by the global mean."""

    name = "decayed_item_mean"
    summary = "the item's mean with exponential time decay, damped by the global mean"
    source = "time decay as in Koren, Collaborative Filtering with Temporal Dynamics, KDD 2009"
    needs_engine = False

    @dataclass(frozen=True)
    class Config:
        half_life_days: float = option(365.0, "days after which the weight of a rating is halved", gt=0)
        damping: float = option(2.0, "weight of the global mean, in new ratings", gt=0)

    def fit(self, data: FittingData) -> None:
        """Computes the global mean; the item's ratings are in the history of each request."""
        middle = (data.domain.labels[0] + data.domain.labels[-1]) / 2
        ratings = data.interactions["rating"]
        self._mean = float(sum(ratings) / len(ratings)) if len(ratings) else middle

    def decision(self) -> Decision:
        return "mean"

    def score(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Engine | None
    ) -> list[Prediction]:
        """One prediction per request; an item without history gets the global mean."""
        return [Prediction(self._rating(request)) for request in requests]

    def _rating(self, request: Request) -> float:
        total, weights = self._mean * self.config.damping, self.config.damping
        for line in request.item_history:
            age_days = (request.asked_at - line.timestamp) / _SECONDS_PER_DAY
            weight = 0.5 ** (age_days / self.config.half_life_days)
            total, weights = total + weight * line.rating, weights + weight
        return float(total / weights)


@hookimpl
def duetbench_register_scorers() -> list[type[Scorer]]:
    return [DecayedItemMean]
