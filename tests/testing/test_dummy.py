"""The engines without a model: well-formed, garbage and failing completions."""

from __future__ import annotations

import json
import math

import pytest

from duetbench.prompts import prompt_key
from duetbench.testing import DummyEngine, FailingEngine, GarbageEngine
from duetbench.testing.conformance.engine import EngineConformance
from duetbench.types import Message, Prompt, Sampling

FORMAT = "Write <a> first. Form: <a><b>words</b><c>words</c></a> and then <rating>d.dd</rating>, never <b> twice."


def _prompt(text: str, prefill: str = "") -> Prompt:
    messages = (Message("user", text),)
    return Prompt(prompt_key(messages, prefill), "user", messages, (0,), prefill)


def _answer(text: str, prefill: str = "", **sampling: object) -> str:
    return DummyEngine().generate([_prompt(text, prefill)], Sampling(**sampling))[0].text  # type: ignore[arg-type]


class TestDummy(EngineConformance):
    plugin = DummyEngine


class TestGarbage(EngineConformance):
    plugin = GarbageEngine


def test_tags_are_filled_as_nested_in_the_prompt() -> None:
    tags = [part.split(">")[0] for part in _answer(FORMAT).split("<")[1:]]
    assert tags == ["a", "b", "/b", "c", "/c", "/a", "rating", "/rating"]


def test_ratings_are_on_the_scale() -> None:
    answers = [_answer(f"{n} <rating>d.dd</rating>") for n in range(50)]
    values = [float(answer.removeprefix("<rating>").removesuffix("</rating>")) for answer in answers]
    assert min(values) >= 1
    assert max(values) <= 5
    assert len(set(values)) > 10


def test_json_keys_are_filled() -> None:
    assert set(json.loads(_answer('Answer {"summary": "...", "reason": "..."}'))) == {"summary", "reason"}


def test_prompts_without_a_format_get_plain_words() -> None:
    assert "<" not in _answer("What does the user like?")


@pytest.mark.parametrize("prefill", ["<a>", "<a><b>", "<a><b>so far"])
def test_answer_continues_the_prefill(prefill: str) -> None:
    answer = _answer(FORMAT, prefill)
    assert answer.startswith(prefill)
    assert answer.count("<b>") == answer.count("</b>") == 1


def test_answer_ends_before_the_stop_text() -> None:
    assert _answer(FORMAT, "<a><b>", stop=("</b>",)).count("<") == 2


def test_answer_beyond_max_tokens_is_truncated() -> None:
    completion = DummyEngine().generate([_prompt(FORMAT)], Sampling(max_tokens=3))[0]
    assert (completion.status, completion.completion_tokens) == ("truncated", 3)


def test_samples_differ_only_above_temperature_0() -> None:
    cold = {_answer(FORMAT, sample_index=n) for n in range(3)}
    hot = {_answer(FORMAT, temperature=1.0, sample_index=n) for n in range(3)}
    assert (len(cold), len(hot)) == (1, 3)


def test_labels_have_nine_tenths_of_the_mass() -> None:
    result = DummyEngine().label_logprobs([_prompt("?")], "Rating: ", ["1", "2", "3"])[0]
    assert sum(map(math.exp, result.logprobs)) == pytest.approx(0.9)


def test_failing_engine_keeps_its_status() -> None:
    engine = FailingEngine("refused")
    assert engine.generate([_prompt("?")], Sampling())[0].status == "refused"
    assert engine.label_logprobs([_prompt("?")], "", ["1"])[0].status == "refused"


def test_shown_lines_are_filled() -> None:
    answer = _answer('Sort it. Answer in this form:\n1. KEYWORD: "TITLE", "TITLE"\n2. Good Aspects: words')
    first, second = answer.splitlines()
    assert first.startswith("1. ")
    assert "KEYWORD" not in first
    assert first.count('"') == 2
    assert second.startswith("2. Good Aspects: ")
