"""An engine for local weights in a few lines, as a third party would write it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from engine_making import CONTEXT, make_prompt

from duetbench.engines.local_engine import LocalEngine
from duetbench.engines.sampling import TokenSampler
from duetbench.engines.token_runner import TokenizedPrompt, TokenRunner
from duetbench.engines.tokens.chat_template import ChatTemplate
from duetbench.engines.tokens.stop_texts import StopTexts
from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.errors import ModelError
from duetbench.interfaces import option
from duetbench.testing import EngineConformance
from duetbench.types import Completion, LabelLogprobs, ModelRef, Sampling

LABELS = ("1", "2", "3", "4", "5")
PROMPTS = [make_prompt("jazz"), make_prompt("some people like rock"), make_prompt("rock rock", prefill="some")]


class PlainRunner(TokenRunner):
    """Runs one prompt at a time without a cache."""

    def __init__(self, folder: Path, chat: ChatTemplate) -> None:
        from transformers import AutoModelForCausalLM

        self._model = AutoModelForCausalLM.from_pretrained(folder)
        self._chat = chat
        self.is_closed = False
        self.n_prompts: list[int] = []

    def complete(self, prompts: Sequence[TokenizedPrompt], sampling: Sampling) -> list[Completion]:
        self.n_prompts.append(len(prompts))
        return [self._complete(prompt, sampling) for prompt in prompts]

    def _complete(self, prompt: TokenizedPrompt, sampling: Sampling) -> Completion:
        stops = StopTexts(self._chat, sampling.stop, frozenset({self._chat.tokenizer.eos_token_id}))
        sampler = TokenSampler(sampling, [prompt.prompt.key], self._model.device)
        ids: list[int] = []
        is_ended = False
        while not is_ended and len(ids) < sampling.max_tokens:
            ids.append(int(sampler.pick(self._logits([*prompt.ids, *ids]), [0])[0]))
            is_ended = stops.are_ended([ids])[0]
        written = [token for token in ids if token not in stops.ends]
        text, is_stopped = stops.cut(self._chat.decode_continuation(prompt.ids, written))
        return prompt.completion(text, len(written), is_ended=is_ended or is_stopped, sampling=sampling)

    def label_logprobs(
        self, prompts: Sequence[TokenizedPrompt], label_ids: Sequence[Sequence[int]]
    ) -> list[LabelLogprobs]:
        pairs = list(zip(prompts, label_ids, strict=True))
        return [prompt.label_logprobs(self._logprobs(prompt)[list(ids)].tolist()) for prompt, ids in pairs]

    def close(self) -> None:
        self.is_closed = True

    def _logprobs(self, prompt: TokenizedPrompt) -> Any:
        return self._logits(prompt.ids)[0].log_softmax(-1)

    def _logits(self, ids: Sequence[int]) -> Any:
        import torch

        with torch.inference_mode():
            return self._model(torch.tensor([list(ids)])).logits[:, -1]


class PlainEngine(LocalEngine):
    """The smallest engine for local weights."""

    name = "plain"
    summary = "one prompt at a time"

    @dataclass(frozen=True)
    class Config:
        batch: int = option(8192, "tokens of one batch", ge=1)
        limit: int | None = option(None, "context length; none: the model's", ge=1)

    def create_runner(self) -> TokenRunner:
        return PlainRunner(Path(self.model.path), self.chat)

    def batch_budget(self) -> int:
        return int(self.config.batch)

    def context_limit(self) -> int | None:
        limit: int | None = self.config.limit
        return limit

    def package_versions(self) -> dict[str, str]:
        return {**super().package_versions(), "plain": "1"}


@pytest.mark.parametrize("sampling", [Sampling(max_tokens=9), Sampling(temperature=1.0, max_tokens=9, stop=("e",))])
def test_its_completions_are_those_of_the_transformers_engine(
    model: ModelRef, engine: TransformersEngine, sampling: Sampling
) -> None:
    assert PlainEngine(model=model).generate(PROMPTS, sampling) == engine.generate(PROMPTS, sampling)


def test_its_label_logprobs_are_those_of_the_transformers_engine(model: ModelRef, engine: TransformersEngine) -> None:
    results = PlainEngine(model=model).label_logprobs(PROMPTS, "Rating: ", LABELS)
    for result, expected in zip(results, engine.label_logprobs(PROMPTS, "Rating: ", LABELS), strict=True):
        assert result.logprobs == pytest.approx(expected.logprobs, abs=1e-4)
        assert replace(result, logprobs=()) == replace(expected, logprobs=())


def test_info_is_read_from_the_model_folder(model: ModelRef, engine: TransformersEngine) -> None:
    info = PlainEngine(model=model).info()
    assert (info.name, info.dtype, info.context_length, info.adapters) == ("plain", "float32", CONTEXT, False)
    assert info.template_digest == engine.info().template_digest
    assert info.versions["plain"] == "1"


@pytest.mark.parametrize("text", ["", "jazz", "some people like rock\n- rated 4 of 5 | \u00e4\u5f88", "rock " * 600])
def test_tokens_are_counted_as_the_chat_does(model: ModelRef, text: str) -> None:
    engine = PlainEngine(model=model)
    assert engine.count_tokens(text) == engine.chat.length(text)


def test_counting_tokens_loads_neither_weights_nor_torch() -> None:
    code = (
        "import sys; from duetbench.models import resolve; from duetbench.engines.transformers.engine import *; "
        "engine = TransformersEngine(model=resolve('toy-lm')); engine.count_tokens('a b'); "
        "print([name for name in ('torch', 'transformers') if name in sys.modules], 'runner' in vars(engine))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] False\n"


def test_the_context_limit_truncates_prompts(model: ModelRef) -> None:
    engine = PlainEngine(PlainEngine.Config(limit=9), model=model)
    assert [each.status for each in engine.generate(PROMPTS[:2], Sampling(max_tokens=4))] == ["truncated", "error"]


def test_the_batch_budget_splits_the_calls_of_the_runner(model: ModelRef) -> None:
    engine = PlainEngine(PlainEngine.Config(batch=1), model=model)
    engine.generate(PROMPTS, Sampling(max_tokens=2))
    assert isinstance(engine.runner, PlainRunner)
    assert engine.runner.n_prompts == [1, 1, 1]


def test_close_closes_the_runner_and_the_next_call_creates_another(model: ModelRef) -> None:
    engine = PlainEngine(model=model)
    first = engine.runner
    engine.close()
    assert isinstance(first, PlainRunner)
    assert first.is_closed
    assert engine.runner is not first


def test_an_adapter_that_would_not_be_applied_is_an_error(model: ModelRef) -> None:
    with pytest.raises(ModelError, match="engine 'plain' applies no adapters"):
        PlainEngine(model=replace(model, adapter="/adapter", adapter_digest="x"))


class TestConformance(EngineConformance):
    """The checks of every engine."""

    plugin = PlainEngine

    @pytest.fixture(autouse=True)
    def _with_model(self, model: ModelRef) -> None:
        type(self).model = model
