"""Checks for scorers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, get_args

from duetbench.interfaces import Engine, Scorer
from duetbench.testing.conformance import Conformance, require, skip
from duetbench.testing.dummy import DummyEngine, FailingEngine, GarbageEngine
from duetbench.testing.prompts import check_prompts, check_safe
from duetbench.testing.small_world import DOMAIN, interaction_table, small_world, some_profiles
from duetbench.types import Prediction, Profiles, Request, Status

_TOLERANCE = 1e-9


class ScorerConformance(Conformance):
    """Checks for a scorer: predictions on the scale, or none and the reason."""

    plugin: ClassVar[type[Scorer]]

    def make(self) -> Scorer:
        """A fresh instance with the options, fitted on the world's training rows."""
        scorer: Scorer = super().make()
        scorer.fit(small_world().train(), DOMAIN)
        return scorer

    def engine(self) -> Engine | None:
        """What it is run with; override it if the dummy engine cannot guess the form of the answer."""
        return DummyEngine() if self.plugin.needs_engine else None

    def record_parts(self) -> dict[str, Any]:
        """The digests of its prompts."""
        return {"prompts": self.make().prompt_digests()}

    def _scored(self) -> list[Prediction]:
        requests = small_world().requests
        return self.make().score(requests, some_profiles(requests), self.engine())

    def test_one_prediction_per_request(self) -> None:
        """As many predictions as requests, each on the scale or with the reason why not."""
        predictions = self._scored()
        require(len(predictions) == len(small_world().requests), "not one prediction per request")
        for prediction in predictions:
            check_prediction(prediction)

    def test_something_is_predicted(self) -> None:
        """Well-formed answers lead to predictions."""
        if not any(prediction.status == "ok" for prediction in self._scored()):
            skip("the dummy engine's answers do not fit: override `engine`")

    def test_scores_are_deterministic(self) -> None:
        """The same requests and profiles give the same predictions."""
        require(self._scored() == self._scored(), "two runs over the same requests predict different ratings")

    def test_scores_do_not_depend_on_neighbours(self) -> None:
        """A request alone, or in another order, gets the same prediction."""
        requests = small_world().requests
        profiles = some_profiles(requests)
        scorer, together = self.make(), self._scored()
        turned = scorer.score(requests[::-1], profiles[::-1], self.engine())[::-1]
        for n, request in enumerate(requests):
            alone = scorer.score([request], [profiles[n]], self.engine())[0]
            for other in (alone, turned[n]):
                require(_same(other.value, together[n].value), f"{request.request_id} gets another value alone")

    def test_no_requests_no_predictions(self) -> None:
        """No requests, no predictions."""
        require(list(self.make().score([], [], self.engine())) == [], "it predicts something for nobody")

    def test_garbage_is_never_a_rating(self) -> None:
        """Where the model answers nonsense there is no value."""
        if not self.plugin.needs_engine:
            skip("it asks no model")
        for prediction in self._with(GarbageEngine()):
            require(prediction.value is None, f"{prediction.value} was read from {prediction.text[:60]!r}")
            require(prediction.failed_at == "rating", "an unreadable rating needs failed_at='rating'")

    def test_failed_calls_keep_their_status(self) -> None:
        """A truncated, refused, empty or failed call gives no value, and says which it was."""
        if not self.plugin.needs_engine:
            skip("it asks no model")
        for status in (status for status in get_args(Status) if status not in ("ok", "unreadable")):
            for prediction in self._with(FailingEngine(status)):
                require(prediction.value is None, f"a call that ended '{status}' gave a value")
                require(prediction.status == status, f"a call that ended '{status}' became '{prediction.status}'")

    def test_prompts_are_well_formed_and_safe(self) -> None:
        """What it asks is well-formed, deterministic, and holds no canary and no live markup."""
        requests = small_world().requests
        prompts = self.make().prompts(requests, some_profiles(requests))
        if not prompts:
            skip("it asks nothing")
        check_prompts(prompts, len(requests))
        check_safe(prompts, small_world())
        require(self.make().prompts(requests, some_profiles(requests)) == prompts, "it asks something else next time")

    def test_order_of_training_rows_hardly_matters(self) -> None:
        """Fitting on the same rows in another order predicts the same."""
        world = small_world()
        turned: Scorer = super().make()
        turned.fit(interaction_table(world.interactions[: world.n_train][::-1]), DOMAIN)
        values = self._values(turned, world.requests)
        for one, other in zip(values, self._values(self.make(), world.requests), strict=True):
            require(_same(one, other, tolerance=1e-6), f"{other} became {one}")

    def _with(self, engine: Engine) -> Sequence[Prediction]:
        requests = small_world().requests
        return self.make().score(requests, some_profiles(requests), engine)

    def _values(self, scorer: Scorer, requests: Sequence[Request]) -> list[float | None]:
        profiles = [Profiles() for _ in requests]
        return [prediction.value for prediction in scorer.score(requests, profiles, self.engine())]


def check_prediction(prediction: Prediction) -> None:
    """A value on the scale exactly where the status is ok; probabilities that are probabilities."""
    require(isinstance(prediction, Prediction), f"{type(prediction).__name__} is no Prediction")
    require((prediction.value is None) == (prediction.status != "ok"), f"status and value disagree: {prediction}")
    low, high = DOMAIN.labels[0], DOMAIN.labels[-1]
    value = prediction.value
    require(value is None or low <= value <= high, f"{value} is not on the scale {low}..{high}")
    if prediction.probabilities:
        require(len(prediction.probabilities) == len(DOMAIN.labels), "not one probability per label")
        require(abs(sum(prediction.probabilities) - 1) < 1e-6, "the probabilities do not sum to 1")
    mass = prediction.label_mass
    require(mass is None or 0 <= mass <= 1 + 1e-6, f"label_mass is {mass}")


def _same(one: float | None, other: float | None, *, tolerance: float = _TOLERANCE) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, abs_tol=tolerance)
