"""LettinGo: its prompts and what it parses from the answers."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from request_making import golden, request, text_of

from duetbench.strategies.lg import LettinGo
from duetbench.testing import StrategyConformance
from duetbench.types import Prompt


def prompts(*requests: Any, **options: Any) -> list[Prompt]:
    return LettinGo(LettinGo.Config(**options)).stages()[0].prompts(requests, {})


def shown(prompt: Prompt) -> list[int]:
    return [n for n in range(100) if f"Album {n} |" in text_of(prompt)]


class TestDefault(StrategyConformance):
    plugin = LettinGo


class TestCompact(StrategyConformance):
    plugin = LettinGo
    options: ClassVar = {"prompt_set": "compact", "history_ratings": "rating", "review_chars": 50}


@pytest.mark.parametrize("case", golden("free_text"), ids=lambda case: case["name"])
def test_golden_answer(case: dict[str, Any]) -> None:
    profiles = LettinGo().stages()[0].parse(prompts(request())[0], case["text"])
    assert (profiles[0].text if profiles else None) == case["read"]


def test_profile_leaves_out_the_recent_interactions() -> None:
    assert shown(prompts(request(n_user=60))[0]) == list(range(20, 50))


def test_all_older_interactions_are_used_if_there_are_few() -> None:
    assert shown(prompts(request(n_user=13))[0]) == [0, 1, 2]


@pytest.mark.parametrize("n_user", [0, 1, 10])
def test_short_histories_overlap_by_default(n_user: int) -> None:
    assert shown(prompts(request(n_user=n_user))[0]) == list(range(n_user))


@pytest.mark.parametrize(("n_user", "n_prompts"), [(0, 0), (10, 0), (11, 1)])
def test_short_histories_can_be_skipped(n_user: int, n_prompts: int) -> None:
    assert len(prompts(request(n_user=n_user), short_history="skip_profile")) == n_prompts


def test_history_needed_covers_older_and_recent_interactions() -> None:
    assert LettinGo(LettinGo.Config(history_k=70)).history_needed() == 80


def test_profile_does_not_depend_on_the_item() -> None:
    assert [prompt.for_requests for prompt in prompts(request(1), request(2))] == [(0, 1)]
