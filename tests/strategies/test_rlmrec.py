"""RLMRec: its prompts and what it parses from the answers."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
from request_making import ScriptedEngine, golden, request, text_of

from duetbench.profiling import WrittenProfiles, write_profiles
from duetbench.strategies.rlmrec import RlmRec
from duetbench.testing import StrategyConformance
from duetbench.types import Profile, Prompt, Sampling


def first_prompts(*requests: Any, **options: Any) -> list[Prompt]:
    return RlmRec(RlmRec.Config(**options)).stages()[0].prompts(requests or [request()], {})


def answer(text: str) -> str:
    return json.dumps({"summarization": text, "reasoning": "because"})


def run(script: Any, *requests: Any, **options: Any) -> tuple[ScriptedEngine, WrittenProfiles]:
    engine = ScriptedEngine(script)
    strategy = RlmRec(RlmRec.Config(**options))
    return engine, write_profiles(strategy, requests or [request()], engine, Sampling())


class TestUser(StrategyConformance):
    plugin = RlmRec


class TestOriginal(StrategyConformance):
    plugin = RlmRec
    options: ClassVar = {"side": "both", "item_profile": True, "prompt_set": "compact", "include_reasoning": True}


@pytest.mark.parametrize("case", golden("json"), ids=lambda case: case["name"])
def test_golden_answer(case: dict[str, Any]) -> None:
    profiles = RlmRec().stages()[0].parse(first_prompts()[0], case["text"])
    assert (profiles[0].text if profiles else None) == case["read"]


def test_only_the_summarization_goes_to_the_scorer() -> None:
    _, written = run(lambda _: answer("Likes solos."))
    profile = written.profiles[0].user
    assert profile is not None
    assert (profile.text, profile.notes["reasoning"]) == ("Likes solos.", "because")


def test_reasoning_can_go_to_the_scorer_too() -> None:
    _, written = run(lambda _: answer("Likes solos."), include_reasoning=True)
    assert written.profiles[0].user is not None
    assert written.profiles[0].user.text == "Likes solos.\nbecause"


@pytest.mark.parametrize(("n_words", "rate"), [(100, 0.0), (101, 1.0)])
def test_too_long_summarizations_are_counted_not_cut(n_words: int, rate: float) -> None:
    text = " ".join(f"w{n}" for n in range(n_words))
    _, written = run(lambda _: answer(text))
    assert written.profiles[0].user is not None
    assert written.profiles[0].user.text == text
    assert written.measures == {"too_long_rate": rate}


def test_rate_is_none_without_profiles() -> None:
    _, written = run(lambda _: "no")
    assert written.measures == {"too_long_rate": None}


def test_side_both_writes_both_profiles() -> None:
    _, written = run(lambda prompt: answer(f"about the {prompt.side}"), side="both")
    assert [written.profiles[0].user.text, written.profiles[0].item.text] == ["about the user", "about the item"]  # type: ignore[union-attr]


def test_user_prompt_shows_item_profiles() -> None:
    engine, _ = run(lambda prompt: answer(f"{prompt.side} words"), item_profile=True)
    assert [prompt.side for prompt in engine.prompts] == ["note", "note", "note", "user"]
    assert text_of(engine.prompts[-1]).count("note words") == 3


def test_unreadable_item_profiles_are_left_out_and_counted() -> None:
    engine, written = run(lambda prompt: "?" if prompt.side == "note" else answer("Likes solos."), item_profile=True)
    assert "description" not in text_of(engine.prompts[-1])
    assert written.stage_counts == {"items": {"unreadable": 3}, "profile": {"ok": 1}}
    assert written.profiles[0].failed is None


def test_item_in_two_histories_has_one_prompt() -> None:
    engine, _ = run(lambda _: answer("x y"), request(1, user="anna"), request(2, user="bert"), item_profile=True)
    assert [prompt.for_requests for prompt in engine.prompts if prompt.side == "note"] == [(0, 1)] * 3


def test_item_prompt_shows_only_reviews_by_others() -> None:
    item = first_prompts(side="both", review_chars=0)[-1]
    assert "review 900 by other-0" in text_of(item)
    assert "by anna" not in text_of(item)


@pytest.mark.parametrize("answer_option", ["prefill", "fill"])
def test_item_profiles_are_found_with_every_answer_option(answer_option: str) -> None:
    strategy = RlmRec(RlmRec.Config(item_profile=True, answer=answer_option))  # type: ignore[arg-type]
    items, users = strategy.stages()
    earlier = {prompt.key: [Profile("note", "note words")] for prompt in items.prompts([request()], {})}
    assert text_of(users.prompts([request()], earlier)[0]).count("note words") == 3


def test_filled_template_is_readable() -> None:
    stage = RlmRec(RlmRec.Config(answer="fill")).stages()[0]
    (prompt,) = stage.prompts([request()], {})
    text = "".join(slot.literal + ("some words" if slot.max_tokens else "") for slot in prompt.response_template)
    assert [profile.text for profile in stage.parse(prompt, text) or ()] == ["some words"]


def test_prefill_opens_the_object() -> None:
    assert first_prompts(answer="prefill")[0].prefill == '{"summarization": "'


def test_digests_name_the_files_in_use() -> None:
    assert set(RlmRec().prompt_digests()) == {"rlmrec_user"}
    assert set(RlmRec(RlmRec.Config(item_profile=True)).prompt_digests()) == {"rlmrec_user", "rlmrec_item"}
