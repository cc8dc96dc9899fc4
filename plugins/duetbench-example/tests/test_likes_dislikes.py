"""The example package keeps to what every strategy has to."""

from __future__ import annotations

from duetbench_example.strategy import LikesDislikes

from duetbench.testing import StrategyConformance, small_world


class TestLikesDislikes(StrategyConformance):
    plugin = LikesDislikes


class TestShortLikesDislikes(StrategyConformance):
    plugin = LikesDislikes
    options = {"history_k": 1, "words": 3}


def test_profile_holds_both_gaps() -> None:
    stage = LikesDislikes().stages()[0]
    prompt = stage.prompts(small_world().requests, {})[0]
    read = stage.parse(prompt, "<likes>jazz</likes><dislikes>metal</dislikes>")
    assert read is not None
    assert read[0].text == "likes jazz . dislikes metal"


def test_half_an_answer_is_unreadable() -> None:
    stage = LikesDislikes().stages()[0]
    prompt = stage.prompts(small_world().requests, {})[0]
    assert stage.parse(prompt, "<likes>jazz</likes><dislikes>met") is None
