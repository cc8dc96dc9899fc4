"""Checks for engines."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import ClassVar, get_args

from duetbench.errors import DuetbenchError
from duetbench.interfaces import Engine
from duetbench.prompts import prompt_key
from duetbench.testing.conformance import Conformance, require, skip
from duetbench.testing.dummy import dummy_model
from duetbench.types import Completion, EngineInfo, Message, ModelRef, Prompt, Sampling, Status

_LABELS = ("1", "2", "3", "4", "5")
_SAMPLING = Sampling(max_tokens=16)
_NEAR = 1e-4
"""How far two readings of one prompt may lie apart: batches of another shape round differently in fp32."""


class EngineConformance(Conformance):
    """Checks for an engine, with the model that the test names."""

    plugin: ClassVar[type[Engine]]
    model: ClassVar[ModelRef | None] = None
    """What it runs; None: a reference to no weights, which an engine that needs some will refuse."""
    answer_prefix: ClassVar[str] = "Rating: "
    """After which the labels are single tokens of the model."""

    def make(self) -> Engine:
        """An engine with the options and the model."""
        try:
            engine = self.plugin(self.config(), model=self.model or dummy_model())
            engine.info()
        except DuetbenchError as error:
            if self.model is not None:
                raise
            skip(f"it needs a model: name one with --model ({error})")
        return engine

    def test_info_is_complete(self) -> None:
        """It says what it is and can do, in values that can be written to a record."""
        info = self.make().info()
        require(isinstance(info, EngineInfo), f"info() returns a {type(info).__name__}")
        require(info.versions, "info() names no version of anything")
        require(info.context_length > 0, "the context length is not positive")
        json.dumps([dict(info.versions), dict(info.model.template_args), info.dtype, info.template_digest])

    def test_one_completion_per_prompt(self) -> None:
        """As many completions as prompts, each with a known status."""
        prompts = some_prompts()
        completions = self.make().generate(prompts, _SAMPLING)
        require(len(completions) == len(prompts), "not one completion per prompt")
        for prompt, completion in zip(prompts, completions, strict=True):
            _check_completion(prompt, completion)

    def test_no_prompts_no_completions(self) -> None:
        """No prompts, no completions."""
        require(list(self.make().generate([], _SAMPLING)) == [], "it answers nobody")

    def test_greedy_answers_are_deterministic(self) -> None:
        """At temperature 0 a prompt has one answer, whatever the seed."""
        engine, prompts = self.make(), some_prompts()
        first = _texts(engine.generate(prompts, _SAMPLING))
        other_seed = Sampling(max_tokens=_SAMPLING.max_tokens, seed=7)
        require(_texts(engine.generate(prompts, _SAMPLING)) == first, "a second call gives other answers")
        require(_texts(engine.generate(prompts, other_seed)) == first, "the seed changes answers at temperature 0")

    def test_answers_come_in_order(self) -> None:
        """Prompts in another order get the same answers in that order."""
        engine, prompts = self.make(), some_prompts()
        forth = _texts(engine.generate(prompts, _SAMPLING))
        back = _texts(engine.generate(prompts[::-1], _SAMPLING))
        require(back[::-1] == forth, "prompts in reverse order get other answers")

    def test_samples_follow_the_seed(self) -> None:
        """Above temperature 0, the same seed and sample index give the same answer."""
        engine, prompts = self.make(), some_prompts()
        hot = Sampling(temperature=1.0, max_tokens=_SAMPLING.max_tokens, seed=3, sample_index=1)
        require(_texts(engine.generate(prompts, hot)) == _texts(engine.generate(prompts, hot)), "two draws differ")

    def test_stop_texts_end_answers(self) -> None:
        """No stop text stands in what was written."""
        sampling = Sampling(max_tokens=_SAMPLING.max_tokens, stop=("e", "\n"))
        for prompt, completion in zip(some_prompts(), self.make().generate(some_prompts(), sampling), strict=True):
            written = completion.text.removeprefix(prompt.prefill)
            require(not any(stop in written for stop in sampling.stop), f"a stop text stands in {written!r}")

    def test_long_prompts_lose_history_or_fail(self) -> None:
        """A prompt that does not fit loses droppable spans, counted, or is an error; it is never silently cut."""
        engine = self.make()
        context = min(engine.info().context_length, 10_000)
        completion = engine.generate([_long_prompt(context)], _SAMPLING)[0]
        require(completion.status in get_args(Status), f"unknown status {completion.status!r}")
        if engine.info().context_length <= context:
            dropped = completion.status == "error" or completion.dropped_history > 0
            require(dropped, "a prompt beyond the context was answered, and no dropped history counted")

    def test_labels_are_read(self) -> None:
        """One reading per prompt: natural logarithms of probabilities that sum to at most 1; in order, repeatable."""
        engine, prompts = self.make(), some_prompts()
        if engine.info().labels == "text_only":
            skip("it cannot read labels, and says so")
        readings = engine.label_logprobs(prompts, self.answer_prefix, _LABELS)
        require(len(readings) == len(prompts), "not one reading per prompt")
        for reading in readings:
            require(reading.status != "ok" or len(reading.logprobs) == len(_LABELS), "not one number per label")
            require(all(number <= _NEAR for number in reading.logprobs), "a log-probability is above 0")
            require(sum(map(math.exp, reading.logprobs)) <= 1 + _NEAR, "the labels' probabilities sum to more than 1")
        back = engine.label_logprobs(prompts[::-1], self.answer_prefix, _LABELS)[::-1]
        far = [a for a, b in zip(readings, back, strict=True) if not _near(a.logprobs, b.logprobs)]
        require(not far, "prompts in reverse order get other readings")

    def test_another_model_keeps_the_options(self) -> None:
        """The engine for another model is of the same kind and has the same options."""
        engine = self.make()
        other = engine.with_model(engine.model)
        require(other.name == engine.name, f"with_model() returns an engine '{other.name}'")
        require(other.config == engine.config, "with_model() changes the options")
        require(other.model == engine.model, "with_model() returns an engine for another model")

    def test_batches_are_a_partition(self) -> None:
        """Every prompt is in exactly one batch, and what is left after some batches is cut as before."""
        engine, prompts = self.make(), some_prompts() * 30
        batches = engine.batches(prompts, 16)
        require(sorted(n for batch in batches for n in batch) == list(range(len(prompts))), "no partition")
        done = set(batches[0])
        left = [n for n in range(len(prompts)) if n not in done]
        again = engine.batches([prompts[n] for n in left], 16)
        require([[left[n] for n in batch] for batch in again] == batches[1:], "a resumed run is cut differently")


def some_prompts() -> list[Prompt]:
    """Short, longer, with a system turn, with a prefill, with odd characters."""
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
    """Twice as many words as given, nearly all of them droppable."""
    line = "I liked this one a lot. "
    n_lines = n_words // 3
    spans = tuple((n * len(line), (n + 1) * len(line)) for n in range(n_lines))
    messages = (Message("user", line * n_lines + "What do I like?", spans),)
    return Prompt(prompt_key(messages), "user", messages, (0,))


def _check_completion(prompt: Prompt, completion: Completion) -> None:
    require(isinstance(completion, Completion), f"{type(completion).__name__} is no Completion")
    require(completion.status in get_args(Status), f"unknown status {completion.status!r}")
    if completion.status == "ok":
        require(completion.text.startswith(prompt.prefill), "the answer does not begin with the prefill")
        require(completion.completion_tokens <= _SAMPLING.max_tokens, "the answer is longer than max_tokens")


def _texts(completions: Sequence[Completion]) -> list[str]:
    return [completion.text for completion in completions]


def _near(one: Sequence[float], other: Sequence[float]) -> bool:
    return len(one) == len(other) and all(abs(a - b) <= _NEAR for a, b in zip(one, other, strict=True))
