"""The options and the engine of the weights that are being trained."""

from __future__ import annotations

import pytest
from grpo_runs import grpo
from tiny_world import job

from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.errors import TrainingError
from duetbench.prompts import prompt_key
from duetbench.testing import DummyEngine
from duetbench.training.options import TrainerSettings
from duetbench.training.policy import Policy
from duetbench.training.policy_engine import policy_engine
from duetbench.types import Message, Prompt

Config = TransformersEngine.Config


def make_prompt(text: str) -> Prompt:
    messages = (Message("user", text),)
    return Prompt(prompt_key(messages), "user", messages, (0,))


PROMPTS = [make_prompt("some people like " + "jazz " * n) for n in range(6)]


def test_the_options_of_a_job_reach_the_weights_whatever_its_engine(tiny_ref, tmp_path):
    options = {"engine": DummyEngine(model=tiny_ref), "policy_config": Config(max_context=4)}
    with pytest.raises(TrainingError, match="nothing to train on: the prompt has 26 tokens, but only 0 fit"):
        grpo(rounds=1).fit(job(tiny_ref, tmp_path, **options))


def test_a_policy_shortens_prompts_to_the_context_limit(tiny_ref):
    prompt = make_prompt("some people like jazz")
    assert Policy(tiny_ref, TrainerSettings()).encode(prompt, 4).ids
    assert Policy(tiny_ref, TrainerSettings(), Config(max_context=6)).encode(prompt, 4).error


def test_a_policy_engine_batches_completions_by_its_options(tiny_ref):
    small = policy_engine(Policy(tiny_ref, TrainerSettings(), Config(batch_tokens=1)), trained=True)
    assert [len(batch) for batch in small.batches(PROMPTS, 4)] == [1] * 6
    assert [len(batch) for batch in small.batches(PROMPTS, 0)] == [6]  # labels are batched by common prefixes


def test_the_batch_size_does_not_change_label_logprobs(tiny_ref):
    small = policy_engine(Policy(tiny_ref, TrainerSettings(), Config(batch_tokens=1)), trained=True)
    results = small.label_logprobs(PROMPTS, "Rating: ", list("12345"))
    expected = TransformersEngine(model=tiny_ref).label_logprobs(PROMPTS, "Rating: ", list("12345"))
    for result, other in zip(results, expected, strict=True):
        assert result.logprobs == pytest.approx(other.logprobs, abs=1e-4)
        assert result.prompt_tokens == other.prompt_tokens
