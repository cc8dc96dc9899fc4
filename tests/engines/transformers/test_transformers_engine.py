"""The engine that runs a model in this process."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from engine_making import make_prompt

from duetbench.engines.transformers import loading, model_runner, threads
from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.errors import EngineError, ModelError
from duetbench.models import resolve
from duetbench.testing import EngineConformance
from duetbench.types import Completion, ModelRef, Prompt, Sampling

LABELS = ("1", "2", "3", "4", "5")
PROMPTS = [
    make_prompt("jazz"),
    make_prompt("some people like jazz and others like rock"),
    make_prompt("rock rock", prefill="some"),
]
HOT = Sampling(temperature=1.0, max_tokens=12)


@pytest.fixture(scope="module")
def library_model(model: ModelRef) -> Any:
    """The model as transformers loads it."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(model.path)


def test_greedy_completions_are_those_of_the_library(engine: TransformersEngine, library_model: Any) -> None:
    import torch

    completions = engine.generate(PROMPTS, Sampling(max_tokens=10))
    for prompt, completion in zip(PROMPTS, completions, strict=True):
        ids = torch.tensor([engine.chat.ids(prompt.messages, prompt.prefill)])
        expected = library_model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=10, do_sample=False)
        text = engine.chat.tokenizer.decode(expected[0, ids.shape[1] :], skip_special_tokens=True)
        assert completion.text == prompt.prefill + text


@pytest.mark.parametrize("sampling", [Sampling(max_tokens=12), HOT])
def test_completions_are_independent_of_the_other_prompts(engine: TransformersEngine, sampling: Sampling) -> None:
    batched = [completion.text for completion in engine.generate(PROMPTS, sampling)]
    assert [engine.generate([prompt], sampling)[0].text for prompt in PROMPTS] == batched


def test_samples_differ_by_index_and_are_reproducible(engine: TransformersEngine) -> None:
    texts = [engine.generate(PROMPTS[:1], replace(HOT, sample_index=n))[0].text for n in (0, 1, 0)]
    assert texts[0] == texts[2] != texts[1]


def test_a_completion_at_its_limit_is_truncated(engine: TransformersEngine) -> None:
    completion = engine.generate(PROMPTS[:1], Sampling(max_tokens=3))[0]
    assert (completion.status, completion.completion_tokens) == ("truncated", 3)


def test_a_slot_at_its_limit_is_ok(engine: TransformersEngine) -> None:
    assert engine.generate(PROMPTS[:1], Sampling(max_tokens=3, is_slot=True))[0].status == "ok"


def test_a_completion_ends_before_the_stop_text(engine: TransformersEngine) -> None:
    unstopped = engine.generate(PROMPTS[:1], Sampling(max_tokens=12))[0].text
    stop = unstopped[4:7]
    completion = engine.generate(PROMPTS[:1], Sampling(max_tokens=12, stop=(stop,)))[0]
    assert (completion.text, completion.status) == (unstopped[: unstopped.index(stop)], "ok")


def test_an_immediate_stop_leaves_an_empty_completion(engine: TransformersEngine) -> None:
    first = engine.generate(PROMPTS[:1], Sampling(max_tokens=12))[0].text[0]
    completion = engine.generate(PROMPTS[:1], Sampling(max_tokens=12, stop=(first,)))[0]
    assert (completion.text, completion.status) == ("", "empty")


def test_the_prefill_is_part_of_the_text_but_not_of_the_token_count(engine: TransformersEngine) -> None:
    completion = engine.generate(PROMPTS[2:], Sampling(max_tokens=2))[0]
    assert completion.text.startswith("some")
    assert completion.completion_tokens == 2


def test_labels_follow_the_answer_prefix(engine: TransformersEngine, library_model: Any) -> None:
    import torch

    results = engine.label_logprobs(PROMPTS, "Rating: ", LABELS)
    label_ids = engine.chat.tokenizer.convert_tokens_to_ids(list(LABELS))
    for prompt, result in zip(PROMPTS, results, strict=True):
        ids = torch.tensor([engine.chat.ids(prompt.messages, prompt.prefill + "Rating: ")])
        expected = library_model(ids).logits[0, -1].log_softmax(-1)[label_ids].tolist()
        assert result.logprobs == pytest.approx(expected, abs=1e-4)
        assert sum(map(math.exp, result.logprobs)) < 1


