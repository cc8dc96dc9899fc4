"""What is sent to a model server, and how its answers are read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from duetbench.engines.openai.client import HttpClient, RequestRejected
from duetbench.engines.sampling import sampling_seed
from duetbench.engines.tokens.truncation import without_spans
from duetbench.errors import EngineError
from duetbench.types import Completion, LabelLogprobs, Prompt, Sampling, Status

_CONTINUES = ("vllm", "sglang")
"""Servers that go on with a last assistant turn when asked to."""

_TOP = 20
"""The most likely tokens that OpenAI's protocol lists at most."""

_STOPS = 4
"""The stop texts that OpenAI's protocol takes at most; further ones are looked for in the answer."""

_TOO_LONG = ("context length", "maximum context", "context window", "too long", "exceeds the available context")
"""How servers say that a prompt does not fit."""

_T = TypeVar("_T", Completion, LabelLogprobs)


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What a server says of itself."""

    kind: str
    """Who owns the model, as servers put it: `vllm`, `sglang`, `openai`, ...; empty if it does not say."""
    version: str
    context_length: int | None


class ServedModel:
    """A model on a server.

    Args:
        client: How to reach it.
        name: The model's name there.
        template_args: Arguments of the chat template.
        labels: `auto`, `exact` or `top_k`.
    """

    def __init__(self, client: HttpClient, name: str, template_args: Mapping[str, Any], labels: str) -> None:
        self._client = client
        self._name = name
        self._template_args = dict(template_args)
        self._labels = labels
        self._label_ids: dict[tuple[str, tuple[str, ...]], list[int]] = {}

    @cached_property
    def about(self) -> ServerInfo:
        """Asked once.

        Raises:
            EngineError: it cannot be reached, or does not serve the model.
        """
        try:
            listed = self._client.get("models").get("data", [])
        except RequestRejected:
            listed = []  # not every server lists its models
        known = {str(entry.get("id")): entry for entry in listed if isinstance(entry, dict)}
        if known and self._name not in known:
            raise EngineError(f"{self._client.base_url} serves {', '.join(sorted(known)[:10])}, not '{self._name}'")
        entry = known.get(self._name, {})
        kind = str(entry.get("owned_by", "")).lower()
        return ServerInfo(kind, self._version(kind), entry.get("max_model_len"))

    @property
    def reads_exactly(self) -> bool:
        """Whether labels' probabilities are read whatever their rank."""
        return self._labels == "exact" or (self._labels == "auto" and self.about.kind == "vllm")

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """The answer to one prompt."""

        def ask(body: dict[str, Any], dropped: int) -> Completion:
            answer = self._client.post("chat/completions", body | self._sampling(prompt, sampling))
            return _completion(answer, prompt, sampling, dropped)

        return self._fitting(prompt, ask)

    def read_labels(self, prompt: Prompt, labels: Sequence[str]) -> LabelLogprobs:
        """The labels' log-probabilities after the prompt's prefill."""
        ids = self._ids(prompt.prefill, labels) if self.reads_exactly else []
        settings: dict[str, Any] = {"max_tokens": 1, "temperature": 0, "logprobs": True, "top_logprobs": _TOP}
        if ids:
            # The sampled token may be listed beside those asked for.
            settings |= {"logprob_token_ids": ids, "top_logprobs": len(ids) + 1, "return_tokens_as_token_ids": True}
        names = [f"token_id:{number}" for number in ids] or list(labels)

        def ask(body: dict[str, Any], dropped: int) -> LabelLogprobs:
            return _reading(self._client.post("chat/completions", body | settings), names, bool(ids), dropped)

        return self._fitting(prompt, ask)

    def _fitting(self, prompt: Prompt, ask: Callable[[dict[str, Any], int], _T]) -> _T:
        """The answer with as few history lines dropped as it takes; only the server knows how long a prompt is."""
        try:
            return ask(self._body(prompt, 0), 0)
        except RequestRejected as refused:
            n_spans = sum(len(message.droppable) for message in prompt.messages)
            if not n_spans or not _is_too_long(refused):
                raise
        answer = ask(self._body(prompt, n_spans), n_spans)
        low, high = 1, n_spans
        while low < high:
            middle = (low + high) // 2
            try:
                answer, high = ask(self._body(prompt, middle), middle), middle
            except RequestRejected as refused:
                if not _is_too_long(refused):
                    raise
                low = middle + 1
        return answer

    def _body(self, prompt: Prompt, n_dropped: int) -> dict[str, Any]:
        turns = [{"role": turn.role, "content": turn.content} for turn in without_spans(prompt.messages, n_dropped)]
        body: dict[str, Any] = {"model": self._name, "messages": turns}
        if prompt.prefill:
            turns.append({"role": "assistant", "content": prompt.prefill})
            if self.about.kind in _CONTINUES:
                body |= {"continue_final_message": True, "add_generation_prompt": False}
        if self._template_args:
            body["chat_template_kwargs"] = self._template_args
        return body

    def _sampling(self, prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
        stop = list(sampling.stop if self.about.kind in _CONTINUES else sampling.stop[:_STOPS])
        body: dict[str, Any] = {"max_tokens": sampling.max_tokens, "temperature": sampling.temperature}
        if stop:
            body["stop"] = stop
        if sampling.temperature > 0:
            body |= {"top_p": sampling.top_p, "seed": sampling_seed(sampling, prompt.key) % 2**31}
        return body

    def _ids(self, answer: str, labels: Sequence[str]) -> list[int]:
        """The labels' tokens, by the server's own tokenizer.

        Raises:
            EngineError: they are not distinct single tokens there.
        """
        key = (answer, tuple(labels))
        if key not in self._label_ids:
            start = self._tokens(answer)
            cuts = [self._tokens(answer + label) for label in labels]
            found = [cut[-1] for cut in cuts if cut[:-1] == start]
            if len(set(found)) < len(labels):
                told = ", ".join(map(repr, labels))
                lead = f"labels {told} are not distinct single tokens after {answer!r}"
                raise EngineError(f"{lead}; choose another prefix")
            self._label_ids[key] = found
        return self._label_ids[key]

    def _tokens(self, text: str) -> list[int]:
        try:
            body = {"model": self._name, "prompt": text, "add_special_tokens": False}
            return [int(token) for token in self._client.post("/tokenize", body)["tokens"]]
        except (RequestRejected, KeyError) as error:
            lead = f"{self._client.base_url} cannot cut text into tokens ({error})"
            raise EngineError(f"{lead}; set openai.labels=top_k") from error

    def _version(self, kind: str) -> str:
        if kind != "vllm":
            return kind or "unknown"
        try:
            return f"vllm {self._client.get('/version').get('version', 'unknown')}"
        except RequestRejected:
            return "vllm unknown"


def _is_too_long(refused: RequestRejected) -> bool:
    return any(words in refused.reason.lower() for words in _TOO_LONG)


def _completion(answer: Mapping[str, Any], prompt: Prompt, sampling: Sampling, dropped: int) -> Completion:
    choice = _choice(answer)
    message = choice.get("message") or {}
    written = str(message.get("content") or "")
    ends = [place for place in (written.find(stop) for stop in sampling.stop if stop) if place >= 0]
    written = written[: min(ends)] if ends else written
    usage = answer.get("usage") or {}
    return Completion(
        text=prompt.prefill + written,
        status=_status(choice, written, bool(ends), sampling),
        prompt_tokens=int(usage.get("prompt_tokens") or 0),
        completion_tokens=int(usage.get("completion_tokens") or 0),
        dropped_history=dropped,
        error=str(message.get("refusal") or ""),
    )


def _status(choice: Mapping[str, Any], written: str, is_stopped: bool, sampling: Sampling) -> Status:
    reason = choice.get("finish_reason")
    if reason == "content_filter" or (choice.get("message") or {}).get("refusal"):
        return "refused"
    if sampling.is_slot:
        return "ok"
    if reason == "length" and not is_stopped:
        return "truncated"
    return "ok" if written.strip() else "empty"


def _reading(answer: Mapping[str, Any], names: Sequence[str], is_exact: bool, dropped: int) -> LabelLogprobs:
    content = (_choice(answer).get("logprobs") or {}).get("content") or []
    if not content:
        return LabelLogprobs((), "error", error="the server sent no log-probabilities")
    entries = [content[0], *content[0].get("top_logprobs", [])]
    listed = {str(entry["token"]): float(entry["logprob"]) for entry in entries}
    missing = [name for name in names if name not in listed]
    if is_exact and missing:
        raise EngineError(
            "the server does not list the tokens asked for: it may be too old for that; set openai.labels=top_k"
        )
    if len(missing) == len(names):
        return LabelLogprobs((), "unreadable", error=f"no label is among the {len(listed)} likeliest tokens")
    least = min(listed.values())
    logprobs = tuple(min(listed.get(name, least), 0.0) for name in names)
    if not all(map(math.isfinite, logprobs)):
        return LabelLogprobs((), "error", error="the server sent a log-probability that is no number")
    n_tokens = int((answer.get("usage") or {}).get("prompt_tokens") or 0)
    return LabelLogprobs(logprobs, prompt_tokens=n_tokens, dropped_history=dropped)


def _choice(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = answer.get("choices") or []
    if not choices or not isinstance(choices[0], Mapping):
        raise RequestRejected(200, "an answer without choices")
    return choices[0]
