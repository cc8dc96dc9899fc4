"""An engine that notes what passes through it: for the log, for the record's usage, for the progress bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from duetbench.interfaces import Engine
from duetbench.records import PhaseUsage
from duetbench.types import Completion, EngineInfo, LabelLogprobs, Prompt, Sampling


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One question and its answer."""

    prompt: Prompt
    answer: Completion | LabelLogprobs
    answer_prefix: str = ""
    """What the labels were read after; empty for text."""


@dataclass
class UsageMeter:
    """Requests of one phase of a cell, in order, and the time that the phase took."""

    exchanges: list[LoggedRequest] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def usage(self) -> PhaseUsage:
        """Cost of the phase so far; tokens include those of cached answers."""
        answers = [exchange.answer for exchange in self.exchanges]
        n_cached = sum(answer.cached for answer in answers)
        return PhaseUsage(
            prompts=len(answers),
            calls=len(answers) - n_cached,
            cached=n_cached,
            prompt_tokens=sum(answer.prompt_tokens for answer in answers),
            completion_tokens=sum(answer.completion_tokens for answer in answers if isinstance(answer, Completion)),
            dropped_history=sum(answer.dropped_history for answer in answers),
            seconds=self.seconds,
        )


class MeteredEngine(Engine):
    """Passes everything on.

    Args:
        engine: What answers.
        meter: Where it is noted.
        expect: Called with the number of prompts before they are asked.
    """

    name = "metered"

    def __init__(self, engine: Engine, meter: UsageMeter, expect: Callable[[int], None]) -> None:
        super().__init__(engine.config, model=engine.model)
        self._engine = engine
        self._meter = meter
        self._expect = expect

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """See the base class."""
        self._expect(len(prompts))
        completions = self._engine.generate(prompts, sampling)
        self._note(prompts, completions)
        return completions

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        """See the base class."""
        self._expect(len(prompts))
        readings = self._engine.label_logprobs(prompts, answer_prefix, labels)
        self._note(prompts, readings, answer_prefix)
        return readings

    def _note(self, prompts: Sequence[Prompt], answers: Sequence[Any], answer_prefix: str = "") -> None:
        pairs = zip(prompts, answers, strict=True)
        self._meter.exchanges += [LoggedRequest(prompt, answer, answer_prefix) for prompt, answer in pairs]

    def info(self) -> EngineInfo:
        """See the base class."""
        return self._engine.info()

    def batches(self, prompts: Sequence[Prompt], max_tokens: int) -> list[list[int]]:
        """See the base class."""
        return self._engine.batches(prompts, max_tokens)
