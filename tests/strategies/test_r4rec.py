"""Reason4Rec: its prompts and what it parses from the answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import pytest
from request_making import ScriptedEngine, golden, line, request, text_of

from duetbench.interfaces import Stage
from duetbench.profiling import WrittenProfiles, write_profiles
from duetbench.strategies.r4rec import Reason4Rec
from duetbench.testing import StrategyConformance
from duetbench.types import Profile, Prompt, Sampling

ASPECTS = "Positive Aspects: solos\nNegative Aspects: none\nUser Preference Elements: jazz"


class R4RecConformance(StrategyConformance):
    def answer(self, stage: Stage, prompt: Prompt) -> str:
        return ASPECTS if prompt.side == "note" else "The user will like it for its long solos."


class TestDefault(R4RecConformance):
    plugin = Reason4Rec


class TestCompact(R4RecConformance):
    plugin = Reason4Rec
    options: ClassVar = {"prompt_set": "compact", "history_k": 2}


def run(script: Any, *requests: Any, **options: Any) -> tuple[ScriptedEngine, WrittenProfiles]:
    engine = ScriptedEngine(script)
    strategy = Reason4Rec(Reason4Rec.Config(**options))
    return engine, write_profiles(strategy, requests or [request()], engine, Sampling())


def good(prompt: Prompt) -> str:
    return ASPECTS if prompt.side == "note" else "A fine match."


@pytest.mark.parametrize("case", golden("r4rec"), ids=lambda case: case["name"])
def test_golden_summary(case: dict[str, Any]) -> None:
    stage = Reason4Rec().stages()[0]
    profiles = stage.parse(stage.prompts([request()], {})[0], case["text"])
    assert (profiles[0].text if profiles else None) == case["read"]


@pytest.mark.parametrize("case", golden("free_text"), ids=lambda case: case["name"])
def test_golden_rationale(case: dict[str, Any]) -> None:
    stage = Reason4Rec().stages()[1]
    profiles = stage.parse(stage.prompts([request()], {})[0], case["text"])
    assert (profiles[0].text if profiles else None) == case["read"]


@pytest.mark.parametrize("prompt_set", ["default", "compact"])
def test_rationale_prompt_shows_summaries_without_ratings(prompt_set: str) -> None:
    engine, written = run(good, prompt_set=prompt_set)
    text = text_of(engine.prompts[-1])
    assert text.count("Positive Aspects: solos") == 5
    assert "star" not in text
    assert "rated" not in text
    assert written.profiles[0].pair is not None
    assert written.profiles[0].pair.text == "A fine match."


@pytest.mark.parametrize("prompt_set", ["default", "compact"])
def test_summary_prompt_shows_title_rating_and_review(prompt_set: str) -> None:
    engine, _ = run(good, prompt_set=prompt_set)
    assert all(part in text_of(engine.prompts[0]) for part in ("Album 0", "review 0 by anna", "1"))


def test_review_in_two_windows_has_one_prompt() -> None:
    engine, _ = run(good, request(1), request(2))
    users = [prompt.for_requests for prompt in engine.prompts if "by anna" in text_of(prompt) and prompt.side == "note"]
    assert users == [(0, 1)] * 3


def test_interactions_without_a_review_have_no_prompt() -> None:
    no_review = replace(line("anna", 1), review="")
    engine, written = run(good, request(user_history=(no_review,), item_history=()))
    assert [prompt.side for prompt in engine.prompts] == ["pair"]
    assert "Album 1" in text_of(engine.prompts[0])
    assert written.profiles[0].failed is None


def test_unreadable_summaries_are_left_out_and_counted() -> None:
    engine, written = run(lambda prompt: "?" if prompt.side == "note" else "A fine match.")
    assert "Aspects" not in text_of(engine.prompts[-1])
    assert written.stage_counts == {"summary": {"unreadable": 5}, "rationale": {"ok": 1}}


@pytest.mark.parametrize("answer", ["prefill", "fill"])
def test_summaries_are_found_with_every_answer_option(answer: str) -> None:
    summaries, rationale = Reason4Rec(Reason4Rec.Config(answer=answer)).stages()  # type: ignore[arg-type]
    earlier = {prompt.key: [Profile("note", ASPECTS)] for prompt in summaries.prompts([request()], {})}
    assert text_of(rationale.prompts([request()], earlier)[0]).count("Positive Aspects: solos") == 5


def test_filled_template_is_readable() -> None:
    stage = Reason4Rec(Reason4Rec.Config(answer="fill")).stages()[0]
    prompt = stage.prompts([request()], {})[0]
    text = "".join(f"{slot.literal} words" for slot in prompt.response_template)
    assert stage.parse(prompt, text) is not None


def test_windows_hold_the_latest_interactions_of_both_sides() -> None:
    engine, _ = run(good, request(n_user=30, n_item=30), history_k=4)
    assert sum(prompt.side == "note" for prompt in engine.prompts) == 8
    assert "review 29 by anna" in text_of(engine.prompts[3])


def test_oldest_lines_are_dropped_first() -> None:
    engine, _ = run(good)
    message = engine.prompts[-1].messages[-1]
    assert "Album 0" in message.content[slice(*message.droppable[0])]


def test_config_without_reviews_is_an_error() -> None:
    with pytest.raises(ValueError, match="review_chars"):
        Reason4Rec.Config(review_chars=None)


def test_digests_name_the_files_in_use() -> None:
    assert set(Reason4Rec().prompt_digests()) == {"r4rec_summary", "r4rec_rationale", "r4rec_hint"}


def test_each_stage_can_have_its_own_engine() -> None:
    writer, summarizer = ScriptedEngine(good), ScriptedEngine(good)
    write_profiles(Reason4Rec(), [request()], writer, Sampling(), stage_engines={"summary": summarizer})
    assert {prompt.side for prompt in summarizer.prompts} == {"note"}
    assert {prompt.side for prompt in writer.prompts} == {"pair"}


def test_training_stages_have_the_published_settings() -> None:
    stages = {stage.name: stage for stage in Reason4Rec().training_stages()}
    assert [stages[name].settings["learning_rate"] for name in stages] == [3e-4, 3e-6, 3e-4, 3e-5]
    assert [stages[name].settings["lora_r"] for name in stages] == [16, 8, 16, 8]
    assert [stages[name].settings["epochs"] for name in stages] == [5.0, 3.0, 3.0, 3.0]
    check = stages["reasoner"].check  # type: ignore[attr-defined]
    assert (check.tau, check.retries, check.predictor) == (0.1, 10, "reward")


def test_aspects_of_each_review_in_the_windows_are_line_notes() -> None:
    asked = request(n_user=20, n_item=3)
    (profiles,) = run(good, asked, history_k=5)[1].profiles
    assert set(profiles.line_notes) == {*asked.user_history[-5:], *asked.item_history}
    assert all(text.startswith("Positive Aspects: ") for text in profiles.line_notes.values())


def test_unreadable_aspects_are_no_line_notes() -> None:
    (profiles,) = run(lambda prompt: "no" if prompt.side == "note" else good(prompt), request())[1].profiles
    assert profiles.line_notes == {}
