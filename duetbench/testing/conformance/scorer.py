"""Checks for scorers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, get_args

from duetbench.evaluation.decision import DECISIONS, decide, decision_of
from duetbench.interfaces import Engine, Scorer
from duetbench.testing.conformance.base import Conformance
from duetbench.testing.conformance.checks import require, skip
from duetbench.testing.conformance.prompts import check_no_leaks, check_prompts
from duetbench.testing.dummy import DummyEngine, FailingEngine, GarbageEngine
from duetbench.testing.small_world import DOMAIN, sample_profiles, small_world
from duetbench.types import Decision, Prediction, Profiles, Request, Status

_TOLERANCE = 1e-9


class ScorerConformance(Conformance):
    """Checks for a scorer: predictions on the scale, or a status with the reason."""

    plugin: ClassVar[type[Scorer]]

    def make(self) -> Scorer:
        """A fresh instance with the options, fitted on the small world's training rows."""
        if reason := self.plugin.missing():
            skip(reason)
        scorer: Scorer = super().make()
        scorer.fit(small_world().fitting_data())
        return scorer

    def engine(self) -> Engine | None:
        """The engine of the checks; override it if the dummy engine's answers do not have the required format."""
        return DummyEngine() if self.plugin.needs_engine else None

    def record_parts(self) -> dict[str, Any]:
        """The digests of its prompts."""
        return {"prompts": self.make().prompt_digests()}

    def _scored(self) -> list[Prediction]:
        requests = small_world().requests
        return self.make().score(requests, sample_profiles(requests), self.engine())

    def test_one_prediction_per_request(self) -> None:
        """There is one prediction per request, on the scale or with a status that gives the reason."""
        predictions, expected = self._scored(), len(small_world().requests)
        require(len(predictions) == expected, f"expected {expected} predictions, got {len(predictions)}")
        for prediction in predictions:
            check_prediction(prediction)

    def test_well_formed_answers_give_predictions(self) -> None:
        """Well-formed answers give predictions."""
        if not any(prediction.status == "ok" for prediction in self._scored()):
            skip("the dummy engine's answers do not have the required format: override `engine`")

    def test_predictions_are_deterministic(self) -> None:
        """The same requests and profiles give the same predictions."""
        require(self._scored() == self._scored(), "two runs on the same requests give other predictions")

    def test_values_follow_the_decision_rule(self) -> None:
        """With label probabilities, each value is what the scorer's decision rule gives for them."""
        if not any(prediction.probabilities for prediction in self._scored()):
            skip("it returns no label probabilities")
        if "decision" not in self.plugin.resolved_options(self.config()):
            check_decision(self._scored(), self.make().decision())
            return
        for rule in DECISIONS:
            decided = type("Decided", (type(self),), {"options": {**self.options, "decision": rule}})()
            check_decision(decided._scored(), rule)

    def test_predictions_do_not_depend_on_other_requests(self) -> None:
        """A prediction is the same alone, among other requests and in another order."""
        requests = small_world().requests
        profiles = sample_profiles(requests)
        scorer, together = self.make(), self._scored()
        backward = scorer.score(requests[::-1], profiles[::-1], self.engine())[::-1]
        for n, request in enumerate(requests):
            alone = scorer.score([request], [profiles[n]], self.engine())[0]
            name, value = request.request_id, together[n].value
            require(_is_close(alone.value, value), f"{name} gets another prediction alone")
            require(_is_close(backward[n].value, value), f"{name} gets another prediction in reverse order")

    def test_no_requests_no_predictions(self) -> None:
        """Without requests there are no predictions."""
        require(list(self.make().score([], [], self.engine())) == [], "it returns predictions without requests")

    def test_garbage_answers_are_unreadable(self) -> None:
        """Garbage answers give no value."""
        if not self.plugin.needs_engine:
            skip("it uses no model")
        for prediction in self._with(GarbageEngine()):
            require(prediction.value is None, f"{prediction.value} was parsed from {prediction.text[:60]!r}")
            require(prediction.failed_at == "rating", "failed_at must be 'rating' for an unreadable rating")

    def test_failed_calls_keep_their_status(self) -> None:
        """Truncated, refused, empty and failed calls give no value and keep their status."""
        if not self.plugin.needs_engine:
            skip("it uses no model")
        for status in (status for status in get_args(Status) if status not in ("ok", "unreadable")):
            for prediction in self._with(FailingEngine(status)):
                require(prediction.value is None, f"a call with status '{status}' gave a value")
                require(prediction.status == status, f"a call with status '{status}' became '{prediction.status}'")

    def test_prompts_are_well_formed_and_without_leaks(self) -> None:
        """Prompts are well-formed and deterministic, and contain no label and no markup from reviews."""
        requests = small_world().requests
        prompts = self.make().prompts(requests, sample_profiles(requests))
        if not prompts:
            skip("it has no prompts")
        check_prompts(prompts, len(requests))
        check_no_leaks(prompts, small_world())
        second = self.make().prompts(requests, sample_profiles(requests))
        require(second == prompts, "a second call gives other prompts")

    def test_fit_does_not_depend_on_the_row_order(self) -> None:
        """Training rows in another order give the same predictions."""
        world = small_world()
        forward = self._values(self.make(), world.requests)
        backward: Scorer = super().make()
        backward.fit(world.fitting_data("reversed"))
        values = self._values(backward, world.requests)
        for value, expected in zip(values, forward, strict=True):
            require(_is_close(value, expected, tolerance=1e-6), f"the prediction {expected} became {value}")

    def _with(self, engine: Engine) -> Sequence[Prediction]:
        requests = small_world().requests
        return self.make().score(requests, sample_profiles(requests), engine)

    def _values(self, scorer: Scorer, requests: Sequence[Request]) -> list[float | None]:
        profiles = [Profiles() for _ in requests]
        return [prediction.value for prediction in scorer.score(requests, profiles, self.engine())]


