"""Matrix factorisation by Cornac, an optional package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar, Literal

from duetbench.errors import MissingDependency
from duetbench.interfaces import FittingData, option
from duetbench.scorers.predictors.base import Predictor, choose, mean_error, ratings_of
from duetbench.types import Decision, Prediction, Request

_SEED = 0


class CornacFactorization(Predictor):
    """A rating model of Cornac with its own defaults; the number of factors is chosen on validation rows.

    Cornac decides what unknown users and items get: their biases are 0, or the mean of all ratings.
    """

    name = "cornac_mf"
    summary = "matrix factorisation by Cornac: MF with biases, NMF, PMF or SVD"
    source = "Salah, Truong & Lauw, Cornac: A Comparative Framework for Multimodal Recommender Systems, JMLR 2020"
    reads_history: ClassVar[bool] = False

    @dataclass(frozen=True)
    class Config:
        model: Literal["MF", "NMF", "PMF", "SVD"] = option("MF", "the model's class in cornac.models")
        factors: int | None = option(None, "number of factors; none: 4, 10 or 20, chosen on validation rows", ge=1)

    @classmethod
    def missing(cls) -> str | None:
        """The missing package."""
        spec = find_spec("cornac")
        is_installed = spec is not None and spec.origin is not None  # a folder of that name has no origin
        return None if is_installed else "scorer 'cornac_mf' needs cornac: pip install 'duetbench[cornac]'"

    def decision(self) -> Decision:
        return "mean"

    def _fit(self, data: FittingData) -> None:
        if reason := self.missing():
            raise MissingDependency(reason)
        from cornac.data import Dataset

        rows = data.interactions.sort("user_id", "item_id", "timestamp")  # any order of the rows gives the same fit
        train = Dataset.from_uir(list(rows.select("user_id", "item_id", "rating").iter_rows()), seed=_SEED)
        self._users, self._items = train.uid_map, train.iid_map
        requests, truth = [example.request for example in data.valid()], ratings_of(data.valid())
        grid = (10, 4, 20) if self.config.factors is None else (self.config.factors,)
        models = {factors: self._model(factors) for factors in grid}

        def error(factors: int) -> float:
            return mean_error(self._values(models[factors].fit(train), requests), truth, "mean")

        factors = choose(grid, error) if requests else grid[0]
        self._fitted = models[factors] if requests else models[factors].fit(train)

    def _model(self, factors: int) -> Any:
        import cornac.models

        threads = (
            {"num_threads": 1} if self.config.model != "PMF" else {}
        )  # several threads give other numbers each time
        return getattr(cornac.models, self.config.model)(k=factors, seed=_SEED, verbose=False, **threads)

    def _values(self, model: Any, requests: Sequence[Request]) -> Any:
        import numpy as np

        pairs = [
            (
                self._users.get(request.user_id, len(self._users)),
                self._items.get(request.item.item_id, len(self._items)),
            )
            for request in requests
        ]
        return self._clipped(np.array([float(model.rate(user, item, clipping=False)) for user, item in pairs]))

    def _predictions(self, requests: Sequence[Request]) -> list[Prediction]:
        return [Prediction(float(value)) for value in self._values(self._fitted, requests)]
