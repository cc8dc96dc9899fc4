"""An engine wrapper that records requests and usage: for the logs, the record and the progress display."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from duetbench.interfaces import Engine
from duetbench.types import Completion, EngineInfo, LabelLogprobs, Prompt, Sampling


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One prompt and its result."""

    prompt: Prompt
    result: Completion | LabelLogprobs
    answer_prefix: str = ""
    """Text after which the label probabilities were computed; empty for completions."""


@dataclass
class PhaseUsage:
    """Cost of one phase of a cell."""

    prompts: int = 0
    calls: int = 0
    """Prompts that a model computed."""
    cached: int = 0
    """Prompts answered from the request store."""
    prompt_tokens: int = 0
    """Of all prompts, including those answered from the store."""
    completion_tokens: int = 0
    dropped_history: int = 0
    seconds: float = 0.0

    def add(self, result: Completion | LabelLogprobs) -> None:
        """Counts one result."""
        self.prompts += 1
        self.cached += result.cached
        self.calls += not result.cached
        self.prompt_tokens += result.prompt_tokens
        self.completion_tokens += result.completion_tokens if isinstance(result, Completion) else 0
        self.dropped_history += result.dropped_history


@dataclass
class UsageMeter:
    """Requests and usage of one phase."""

    usage: PhaseUsage = field(default_factory=PhaseUsage)
    requests: list[LoggedRequest] = field(default_factory=list)


class MeteredEngine(Engine):
    """Forwards all calls to another engine and records them.

    Args:
        engine: The engine that computes.
        meter: Collects requests and usage.
        expect: Called with the number of prompts before each call.
    """

    name = "metered"

    def __init__(self, engine: Engine, meter: UsageMeter, expect: Callable[[int], None]) -> None:
        super().__init__(engine.config, model=engine.model)
        self._engine = engine
        self._meter = meter
        self._expect = expect

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        self._expect(len(prompts))
        completions = self._engine.generate(prompts, sampling)
        self._record(prompts, completions)
        return completions

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        self._expect(len(prompts))
        results = self._engine.label_logprobs(prompts, answer_prefix, labels)
        self._record(prompts, results, answer_prefix)
        return results

    def _record(self, prompts: Sequence[Prompt], results: Sequence[Any], answer_prefix: str = "") -> None:
        for prompt, result in zip(prompts, results, strict=True):
            self._meter.usage.add(result)
            self._meter.requests.append(LoggedRequest(prompt, result, answer_prefix))

    def info(self) -> EngineInfo:
        return self._engine.info()

    def batches(self, prompts: Sequence[Prompt], max_tokens: int) -> list[list[int]]:
        return self._engine.batches(prompts, max_tokens)
