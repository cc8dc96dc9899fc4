"""Reason4Rec's predictor."""

from __future__ import annotations

from typing import ClassVar

import pytest
from request_making import request, text_of

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
