"""An engine behind the request store: asks each distinct request once, ever."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from duetbench.engines.store.database import RequestOutcome, RequestStore, default_store
from duetbench.engines.store.keys import RequestKey, generate_key, labels_key
from duetbench.interfaces import Engine
from duetbench.types import Completion, EngineInfo, LabelLogprobs, Prompt, Sampling

__all__ = ["EngineUsage", "RequestStore", "StoredEngine", "default_store"]

_T = TypeVar("_T", Completion, LabelLogprobs)


@dataclass(slots=True)
class EngineUsage:
    """What was asked through an engine."""

    calls: int = 0
    """Distinct requests that the engine computed."""
    cached: int = 0
    """Requests answered from the store, or together with an equal one."""
    prompt_tokens: int = 0
    """Of the computed requests."""
    completion_tokens: int = 0
    """Of the computed requests."""


class StoredEngine(Engine):
    """Answers from the store, and asks the engine for the rest, batch by batch; each batch is kept as it comes.

    Args:
        engine: What computes.
        store: Where answers are kept; those that are not `ok` are noted, but never kept as answers.
        on_done: Called with the number of prompts that were just answered.
    """

    name = "stored"
    summary = "answers from the request store, and asks another engine for the rest"

    def __init__(self, engine: Engine, store: RequestStore, on_done: Callable[[int], None] | None = None) -> None:
        super().__init__(engine.config, model=engine.model)
        self.engine = engine
        self.store = store
        self.usage = EngineUsage()
        self._on_done = on_done

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """See the base class."""
        info = self.info()
        keys = [generate_key(info, prompt, sampling) for prompt in prompts]
        return self._answer(
            prompts,
            keys,
            cut=lambda some: self.engine.batches(some, sampling.max_tokens),
            ask=lambda some: self.engine.generate(some, sampling),
            read=lambda kept: Completion(**kept, cached=True),
        )

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        """See the base class."""
        info = self.info()
        keys = [labels_key(info, prompt, answer_prefix, labels) for prompt in prompts]
        return self._answer(
            prompts,
            keys,
            cut=lambda some: self.engine.batches(_with_prefix(some, answer_prefix), 0),
            ask=lambda some: self.engine.label_logprobs(some, answer_prefix, labels),
            read=lambda kept: LabelLogprobs(tuple(kept["logprobs"]), **_without_logprobs(kept), cached=True),
        )

    def batches(self, prompts: Sequence[Prompt], max_tokens: int) -> list[list[int]]:
        """See the base class."""
        return self.engine.batches(prompts, max_tokens)

    def info(self) -> EngineInfo:
        """See the base class."""
        return self.engine.info()

    def close(self) -> None:
        """Closes the engine; the store belongs to whoever opened it."""
        self.engine.close()

    def _answer(
        self,
        prompts: Sequence[Prompt],
        keys: Sequence[RequestKey],
        *,
        cut: Callable[[Sequence[Prompt]], list[list[int]]],
        ask: Callable[[Sequence[Prompt]], list[_T]],
        read: Callable[[dict[str, Any]], _T],
    ) -> list[_T]:
        known = {digest: read(kept) for digest, kept in self.store.get(keys).items()}
        self._tell(sum(key.digest in known for key in keys))
        first = {key.digest: place for place, key in reversed(list(enumerate(keys))) if key.digest not in known}
        missing = sorted(first.values())
        twins = _count(key.digest for key in keys)
        fresh: dict[str, _T] = {}
        for batch in cut([prompts[place] for place in missing]) if missing else []:
            places = [missing[position] for position in batch]
            answers = ask([prompts[place] for place in places])
            asked = [keys[place] for place in places]
            self.store.put([_outcome(key, answer) for key, answer in zip(asked, answers, strict=True)])
            fresh.update((key.digest, answer) for key, answer in zip(asked, answers, strict=True))
            self._count_calls(answers)
            self._tell(sum(twins[key.digest] for key in asked))
        self.usage.cached += len(keys) - len(fresh)
        return [self._given(place, key, first, known, fresh) for place, key in enumerate(keys)]

    @staticmethod
    def _given(place: int, key: RequestKey, first: dict[str, int], known: dict[str, _T], fresh: dict[str, _T]) -> _T:
        """The answer to one request; of equal requests that were computed now, all but the first count as cached."""
        if key.digest in known:
            return known[key.digest]
        answer = fresh[key.digest]
        return answer if first[key.digest] == place else replace(answer, cached=True)

    def _count_calls(self, answers: Sequence[Completion] | Sequence[LabelLogprobs]) -> None:
        self.usage.calls += len(answers)
        self.usage.prompt_tokens += sum(answer.prompt_tokens for answer in answers)
        self.usage.completion_tokens += sum(
            answer.completion_tokens for answer in answers if isinstance(answer, Completion)
        )

    def _tell(self, n: int) -> None:
        if self._on_done and n:
            self._on_done(n)


def _with_prefix(prompts: Sequence[Prompt], answer_prefix: str) -> list[Prompt]:
    return [replace(prompt, prefill=prompt.prefill + answer_prefix) for prompt in prompts]


def _without_logprobs(kept: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in kept.items() if name != "logprobs"}


def _count(digests: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for digest in digests:
        counts[digest] = counts.get(digest, 0) + 1
    return counts


def _outcome(key: RequestKey, answer: Completion | LabelLogprobs) -> RequestOutcome:
    if answer.status != "ok":
        return RequestOutcome(key, None, answer.status, answer.error)
    kept: dict[str, Any] = {"prompt_tokens": answer.prompt_tokens, "dropped_history": answer.dropped_history}
    if isinstance(answer, Completion):
        kept |= {"text": answer.text, "completion_tokens": answer.completion_tokens}
    else:
        kept["logprobs"] = list(answer.logprobs)
    return RequestOutcome(key, kept)
