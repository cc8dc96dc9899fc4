"""Engines without a model: well-formed answers, garbage answers and failing calls."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

from duetbench import __version__
from duetbench.interfaces import Engine
from duetbench.testing.canned_answers import Draw, continue_prefill, well_formed_answer
from duetbench.types import Completion, EngineInfo, LabelLogprobs, ModelRef, Prompt, Sampling, Status

GARBAGE = (
    "I am sorry, but as a language model I cannot do that.",
    "<<<>>> {]} ]] </rating></profile>",
    "%%% ??? ...",
    "{" * 50,
    "\u00e9\u4e2d\U0001f3b5",
)
"""Answers without a rating and without a complete field."""


def dummy_model() -> ModelRef:
    """A model reference without weights."""
    return ModelRef("dummy", "", "")


class DummyEngine(Engine):
    """Answers in the format that the prompt shows; a pure function of prompt and sampling."""

    name = "dummy"
    summary = "no model: synthetic words in the format that the prompt shows"

    def __init__(self, config: Any = None, *, model: ModelRef | None = None) -> None:
        super().__init__(config, model=model or dummy_model())

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """One completion per prompt, cut at the first stop text and at `max_tokens` words."""
        return [self._completion(prompt, sampling) for prompt in prompts]

    def _completion(self, prompt: Prompt, sampling: Sampling) -> Completion:
        text, status = cut_answer(self.answer(prompt, _draw(prompt, sampling)), prompt.prefill, sampling)
        n_words = len(text[len(prompt.prefill) :].split())
        return Completion(text, status, prompt_tokens=_n_words(prompt), completion_tokens=n_words)

    def answer(self, prompt: Prompt, draw: Draw) -> str:
        """The full answer, with the prefill."""
        text = "\n".join(message.content for message in prompt.messages)
        return continue_prefill(prompt.prefill, well_formed_answer(text, draw), draw)

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        """Synthetic probabilities; the labels have 0.9 of the probability mass."""
        return [self._label_logprobs(prompt, answer_prefix, labels) for prompt in prompts]

    def _label_logprobs(self, prompt: Prompt, answer_prefix: str, labels: Sequence[str]) -> LabelLogprobs:
        draw = _draw(prompt, Sampling(), answer_prefix)
        weights = [1 + draw(100) for _ in labels]
        logprobs = tuple(math.log(0.9 * weight / sum(weights)) for weight in weights)
        return LabelLogprobs(logprobs, prompt_tokens=_n_words(prompt))

    def count_tokens(self, text: str) -> int:
        """Its tokens are words."""
        return len(text.split())

    def info(self) -> EngineInfo:
        """Identity of the dummy: no model, no chat template, a context length of a million words."""
        return EngineInfo(self.name, {"duetbench": __version__}, self.model, "none", "", 1_000_000)


class GarbageEngine(DummyEngine):
    """Answers with garbage; has no label probabilities."""

    name = "garbage"

    def answer(self, prompt: Prompt, draw: Draw) -> str:
        """One of `GARBAGE`."""
        return prompt.prefill + GARBAGE[draw(len(GARBAGE))]

    def label_logprobs(
        self,
        prompts: Sequence[Prompt],
        answer_prefix: str,
        labels: Sequence[str],
    ) -> list[LabelLogprobs]:
        """Status `error` for every prompt."""
        return [LabelLogprobs((), "error", error="this engine has no label probabilities") for _ in prompts]


class FailingEngine(DummyEngine):
    """Every call ends with the given status and without text."""

    name = "failing"

    def __init__(self, status: Status) -> None:
        super().__init__()
        self._status: Status = status

    def with_model(self, model: ModelRef) -> Engine:
        return FailingEngine(self._status)

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """The status for every prompt."""
        return [Completion(prompt.prefill, self._status, error="fails on purpose") for prompt in prompts]

    def label_logprobs(
        self,
        prompts: Sequence[Prompt],
        answer_prefix: str,
        labels: Sequence[str],
    ) -> list[LabelLogprobs]:
        """The status for every prompt."""
        return [LabelLogprobs((), self._status, error="fails on purpose") for _ in prompts]


def cut_answer(text: str, prefill: str, sampling: Sampling) -> tuple[str, Status]:
    """The answer up to the first stop text after the prefill, with its status; `truncated` if it has too many words."""
    generated = text[len(prefill) :]
    ends = [end for end in (generated.find(stop) for stop in sampling.stop if stop) if end >= 0]
    generated = generated[: min(ends)] if ends else generated
    words = generated.split()
    if len(words) > sampling.max_tokens:
        return prefill + " ".join(words[: sampling.max_tokens]), "truncated"
    return prefill + generated, "ok" if generated.strip() else "empty"


def _n_words(prompt: Prompt) -> int:
    return sum(len(message.content.split()) for message in prompt.messages)


def _draw(prompt: Prompt, sampling: Sampling, extra: str = "") -> Draw:
    """A deterministic sequence for the prompt; the seed matters only above temperature 0, as in a real engine."""
    parts: list[object] = [[(message.role, message.content) for message in prompt.messages], prompt.prefill, extra]
    if sampling.temperature > 0:
        parts += [sampling.seed, sampling.sample_index]
    state = hashlib.sha256(repr(parts).encode("utf-8", "replace")).digest()

    def draw(n: int) -> int:
        nonlocal state
        state = hashlib.sha256(state).digest()
        return int.from_bytes(state[:8], "big") % n

    return draw
