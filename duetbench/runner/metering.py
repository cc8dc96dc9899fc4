"""An engine that notes what passes through it: for the log, for the record's usage, for the progress bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from duetbench.interfaces import Engine
from duetbench.types import Completion, EngineInfo, LabelLogprobs, ModelRef, Prompt, Sampling


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One question and its answer."""

    prompt: Prompt
    answer: Completion | LabelLogprobs
    answer_prefix: str = ""
    """What the labels were read after; empty for text."""


@dataclass
class PhaseUsage:
    """What one phase of a cell cost."""

    prompts: int = 0
    calls: int = 0
    """Prompts that a model computed."""
    cached: int = 0
    """Prompts answered from the request store."""
    prompt_tokens: int = 0
    """Of all prompts, cached ones included: what the cell needs, whoever paid for it."""
    completion_tokens: int = 0
    dropped_history: int = 0
    seconds: float = 0.0

    def add(self, answer: Completion | LabelLogprobs) -> None:
        """Counts one answer."""
        self.prompts += 1
        self.cached += answer.cached
        self.calls += not answer.cached
        self.prompt_tokens += answer.prompt_tokens
        self.completion_tokens += answer.completion_tokens if isinstance(answer, Completion) else 0
        self.dropped_history += answer.dropped_history


@dataclass
class UsageMeter:
    """What was noted in one phase."""

    usage: PhaseUsage = field(default_factory=PhaseUsage)
    exchanges: list[LoggedRequest] = field(default_factory=list)


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
        for prompt, answer in zip(prompts, answers, strict=True):
            self._meter.usage.add(answer)
            self._meter.exchanges.append(LoggedRequest(prompt, answer, answer_prefix))

    def info(self) -> EngineInfo:
        """See the base class."""
        return self._engine.info()

    def batches(self, prompts: Sequence[Prompt], max_tokens: int) -> list[list[int]]:
        """See the base class."""
        return self._engine.batches(prompts, max_tokens)

    def uncached(self) -> Engine:
        return self._engine.uncached()

    def with_model(self, model: ModelRef) -> Engine:
        """Counted by the same meter."""
        return MeteredEngine(self._engine.with_model(model), self._meter, self._expect)
