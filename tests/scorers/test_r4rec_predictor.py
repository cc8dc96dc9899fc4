"""Reason4Rec's predictor."""

from __future__ import annotations

from typing import ClassVar

import pytest
from request_making import line, request, text_of

from duetbench.scorers.r4rec_predictor import Reason4RecPredictor
from duetbench.testing import ScorerConformance
from duetbench.types import Profile, Profiles

RATIONALE = Profiles(pair=Profile("pair", "They fit well."))


class TestDefault(ScorerConformance):
    plugin = Reason4RecPredictor


class TestCompact(ScorerConformance):
    plugin = Reason4RecPredictor
    options: ClassVar = {"prompt_set": "compact", "history_k": 3}


@pytest.mark.parametrize(("prompt_set", "average"), [("default", "average of all: 3.50"), ("compact", "average 3.5")])
def test_prompt_shows_both_histories_averages_and_the_rationale(prompt_set: str, average: str) -> None:
    scorer = Reason4RecPredictor(Reason4RecPredictor.Config(prompt_set=prompt_set))
    text = text_of(scorer.prompts([request()], [RATIONALE])[0])
    assert all(part in text for part in ("review 0 by anna", "review 900 by other-0", average, "They fit well."))


def test_answer_prefix_is_the_originals() -> None:
    assert Reason4RecPredictor().config.answer_prefix == "Predicted Rating: "
    assert set(Reason4RecPredictor().prompt_digests()) == {"r4rec_predict"}


@pytest.mark.parametrize("prompt_set", ["default", "compact"])
def test_aspects_are_shown_in_full_in_place_of_reviews(prompt_set: str) -> None:
    asked = request(n_user=2)
    aspects = "Positive Aspects: " + "warm " * 80 + "END"
    scorer = Reason4RecPredictor(Reason4RecPredictor.Config(prompt_set=prompt_set, reviews="aspects"))
    text = text_of(scorer.prompts([asked], [Profiles(line_notes={asked.user_history[1]: aspects})])[0])
    assert "warm END" in text
    assert "review 0 by anna" not in text
    assert "review 900 by other-0" not in text


def test_aspects_of_other_interactions_reach_no_prompt() -> None:
    """Such as the aspects of the review that is to be predicted."""
    target = line("anna", 900, review="planted")
    scorer = Reason4RecPredictor(Reason4RecPredictor.Config(reviews="aspects"))
    text = text_of(scorer.prompts([request()], [Profiles(line_notes={target: "planted aspects"})])[0])
    assert "planted" not in text


def test_reviews_are_shown_by_default() -> None:
    assert not Reason4RecPredictor().reads_line_notes()
    notes = Profiles(line_notes={request().user_history[0]: "aspects of it"})
    assert "aspects of it" not in text_of(Reason4RecPredictor().prompts([request()], [notes])[0])
