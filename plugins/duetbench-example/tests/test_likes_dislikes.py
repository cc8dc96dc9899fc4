"""The example package passes the conformance checks of strategies."""

from __future__ import annotations

from duetbench_example.strategy import LikesDislikes

from duetbench.testing import StrategyConformance, small_world


class TestLikesDislikes(StrategyConformance):
    plugin = LikesDislikes


class TestShortLikesDislikes(StrategyConformance):
    plugin = LikesDislikes
    options = {"history_k": 1, "words": 3}


def test_profile_contains_both_slots() -> None:
    stage = LikesDislikes().stages()[0]
    prompt = stage.prompts(small_world().requests, {})[0]
    profiles = stage.parse(prompt, "<likes>jazz</likes><dislikes>metal</dislikes>")
    assert profiles is not None
    assert profiles[0].text == "likes jazz . dislikes metal"


def test_incomplete_answer_is_unreadable() -> None:
    stage = LikesDislikes().stages()[0]
    prompt = stage.prompts(small_world().requests, {})[0]
    assert stage.parse(prompt, "<likes>jazz</likes><dislikes>met") is None
