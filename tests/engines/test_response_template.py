"""Forms that are filled in gap by gap."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from engine_making import ask

from duetbench.engines.response_template import fill_template
from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.testing import DummyEngine
from duetbench.types import Completion, ModelRef, Prompt, Sampling, Slot

FORM = (
    Slot("<cue>", "</cue>", 5),
    Slot("</cue><profile>", "</profile>", 7),
    Slot("</profile>", "", 0),
)
PROMPTS = [replace(ask("jazz"), response_template=FORM), replace(ask("some people like rock"), response_template=FORM)]


class Scripted(DummyEngine):
    """Writes the given texts, gap after gap, and notes what it is asked."""

    def __init__(self, *gaps: Completion) -> None:
        super().__init__()
        self.gaps = list(gaps)
        self.asked: list[tuple[list[Prompt], Sampling]] = []

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        self.asked.append((list(prompts), sampling))
        gap = self.gaps.pop(0)
        return [replace(gap, text=prompt.prefill + gap.text) for prompt in prompts]


def test_tags_stand_once_each_in_order_whatever_the_model_writes(engine: TransformersEngine) -> None:
    for answer in fill_template(engine, PROMPTS, Sampling(temperature=1.0)):
        assert re.findall(r"</?\w+>", answer.text) == ["<cue>", "</cue>", "<profile>", "</profile>"]
        assert answer.status == "ok"


def test_gaps_are_filled_in_turn() -> None:
    engine = Scripted(Completion("likes A", "ok", 9, 2), Completion("a fan", "ok", 14, 3))
    answer = fill_template(engine, PROMPTS[:1], Sampling())[0]
    assert answer.text == "<cue>likes A</cue><profile>a fan</profile>"
    assert (answer.status, answer.prompt_tokens, answer.completion_tokens, answer.truncated_slots) == ("ok", 9, 5, 0)


def test_a_gap_is_asked_with_what_stands_before_it() -> None:
    engine = Scripted(Completion("likes A"), Completion("a fan"))
    fill_template(engine, PROMPTS[:1], Sampling(temperature=0.7))
    prompts, sampling = engine.asked[1]
    assert prompts[0].prefill == "<cue>likes A</cue><profile>"
    assert prompts[0].response_template == ()
    assert prompts[0].key != engine.asked[0][0][0].key
    assert (sampling.max_tokens, sampling.is_slot, sampling.temperature) == (7, True, 0.7)


def test_any_tag_of_the_form_ends_a_gap() -> None:
    engine = Scripted(Completion("a"), Completion("b"))
    fill_template(engine, PROMPTS[:1], Sampling())
    assert engine.asked[0][1].stop == ("</cue>", "<cue>", "<profile>", "</profile>")


def test_equal_gaps_of_several_forms_are_asked_together() -> None:
    engine = Scripted(Completion("a"), Completion("b"))
    fill_template(engine, PROMPTS, Sampling())
    assert [len(prompts) for prompts, _ in engine.asked] == [2, 2]


def test_gaps_cut_at_their_length_are_counted() -> None:
    engine = Scripted(Completion("a b c d e", completion_tokens=5), Completion("x", completion_tokens=1))
    assert fill_template(engine, PROMPTS[:1], Sampling())[0].truncated_slots == 1


def test_a_form_with_nothing_in_it_is_empty() -> None:
    engine = Scripted(Completion(" "), Completion(""))
    assert fill_template(engine, PROMPTS[:1], Sampling())[0].status == "empty"


def test_a_gap_that_fails_fails_the_form_and_asks_no_more() -> None:
    engine = Scripted(Completion("", "error", error="too long"))
    answer = fill_template(engine, PROMPTS[:1], Sampling())[0]
    assert (answer.status, answer.error) == ("error", "too long")
    assert len(engine.asked) == 1


def _read_tokens(engine: TransformersEngine, sampling: Sampling) -> tuple[list[Completion], int]:
    """The filled forms, and how many tokens the model was given for them."""
    seen: list[int] = []
    model = engine._runner._model
    hook = model.register_forward_pre_hook(
        lambda _module, _arguments, named: seen.append(named["input_ids"].numel()), with_kwargs=True
    )
    try:
        return fill_template(engine, LONG, sampling), sum(seen)
    finally:
        hook.remove()


LONG = [
    replace(ask("some people like " + "jazz and rock and " * n), response_template=(Slot("<a>", "</a>", 5), *FORM))
    for n in (9, 30)
]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_prompt_is_read_once_for_all_of_its_gaps(model: ModelRef, temperature: float) -> None:
    remembering, forgetting = TransformersEngine(model=model), TransformersEngine(model=model)
    forgetting._runner._readings = None
    sampling = Sampling(temperature=temperature, seed=3)
    found, n_read = _read_tokens(remembering, sampling)
    expected, n_whole = _read_tokens(forgetting, sampling)
    assert [one.text for one in found] == [one.text for one in expected]
    assert found == expected
    assert n_read < n_whole / 2


def test_forms_beyond_what_is_remembered_are_filled_alike(model: ModelRef) -> None:
    small = TransformersEngine(TransformersEngine.Config(batch_tokens=40), model=model)
    assert [one.text for one in fill_template(small, LONG, Sampling())] == [
        one.text for one in fill_template(TransformersEngine(model=model), LONG, Sampling())
    ]
