"""Two averages, and neither a history nor a profile."""

from __future__ import annotations

import pytest
from control_making import context_of, profiles_of, prompt_texts
from request_making import request

from duetbench.controls.averages_only import AveragesOnly
from duetbench.controls.no_profile import NoProfile
from duetbench.scorers.r4rec_predictor import Reason4RecPredictor
from duetbench.types import Profiles

EACH = request(n_user=5, n_item=4)


@pytest.mark.parametrize("prompt_set", ["default", "compact"])
def test_the_prompt_has_averages_and_no_history(prompt_set: str) -> None:
    context = context_of(AveragesOnly(), prompt_set=prompt_set)
    (text,) = prompt_texts(AveragesOnly().apply([EACH], [profiles_of(0)], context), context)
    assert "3.5" in text
    assert "4.0" in text
    assert "review" not in text
    assert "user0" not in text
    assert not any(line.item.title in text for line in EACH.user_history)


@pytest.mark.parametrize("prompt_set", ["default", "compact"])
def test_the_predictor_of_r4rec_shows_them_too(prompt_set: str) -> None:
    context = context_of(AveragesOnly())
    result = AveragesOnly().apply([EACH], [Profiles()], context)
    shown, hidden = (
        Reason4RecPredictor(Reason4RecPredictor.Config(prompt_set=prompt_set, show_averages=averages))
        .prompts(result.requests, result.profiles)[0]
        .messages[-1]
        .content
        for averages in (True, False)
    )
    assert "3.5" in shown
    assert "3.5" not in hidden


def test_no_profile_changes_no_request() -> None:
    result = NoProfile().apply([EACH], [profiles_of(0)], context_of(NoProfile()))
    assert (list(result.requests), list(result.profiles)) == ([EACH], [Profiles()])