def check_prediction(prediction: Prediction) -> None:
    """Requires a value on the scale if and only if the status is ok, and valid probabilities."""
    require(isinstance(prediction, Prediction), f"expected a Prediction, got a {type(prediction).__name__}")
    require((prediction.value is None) == (prediction.status != "ok"), f"status and value disagree: {prediction}")
    low, high = DOMAIN.labels[0], DOMAIN.labels[-1]
    value = prediction.value
    require(value is None or low <= value <= high, f"{value} is not on the scale {low}..{high}")
    if prediction.probabilities:
        require(len(prediction.probabilities) == len(DOMAIN.labels), "not one probability per label")
        require(abs(sum(prediction.probabilities) - 1) < 1e-6, "the probabilities do not sum to 1")
    mass = prediction.label_mass
    require(mass is None or 0 <= mass <= 1 + 1e-6, f"label_mass is {mass}")


def check_decision(predictions: Sequence[Prediction], declared: Decision | None) -> None:
    """Requires that the values of predictions with label probabilities are those of a rule, the declared one if any."""
    import numpy as np

    decided = [prediction for prediction in predictions if prediction.status == "ok" and prediction.probabilities]
    values = np.array([prediction.value for prediction in decided], dtype=float)
    probabilities = np.array([prediction.probabilities for prediction in decided], dtype=float)
    probabilities = probabilities.reshape(len(decided), len(DOMAIN.labels))
    by_rule = {rule: decide(probabilities, DOMAIN.labels, rule) for rule in DECISIONS}
    found = decision_of(values, by_rule, declared)
    wrong = "with decision={} the values are not the {} of the label probabilities"
    require(declared is None or found == declared, wrong.format(declared, declared))
    require(found, "the values are neither mean, median nor mode of the label probabilities: use evaluation.decision")


def _is_close(first: float | None, second: float | None, *, tolerance: float = _TOLERANCE) -> bool:
    if first is None or second is None:
        return first is second
    return math.isclose(first, second, abs_tol=tolerance)
