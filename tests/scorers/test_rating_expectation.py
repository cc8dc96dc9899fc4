"""The rating as an expectation."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

import pytest
from request_making import request

from duetbench.scorers.rating_expectation import RatingExpectation, prediction_of
from duetbench.testing import DummyEngine, ScorerConformance
from duetbench.types import Decision, Domain, LabelLogprobs, Profiles

STARS = (1, 2, 3, 4, 5)


class TestDefault(ScorerConformance):
    plugin = RatingExpectation


class TestCompact(ScorerConformance):
    plugin = RatingExpectation
    options: ClassVar = {"prompt_set": "compact", "history_k": 0}


class LabelRecordingEngine(DummyEngine):
    """Records the arguments of the last call of `label_logprobs`."""

    def label_logprobs(self, prompts, answer_prefix, labels):  # type: ignore[no-untyped-def]
        self.call = (len(prompts), answer_prefix, list(labels))
        return super().label_logprobs(prompts, answer_prefix, labels)


def logprobs(*shares: float) -> LabelLogprobs:
    return LabelLogprobs(tuple(math.log(share) if share else -math.inf for share in shares))


def test_value_is_the_mean_under_the_probabilities() -> None:
    prediction = prediction_of(logprobs(0.0, 0.0, 0.1, 0.2, 0.2), STARS)
    assert prediction.value == pytest.approx(0.2 * 3 + 0.4 * 4 + 0.4 * 5)
    assert prediction.probabilities == pytest.approx((0, 0, 0.2, 0.4, 0.4))
    assert prediction.label_mass == pytest.approx(0.5)


@pytest.mark.parametrize(("decision", "value"), [("mean", 3.4), ("median", 3), ("mode", 5)])
def test_value_is_that_of_the_decision_rule(decision: Decision, value: float) -> None:
    prediction = prediction_of(logprobs(0.05, 0.1, 0.1, 0.1, 0.15), STARS, decision)
    assert prediction.value == pytest.approx(value)
    assert prediction.probabilities == pytest.approx((0.1, 0.2, 0.2, 0.2, 0.3))


def test_the_declared_decision_reaches_every_prediction() -> None:
    scorer = RatingExpectation(RatingExpectation.Config(decision="mode"))
    (prediction,) = scorer.score([request(1)], [Profiles()], DummyEngine())
    assert prediction.value == 1 + prediction.probabilities.index(max(prediction.probabilities))


def test_labels_are_asked_for_as_prompts_write_them_and_whole_ones_with_decimals_too() -> None:
    engine = LabelRecordingEngine()
    halves = Domain("film", "films", (0.5, 1, 1.5, 2))
    scorer = RatingExpectation()
    (prediction,) = scorer.score([replace(request(1), domain=halves)], [Profiles()], engine)
    assert engine.call[2] == ["0.5", "1", "1.5", "2", "1.0", "2.0"]
    assert len(prediction.probabilities) == 4
    scorer.score([request(1)], [Profiles()], engine)
    assert engine.call[2] == ["1", "2", "3", "4", "5"]


def test_both_ways_to_write_a_label_count() -> None:
    halves = Domain("film", "films", (0.5, 1))

    class Engine(DummyEngine):
        def label_logprobs(self, prompts, answer_prefix, labels):  # type: ignore[no-untyped-def]
            return [logprobs(0.2, 0.1, 0.5)]  # 0.5, 1, 1.0

    (prediction,) = RatingExpectation().score([replace(request(1), domain=halves)], [Profiles()], Engine())
    assert prediction.probabilities == pytest.approx((0.25, 0.75))
    assert prediction.value == pytest.approx(0.25 * 0.5 + 0.75 * 1)


def test_the_target_is_the_nearest_label_as_prompts_write_it() -> None:
    halves = Domain("film", "films", (0.5, 1, 1.5, 2))
    assert [RatingExpectation().target(rating, halves) for rating in (0.5, 1.0, 1.75)] == [
        "Rating: 0.5", "Rating: 1", "Rating: 2"
    ]  # fmt: skip


def test_an_engine_that_cannot_read_the_labels_is_a_fault_that_names_rating_text() -> None:
    class Engine(DummyEngine):
        def label_fault(self, answer_prefix, labels):  # type: ignore[no-untyped-def]
            return f"no {labels[-1]} after {answer_prefix!r}"

    ten = Domain("film", "films", tuple(range(1, 11)))
    fault = RatingExpectation().fault(ten, Engine())
    assert fault == (
        "scorer 'rating_expectation': no 10 after 'Rating: '; scorer 'rating_text' needs no label probabilities"
    )
    assert RatingExpectation().fault(ten, DummyEngine()) is None


def test_value_ignores_mass_off_the_labels() -> None:
    assert prediction_of(logprobs(1e-30, 0, 0, 0, 1e-30), STARS).value == pytest.approx(3)


def test_probability_one_gives_the_label_itself() -> None:
    assert prediction_of(logprobs(0, 0, 0, 0, 1), STARS).value == 5
    assert prediction_of(logprobs(1, 0, 0, 0, 0), STARS).value == 1


def test_very_small_logprobs_do_not_underflow() -> None:
    assert prediction_of(LabelLogprobs((-2000.0, -2000.0, -2000.0, -2000.0, -2000.0)), STARS).value == pytest.approx(3)


def test_no_mass_at_all_is_unreadable() -> None:
    prediction = prediction_of(logprobs(0, 0, 0, 0, 0), STARS)
    assert (prediction.value, prediction.status, prediction.label_mass) == (None, "unreadable", 0.0)


def test_failed_call_keeps_its_status() -> None:
    prediction = prediction_of(LabelLogprobs((), "error", error="down"), STARS)
    assert (prediction.value, prediction.status, prediction.failed_at, prediction.text) == (
        None,
        "error",
        "rating",
        "down",
    )


def test_labels_and_prefix_reach_the_engine_once_per_prompt() -> None:
    engine = LabelRecordingEngine()
    predictions = RatingExpectation().score([request(1), request(1)], [Profiles()] * 2, engine)
    assert engine.call == (1, "Rating: ", ["1", "2", "3", "4", "5"])
    assert predictions[0] == predictions[1]
