"""Response templates that are filled in slot by slot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from engine_making import make_prompt

from duetbench.engines.response_template import fill_template
from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.engines.transformers.model_runner import ModelRunner
from duetbench.testing import DummyEngine
from duetbench.types import Completion, ModelRef, Prompt, Sampling, Slot

TEMPLATE = (
    Slot("<cue>", "</cue>", 5),
    Slot("</cue><profile>", "</profile>", 7),
    Slot("</profile>", "", 0),
)
PROMPTS = [
    replace(make_prompt("jazz"), response_template=TEMPLATE),
    replace(make_prompt("some people like rock"), response_template=TEMPLATE),
]


class Scripted(DummyEngine):
    """Writes the given texts, slot by slot, and records its calls."""

    def __init__(self, *slots: Completion) -> None:
        super().__init__()
        self.slots = list(slots)
        self.calls: list[tuple[list[Prompt], Sampling]] = []

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        self.calls.append((list(prompts), sampling))
        slot = self.slots.pop(0)
        return [replace(slot, text=prompt.prefill + slot.text) for prompt in prompts]


def test_each_tag_occurs_once_and_in_order_whatever_the_model_writes(engine: TransformersEngine) -> None:
    for completion in fill_template(engine, PROMPTS, Sampling(temperature=1.0)):
        assert re.findall(r"</?\w+>", completion.text) == ["<cue>", "</cue>", "<profile>", "</profile>"]
        assert completion.status == "ok"


def test_slots_are_filled_in_turn() -> None:
    engine = Scripted(Completion("likes A", "ok", 9, 2), Completion("a fan", "ok", 14, 3))
    completion = fill_template(engine, PROMPTS[:1], Sampling())[0]
    assert completion.text == "<cue>likes A</cue><profile>a fan</profile>"
    assert (completion.status, completion.prompt_tokens, completion.completion_tokens) == ("ok", 9, 5)
    assert completion.truncated_slots == 0


def test_the_prefill_of_a_slot_is_everything_before_it() -> None:
    engine = Scripted(Completion("likes A"), Completion("a fan"))
    fill_template(engine, PROMPTS[:1], Sampling(temperature=0.7))
    prompts, sampling = engine.calls[1]
    assert prompts[0].prefill == "<cue>likes A</cue><profile>"
    assert prompts[0].response_template == ()
    assert prompts[0].key != engine.calls[0][0][0].key
    assert (sampling.max_tokens, sampling.is_slot, sampling.temperature) == (7, True, 0.7)


def test_any_tag_of_the_template_ends_a_slot() -> None:
    engine = Scripted(Completion("a"), Completion("b"))
    fill_template(engine, PROMPTS[:1], Sampling())
    assert engine.calls[0][1].stop == ("</cue>", "<cue>", "<profile>", "</profile>")


def test_equal_slots_of_several_templates_are_generated_together() -> None:
    engine = Scripted(Completion("a"), Completion("b"))
    fill_template(engine, PROMPTS, Sampling())
    assert [len(prompts) for prompts, _ in engine.calls] == [2, 2]


def test_slots_truncated_at_their_length_are_counted() -> None:
    engine = Scripted(Completion("a b c d e", completion_tokens=5), Completion("x", completion_tokens=1))
    assert fill_template(engine, PROMPTS[:1], Sampling())[0].truncated_slots == 1


def test_a_template_with_blank_slots_is_empty() -> None:
    engine = Scripted(Completion(" "), Completion(""))
    assert fill_template(engine, PROMPTS[:1], Sampling())[0].status == "empty"


def test_a_slot_that_fails_fails_the_response_and_ends_it() -> None:
    engine = Scripted(Completion("", "error", error="too long"))
    completion = fill_template(engine, PROMPTS[:1], Sampling())[0]
    assert (completion.status, completion.error) == ("error", "too long")
    assert len(engine.calls) == 1


def _input_tokens(engine: TransformersEngine, sampling: Sampling) -> tuple[list[Completion], int]:
    """The responses, and the number of input tokens of all forward passes for them."""
    sizes: list[int] = []
    assert isinstance(engine.runner, ModelRunner)
    model = engine.runner.model
    hook = model.register_forward_pre_hook(
        lambda _module, _arguments, named: sizes.append(named["input_ids"].numel()), with_kwargs=True
    )
    try:
        return fill_template(engine, LONG, sampling), sum(sizes)
    finally:
        hook.remove()


LONG = [
    replace(
        make_prompt("some people like " + "jazz and rock and " * n),
        response_template=(Slot("<a>", "</a>", 5), *TEMPLATE),
    )
    for n in (9, 30)
]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_prompt_is_computed_once_for_all_of_its_slots(model: ModelRef, temperature: float) -> None:
    cached, uncached = TransformersEngine(model=model), TransformersEngine(model=model)
    assert isinstance(uncached.runner, ModelRunner)
    uncached.runner.prefix_cache = None
    sampling = Sampling(temperature=temperature, seed=3)
    completions, n_tokens = _input_tokens(cached, sampling)
    expected, n_uncached = _input_tokens(uncached, sampling)
    assert [completion.text for completion in completions] == [completion.text for completion in expected]
    assert completions == expected
    assert n_tokens < n_uncached / 2


def test_templates_beyond_the_cache_limit_are_filled_alike(model: ModelRef) -> None:
    small = TransformersEngine(TransformersEngine.Config(batch_tokens=40), model=model)
    expected = [completion.text for completion in fill_template(TransformersEngine(model=model), LONG, Sampling())]
    assert [completion.text for completion in fill_template(small, LONG, Sampling())] == expected
