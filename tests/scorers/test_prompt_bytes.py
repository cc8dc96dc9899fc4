"""The prompts of scorers without a control are those of earlier versions, byte by byte."""

from __future__ import annotations

import hashlib
from typing import cast

import pytest

from duetbench.interfaces import Scorer
from duetbench.plugins import Plugins
from duetbench.testing.small_world import sample_profiles, small_world

PLUGINS = Plugins(environ={})

GOLDEN = {
    ("rating_text", "default", 0): "ca8c56087caa1241",
    ("rating_text", "default", 3): "388b14f85835297e",
    ("rating_text", "default", 10): "ce2697dfbc38b803",
    ("rating_text", "compact", 0): "6e743bbb06e89330",
    ("rating_text", "compact", 3): "f681fda7d3272b7a",
    ("rating_text", "compact", 10): "ae3e276415d2dbf5",
    ("rating_expectation", "default", 0): "f8b490d746f027c5",
    ("rating_expectation", "default", 3): "3992c0126a113c33",
    ("rating_expectation", "default", 10): "00740734813289ab",
    ("rating_expectation", "compact", 0): "af0a99c81cc219f9",
    ("rating_expectation", "compact", 3): "ffca02d0ec6a19bc",
    ("rating_expectation", "compact", 10): "43d8e7aabb3c5f98",
    ("r4rec_predictor", "default", 0): "79957fa77aa5ca4c",
    ("r4rec_predictor", "default", 3): "53f0527d1e772a04",
    ("r4rec_predictor", "default", 10): "5bf3f2264034c5d9",
    ("r4rec_predictor", "compact", 0): "c6eca4fa9dcad185",
    ("r4rec_predictor", "compact", 3): "6ee7bbc6959f8a4e",
    ("r4rec_predictor", "compact", 10): "35fa17f9a3087af8",
}
"""By scorer, prompt set and history_k; computed before histories of items and averages could be shown."""


@pytest.mark.parametrize(("scorer", "prompt_set", "history_k"), GOLDEN)
def test_prompts_are_those_of_earlier_versions(scorer: str, prompt_set: str, history_k: int) -> None:
    cls = cast("type[Scorer]", PLUGINS.get("scorer", scorer).cls)
    requests = small_world().requests
    config = cls.Config(prompt_set=prompt_set, history_k=history_k)  # type: ignore[call-arg]
    prompts = cls(config).prompts(requests, sample_profiles(requests))
    content = [
        [(turn.role, turn.content, turn.droppable) for turn in prompt.messages] + [prompt.prefill, prompt.for_requests]
        for prompt in prompts
    ]
    digest = hashlib.sha256(repr(content).encode("utf-8", "replace")).hexdigest()
    assert digest[:16] == GOLDEN[scorer, prompt_set, history_k]
