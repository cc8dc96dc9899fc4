"""Checks for engines."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import ClassVar, get_args

from duetbench.errors import DuetbenchError
from duetbench.interfaces import Engine
from duetbench.prompts import prompt_key
from duetbench.testing.conformance.base import Conformance
from duetbench.testing.conformance.checks import require, skip
from duetbench.testing.dummy import dummy_model
from duetbench.types import Completion, EngineInfo, Message, ModelRef, Prompt, Sampling, Status

_LABELS = ("1", "2", "3", "4", "5")
_SAMPLING = Sampling(max_tokens=16)
_TOLERANCE = 1e-4
"""Largest difference of log-probabilities: batches of another shape round differently in fp32."""


class EngineConformance(Conformance):
    """Checks for an engine, with the model that the subclass sets."""

    plugin: ClassVar[type[Engine]]
    model: ClassVar[ModelRef | None] = None
    """The model that it runs; None: a reference without weights, which engines that need weights reject."""
    answer_prefix: ClassVar[str] = "Rating: "
    """The text after which labels are read."""

    def make(self) -> Engine:
        """An engine with the options and the model."""
        try:
            engine = self.plugin(self.config(), model=self.model or dummy_model())
            engine.info()
        except DuetbenchError as error:
            if self.model is not None:
                raise
            skip(f"it needs a model: select one with --model ({error})")
        return engine

    def test_info_is_complete(self) -> None:
        """`info()` describes the engine with values that can be written to a record."""
        info = self.make().info()
        require(isinstance(info, EngineInfo), f"info() must return an EngineInfo, got a {type(info).__name__}")
        require(info.versions, "info() has no versions")
        require(info.context_length > 0, f"context_length must be > 0, got {info.context_length}")
        json.dumps([dict(info.versions), dict(info.model.template_args), info.dtype, info.template_digest])

    def test_one_completion_per_prompt(self) -> None:
        """There is one completion per prompt, with a known status."""
        prompts = sample_prompts()
        completions = self.make().generate(prompts, _SAMPLING)
        require(len(completions) == len(prompts), f"expected {len(prompts)} completions, got {len(completions)}")
        for prompt, completion in zip(prompts, completions, strict=True):
            _check_completion(prompt, completion)

    def test_no_prompts_no_completions(self) -> None:
        """Without prompts there are no completions."""
        require(list(self.make().generate([], _SAMPLING)) == [], "it returns completions without prompts")

    def test_greedy_completions_are_deterministic(self) -> None:
        """At temperature 0 the completion of a prompt is the same on every call and for every seed."""
        engine, prompts = self.make(), sample_prompts()
        first = _texts(engine.generate(prompts, _SAMPLING))
        other_seed = Sampling(max_tokens=_SAMPLING.max_tokens, seed=7)
        require(_texts(engine.generate(prompts, _SAMPLING)) == first, "a second call gives other completions")
        require(_texts(engine.generate(prompts, other_seed)) == first, "the seed changes completions at temperature 0")

    def test_completions_come_in_order(self) -> None:
        """Prompts in another order get the same completions, in that order."""
        engine, prompts = self.make(), sample_prompts()
        forward = _texts(engine.generate(prompts, _SAMPLING))
        backward = _texts(engine.generate(prompts[::-1], _SAMPLING))
        require(backward[::-1] == forward, "prompts in reverse order get other completions")

    def test_samples_follow_the_seed(self) -> None:
        """Above temperature 0 the same seed and sample index give the same completion."""
        engine, prompts = self.make(), sample_prompts()
        sampling = Sampling(temperature=1.0, max_tokens=_SAMPLING.max_tokens, seed=3, sample_index=1)
        first, second = (_texts(engine.generate(prompts, sampling)) for _ in range(2))
        require(first == second, "two calls with the same seed differ")

    def test_stop_texts_end_completions(self) -> None:
        """No generated text contains a stop text."""
        sampling = Sampling(max_tokens=_SAMPLING.max_tokens, stop=("e", "\n"))
        for prompt, completion in zip(sample_prompts(), self.make().generate(sample_prompts(), sampling), strict=True):
            generated = completion.text.removeprefix(prompt.prefill)
            require(not any(stop in generated for stop in sampling.stop), f"a stop text is in {generated!r}")

    def test_long_prompts_lose_history_or_fail(self) -> None:
        """A prompt that exceeds the context loses droppable spans, which are counted, or is an error."""
        engine = self.make()
        context = min(engine.info().context_length, 10_000)
        completion = engine.generate([_long_prompt(context)], _SAMPLING)[0]
        require(completion.status in get_args(Status), f"unknown status {completion.status!r}")
        if engine.info().context_length <= context:
            is_reported = completion.status == "error" or completion.dropped_history > 0
            require(is_reported, "a prompt beyond the context got a completion, but dropped_history is 0")

    def test_label_logprobs_are_valid(self) -> None:
        """Label log-probabilities come in the order of the prompts, and the probabilities sum to at most 1."""
        engine, prompts = self.make(), sample_prompts()
        if engine.info().labels == "text_only":
            skip("it has no label probabilities")
        forward = engine.label_logprobs(prompts, self.answer_prefix, _LABELS)
        require(len(forward) == len(prompts), f"expected {len(prompts)} results, got {len(forward)}")
        for result in forward:
            require(result.status != "ok" or len(result.logprobs) == len(_LABELS), "not one number per label")
            require(all(number <= _TOLERANCE for number in result.logprobs), "a log-probability is above 0")
            require(sum(map(math.exp, result.logprobs)) <= 1 + _TOLERANCE, "the label probabilities sum to more than 1")
        backward = engine.label_logprobs(prompts[::-1], self.answer_prefix, _LABELS)[::-1]
        is_close = [_is_close(a.logprobs, b.logprobs) for a, b in zip(forward, backward, strict=True)]
        require(all(is_close), "prompts in reverse order get other log-probabilities")

    def test_longer_labels_take_nothing_twice(self) -> None:
        """`1` is a 1 that does not begin a `10`: where the engine reads both, they sum to at most 1, both ways."""
        engine, labels = self.make(), ("1", "10", "1.5")
        if engine.info().labels == "text_only" or engine.label_fault(self.answer_prefix, labels):
            skip("it cannot read such labels")
        for result in engine.label_logprobs(sample_prompts()[:2], self.answer_prefix, labels):
            require(result.status != "ok" or len(result.logprobs) == len(labels), "not one number per label")
            require(sum(map(math.exp, result.logprobs)) <= 1 + _TOLERANCE, "the label probabilities sum to more than 1")

    def test_another_model_keeps_the_options(self) -> None:
        """The engine for another model is of the same kind and has the same options."""
        engine = self.make()
        other = engine.with_model(engine.model)
        require(other.name == engine.name, f"with_model() returns an engine '{other.name}'")
        require(other.config == engine.config, "with_model() changes the options")
        require(other.model == engine.model, "with_model() returns an engine for another model")

    def test_batches_are_a_partition(self) -> None:
        """Every prompt is in exactly one batch, and a resumed run forms the same remaining batches."""
        engine, prompts = self.make(), sample_prompts() * 30
        batches = engine.batches(prompts, 16)
        positions = sorted(n for batch in batches for n in batch)
        require(positions == list(range(len(prompts))), "the batches are not a partition of the prompts")
        done = set(batches[0])
        remaining = [n for n in range(len(prompts)) if n not in done]
        resumed = engine.batches([prompts[n] for n in remaining], 16)
        require([[remaining[n] for n in batch] for batch in resumed] == batches[1:], "a resumed run has other batches")


def sample_prompts() -> list[Prompt]:
    """Prompts of several forms: short, long, with a system turn, with a prefill, with non-ASCII characters."""
    return [
        _prompt("Name a colour."),
        _prompt("Say what you think of this album. " * 8),
        _prompt("Answer in one word: is jazz music?", system="You answer briefly."),
        _prompt("Write a profile.", prefill="<profile>"),
        _prompt("caf\u00e9 \u4e2d\u6587 \U0001f3b5"),
    ]


def _prompt(text: str, *, system: str = "", prefill: str = "") -> Prompt:
    turns = (Message("system", system),) if system else ()
    messages = (*turns, Message("user", text))
    return Prompt(prompt_key(messages, prefill), "user", messages, (0,), prefill)


def _long_prompt(n_words: int) -> Prompt:
    """A prompt of about twice as many words as given, nearly all of them droppable."""
    line = "I liked this one a lot. "
    n_lines = n_words // 3
    spans = tuple((n * len(line), (n + 1) * len(line)) for n in range(n_lines))
    messages = (Message("user", line * n_lines + "What do I like?", spans),)
    return Prompt(prompt_key(messages), "user", messages, (0,))


def _check_completion(prompt: Prompt, completion: Completion) -> None:
    require(isinstance(completion, Completion), f"expected a Completion, got a {type(completion).__name__}")
    require(completion.status in get_args(Status), f"unknown status {completion.status!r}")
    if completion.status == "ok":
        require(completion.text.startswith(prompt.prefill), "the completion does not begin with the prefill")
        require(completion.completion_tokens <= _SAMPLING.max_tokens, "the completion is longer than max_tokens")


def _texts(completions: Sequence[Completion]) -> list[str]:
    return [completion.text for completion in completions]


def _is_close(first: Sequence[float], second: Sequence[float]) -> bool:
    return len(first) == len(second) and all(abs(a - b) <= _TOLERANCE for a, b in zip(first, second, strict=True))
