"""Engines without a model: one that answers in form, one that answers nonsense, one that fails."""

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
"""Answers in which no rating and no field stands."""


def dummy_model() -> ModelRef:
    """A reference to no weights at all."""
    return ModelRef("dummy", "", "")


class DummyEngine(Engine):
    """Answers in the form that the prompt asks for; a pure function of prompt and sampling."""

    name = "dummy"
    summary = "No model: made-up words in the form that the prompt asks for."

    def __init__(self, config: Any = None, *, model: ModelRef | None = None) -> None:
        super().__init__(config, model=model or dummy_model())

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """One answer per prompt, cut at the first stop and at `max_tokens` words."""
        return [self._completion(prompt, sampling) for prompt in prompts]

    def _completion(self, prompt: Prompt, sampling: Sampling) -> Completion:
        text, status = cut_answer(self.answer(prompt, _draw(prompt, sampling)), prompt.prefill, sampling)
        n_words = len(text[len(prompt.prefill) :].split())
        return Completion(text, status, prompt_tokens=_n_words(prompt), completion_tokens=n_words)

    def answer(self, prompt: Prompt, draw: Draw) -> str:
        """The whole answer, prefill included."""
        asked = "\n".join(message.content for message in prompt.messages)
        return continue_prefill(prompt.prefill, well_formed_answer(asked, draw), draw)

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        """Made-up probabilities of which nine tenths fall on the labels."""
        return [self._reading(prompt, answer_prefix, labels) for prompt in prompts]

    def _reading(self, prompt: Prompt, answer_prefix: str, labels: Sequence[str]) -> LabelLogprobs:
        draw = _draw(prompt, Sampling(), answer_prefix)
        weights = [1 + draw(100) for _ in labels]
        logprobs = tuple(math.log(0.9 * weight / sum(weights)) for weight in weights)
        return LabelLogprobs(logprobs, prompt_tokens=_n_words(prompt))

    def info(self) -> EngineInfo:
        """No model, no template, no real limit."""
        return EngineInfo(self.name, {"duetbench": __version__}, self.model, "none", "", 1_000_000)


class GarbageEngine(DummyEngine):
    """Answers nonsense, and cannot read labels."""

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
        """No reading at all."""
        return [LabelLogprobs((), "error", error="the dummy reads nothing") for _ in prompts]


class FailingEngine(DummyEngine):
    """Ends every call with one status and no text."""

    name = "failing"

    def __init__(self, status: Status) -> None:
        super().__init__()
        self._status: Status = status

    def with_model(self, model: ModelRef) -> Engine:
        return FailingEngine(self._status)

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """Nothing, with the status."""
        return [Completion(prompt.prefill, self._status, error="made to fail") for prompt in prompts]

    def label_logprobs(
        self,
        prompts: Sequence[Prompt],
        answer_prefix: str,
        labels: Sequence[str],
    ) -> list[LabelLogprobs]:
        """Nothing, with the status."""
        return [LabelLogprobs((), self._status, error="made to fail") for _ in prompts]


def cut_answer(text: str, prefill: str, sampling: Sampling) -> tuple[str, Status]:
    """The answer up to the first stop after the prefill, and `truncated` if it then still has too many words."""
    written = text[len(prefill) :]
    ends = [end for end in (written.find(stop) for stop in sampling.stop if stop) if end >= 0]
    written = written[: min(ends)] if ends else written
    words = written.split()
    if len(words) > sampling.max_tokens:
        return prefill + " ".join(words[: sampling.max_tokens]), "truncated"
    return prefill + written, "ok" if written.strip() else "empty"


def _n_words(prompt: Prompt) -> int:
    return sum(len(message.content.split()) for message in prompt.messages)


def _draw(prompt: Prompt, sampling: Sampling, extra: str = "") -> Draw:
    """Numbers that follow from the question; at temperature 0 the seed plays no part, as in a real engine."""
    parts: list[object] = [[(message.role, message.content) for message in prompt.messages], prompt.prefill, extra]
    if sampling.temperature > 0:
        parts += [sampling.seed, sampling.sample_index]
    state = hashlib.sha256(repr(parts).encode("utf-8", "replace")).digest()

    def draw(n: int) -> int:
        nonlocal state
        state = hashlib.sha256(state).digest()
        return int.from_bytes(state[:8], "big") % n

    return draw
