"""A scorer without a model: the item's mean, in which old ratings count less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from duetbench.hookspecs import hookimpl
from duetbench.interfaces import Engine, Scorer, option
from duetbench.types import Domain, Prediction, Profiles, Request

if TYPE_CHECKING:
    import polars as pl

_SECONDS_PER_DAY = 86_400


class DecayedItemMean(Scorer):
    """What others gave the item before, each rating halved in weight per half-life, drawn towards the global mean."""

    name = "decayed_item_mean"
    summary = "the item's mean with a half-life, damped by the mean of all training ratings"
    source = "time decay as in Koren, Collaborative Filtering with Temporal Dynamics, KDD 2009"
    needs_engine = False

    @dataclass(frozen=True)
    class Config:
        """Options of the decayed mean."""

        half_life_days: float = option(365.0, "after how many days a rating counts half", gt=0)
        damping: float = option(2.0, "how many fresh ratings the global mean weighs", gt=0)

    def fit(self, train: pl.DataFrame, domain: Domain) -> None:
        """Learns the global mean; what the item got lies in each request's own history."""
        middle = (domain.labels[0] + domain.labels[-1]) / 2
        self._mean = float(sum(train["rating"]) / train.height) if train.height else middle

    def score(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Engine | None
    ) -> list[Prediction]:
        """One prediction per request; an item without history gets the global mean."""
        return [Prediction(self._one(request)) for request in requests]

    def _one(self, request: Request) -> float:
        total, weights = self._mean * self.config.damping, self.config.damping
        for line in request.item_history:
            age_days = (request.asked_at - line.timestamp) / _SECONDS_PER_DAY
            weight = 0.5 ** (age_days / self.config.half_life_days)
            total, weights = total + weight * line.rating, weights + weight
        return float(total / weights)


@hookimpl
def duetbench_register_scorers() -> list[type[Scorer]]:
    """The scorer of this file."""
    return [DecayedItemMean]
