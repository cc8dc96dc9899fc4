"""Keys of requests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from engine_making import make_prompt

from duetbench.engines.store.keys import generate_key, labels_key
from duetbench.types import EngineInfo, Message, ModelRef, Prompt, Sampling

MODEL = ModelRef("path:/a", "/a", "d1", adapter="/adapter", adapter_digest="x1")
INFO = EngineInfo("e", {"torch": "1"}, MODEL, "float32", "t1", 100)
PROMPT = make_prompt("abc", prefill="p", droppable=((0, 1),))
SAMPLING = Sampling(temperature=1.0)


def key(info: EngineInfo = INFO, prompt: Prompt = PROMPT, sampling: Sampling = SAMPLING) -> str:
    return generate_key(info, prompt, sampling).digest


def with_model(**changes: Any) -> EngineInfo:
    return replace(INFO, model=replace(MODEL, **changes))


@pytest.mark.parametrize(
    "other",
    [
        key(replace(INFO, name="f")),
        key(replace(INFO, versions={"torch": "2"})),
        key(replace(INFO, dtype="bfloat16")),
        key(replace(INFO, template_digest="t2")),
        key(replace(INFO, context_length=50)),
        key(with_model(digest="d2")),
        key(with_model(adapter_digest="x2")),
        key(with_model(adapter=None, adapter_digest=None)),
        key(with_model(template_args={"enable_thinking": False})),
        key(prompt=replace(PROMPT, messages=(Message("user", "abd", ((0, 1),)),))),
        key(prompt=replace(PROMPT, messages=(Message("system", "abc", ((0, 1),)),))),
        key(prompt=replace(PROMPT, messages=(Message("user", "abc"),))),
        key(prompt=replace(PROMPT, prefill="")),
        key(sampling=replace(SAMPLING, temperature=0.5)),
        key(sampling=replace(SAMPLING, top_p=0.5)),
        key(sampling=replace(SAMPLING, max_tokens=5)),
        key(sampling=replace(SAMPLING, stop=("x",))),
        key(sampling=replace(SAMPLING, seed=1)),
        key(sampling=replace(SAMPLING, sample_index=1)),
        key(sampling=replace(SAMPLING, is_slot=True)),
        labels_key(INFO, PROMPT, "", ("1", "2")).digest,
    ],
)
def test_each_part_changes_the_key(other: str) -> None:
    assert other != key()


def test_a_model_that_moved_keeps_its_answers() -> None:
    assert key(with_model(name="other", path="/b", adapter="/elsewhere")) == key()


def test_a_served_model_is_identified_by_its_name() -> None:
    assert key(with_model(digest="", path="m1")) != key(with_model(digest="", path="m2"))


def test_side_and_requests_of_a_prompt_are_no_part_of_the_key() -> None:
    assert key(prompt=replace(PROMPT, for_requests=(7,), side="item")) == key()


def test_seeds_share_a_key_at_temperature_zero() -> None:
    greedy = Sampling()
    assert key(sampling=greedy) == key(sampling=replace(greedy, seed=3, sample_index=2, top_p=0.9))


def test_labels_and_answer_prefix_change_the_key() -> None:
    digests = {
        labels_key(INFO, PROMPT, prefix, labels).digest
        for prefix, labels in (("a", ("1",)), ("b", ("1",)), ("a", ("1", "2")))
    }
    assert len(digests) == 3


def test_a_lone_surrogate_has_a_key() -> None:
    assert len(key(prompt=make_prompt("\ud800 \U0001f3b5"))) == 64