def test_labels_take_one_pass_over_the_last_position(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.label_logprobs(PROMPTS[:1], "Rating: ", LABELS)
    assert isinstance(engine.runner, model_runner.ModelRunner)
    model, passes = engine.runner.model, []
    forward = model.forward

    def counted(*args: Any, **settings: Any) -> Any:
        out = forward(*args, **settings)
        passes.append(tuple(out.logits.shape[:2]))
        return out

    monkeypatch.setattr(model, "forward", counted)
    engine.label_logprobs(PROMPTS, "Rating: ", LABELS)
    assert passes == [(3, 1)]


def test_labels_of_several_tokens_are_products_of_next_token_probabilities(
    engine: TransformersEngine, library_model: Any
) -> None:
    import torch

    def after(prompt: Prompt, text: str) -> Any:
        ids = torch.tensor([engine.chat.ids(prompt.messages, prompt.prefill + "Rating: " + text)])
        return library_model(ids).logits[0, -1].softmax(-1).detach()

    one, zero, dot, five = engine.chat.tokenizer.convert_tokens_to_ids(list("10.5"))
    for prompt, result in zip(PROMPTS, engine.label_logprobs(PROMPTS, "Rating: ", ("1", "10", "1.5")), strict=True):
        start, first = float(after(prompt, "")[one]), after(prompt, "1")
        rest = 1 - float(first[zero]) - float(first[dot])
        expected = [start * rest, start * float(first[zero]), start * float(first[dot] * after(prompt, "1.")[five])]
        assert [math.exp(logprob) for logprob in result.logprobs] == pytest.approx(expected, rel=1e-4)


def test_equal_labels_are_an_error(engine: TransformersEngine) -> None:
    with pytest.raises(EngineError, match="no distinct tokens"):
        engine.label_logprobs(PROMPTS[:1], "Rating: ", ("1", "1"))


def test_a_batch_too_large_for_the_memory_is_split_in_two(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import torch

    expected = engine.generate(PROMPTS, Sampling(max_tokens=5))
    generate_tokens = model_runner.generate_tokens

    def cramped(model: Any, prompts: Any, **settings: Any) -> Any:
        if len(prompts) > 1:
            raise torch.OutOfMemoryError
        return generate_tokens(model, prompts, **settings)

    monkeypatch.setattr(model_runner, "generate_tokens", cramped)
    assert engine.generate(PROMPTS, Sampling(max_tokens=5)) == expected
    assert "continuing with 1" in caplog.text


def test_a_single_prompt_too_large_for_the_memory_is_an_error(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    def cramped(*_args: Any, **_settings: Any) -> Any:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(model_runner, "generate_tokens", cramped)
    completion: Completion = engine.generate(PROMPTS[:1], Sampling(max_tokens=5))[0]
    assert completion.status == "error"
    assert "out of memory" in completion.error


def test_info_and_batches_load_no_weights(model: ModelRef, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any) -> Any:
        raise AssertionError("weights were loaded")

    monkeypatch.setattr(loading, "load_model", refuse)
    engine = TransformersEngine(model=model)
    assert engine.info().dtype == "float32"
    assert engine.batches(PROMPTS, 10)


def test_the_device_and_the_batch_size_in_use_are_reported(model: ModelRef) -> None:
    settings = TransformersEngine(TransformersEngine.Config(device="cpu"), model=model).info().settings
    assert settings == {"device": "cpu", "batch_tokens": 8192}


def test_a_closed_engine_loads_again(model: ModelRef) -> None:
    engine = TransformersEngine(model=model)
    first = engine.generate(PROMPTS[:1], Sampling(max_tokens=3))
    engine.close()
    assert engine.generate(PROMPTS[:1], Sampling(max_tokens=3)) == first


def test_cuda_without_a_gpu_is_an_error(model: ModelRef) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(EngineError, match="set device=cpu or auto"):
        TransformersEngine(TransformersEngine.Config(device="cuda"), model=model).info()


class TestConformance(EngineConformance):
    """The checks of every engine."""

    plugin = TransformersEngine

    @pytest.fixture(autouse=True)
    def _with_model(self, model: ModelRef) -> None:
        type(self).model = model


def test_a_tiny_model_runs_on_one_thread_and_the_number_is_restored(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    counts: list[int] = []
    next_logits = model_runner.next_logits
    monkeypatch.setattr(
        model_runner, "next_logits", lambda *a, **k: (counts.append(torch.get_num_threads()), next_logits(*a, **k))[1]
    )
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        engine.label_logprobs(PROMPTS[:1], "Rating: ", LABELS)
        assert (counts, torch.get_num_threads()) == ([1], 2)
        monkeypatch.setattr(threads, "TINY", 1)
        engine.label_logprobs(PROMPTS[:1], "Rating: ", LABELS)
        assert counts == [1, 2]
    finally:
        torch.set_num_threads(before)


def test_a_served_model_is_an_error() -> None:
    with pytest.raises(ModelError, match="--engine openai"):
        TransformersEngine(model=ModelRef("served:big", "big", ""))
