"""An engine wrapper that records requests and usage: for the logs, the record and the progress display."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from duetbench.interfaces import Engine
from duetbench.records import PhaseUsage
from duetbench.types import Completion, EngineInfo, LabelLogprobs, ModelRef, Prompt, Sampling


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One prompt and its result."""

    prompt: Prompt
    result: Completion | LabelLogprobs
    answer_prefix: str = ""
    """Text after which the label probabilities were computed; empty for completions."""


@dataclass
class ComputedWork:
    """Requests that were computed and not answered from the store."""

    seconds: float = 0.0
    """Time in the engine, loading of weights included."""
    requests: int = 0
    tokens: int = 0
    """Of prompts and completions."""

    def add(self, other: ComputedWork) -> None:
        """Adds other work."""
        self.seconds += other.seconds
        self.requests += other.requests
        self.tokens += other.tokens


@dataclass
class UsageMeter:
    """Requests of one phase of a cell, in order, and the duration of the phase."""

    requests: list[LoggedRequest] = field(default_factory=list)
    seconds: float = 0.0
    engine_seconds: float = 0.0
    """The part of `seconds` in which an engine computed."""

    @property
    def usage(self) -> PhaseUsage:
        """Cost of the phase so far; tokens include those of cached results."""
        results = [request.result for request in self.requests]
        n_cached = sum(result.cached for result in results)
        return PhaseUsage(
            prompts=len(results),
            calls=len(results) - n_cached,
            cached=n_cached,
            prompt_tokens=sum(result.prompt_tokens for result in results),
            completion_tokens=sum(result.completion_tokens for result in results if isinstance(result, Completion)),
            dropped_history=sum(result.dropped_history for result in results),
            seconds=self.seconds,
            damaged=sum(result.was_damaged for result in results),
            redone=sum(result.lost_workers > 0 for result in results),
        )

    @property
    def computed(self) -> ComputedWork:
        """What the engine computed so far."""
        results = [request.result for request in self.requests if not request.result.cached]
        tokens = sum(result.prompt_tokens for result in results)
        tokens += sum(result.completion_tokens for result in results if isinstance(result, Completion))
        return ComputedWork(self.engine_seconds, len(results), tokens)


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
        pairs = zip(prompts, results, strict=True)
        self._meter.requests += [LoggedRequest(prompt, result, answer_prefix) for prompt, result in pairs]

    def info(self) -> EngineInfo:
        return self._engine.info()

    def label_fault(self, answer_prefix: str, labels: Sequence[str]) -> str | None:
        return self._engine.label_fault(answer_prefix, labels)

    def batches(self, prompts: Sequence[Prompt], max_tokens: int) -> list[list[int]]:
        return self._engine.batches(prompts, max_tokens)

    def parallel_batches(self) -> int:
        return self._engine.parallel_batches()

    def count_tokens(self, text: str) -> int | None:
        return self._engine.count_tokens(text)

    def uncached(self) -> Engine:
        return self._engine.uncached()

    def with_model(self, model: ModelRef) -> Engine:
        """Counted by the same meter."""
        return MeteredEngine(self._engine.with_model(model), self._meter, self._expect)
