"""The requests to a model server, and how its responses are read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from duetbench.engines.openai.client import HttpClient, RequestRejected
from duetbench.engines.sampling import sampling_seed
from duetbench.engines.tokens.labels import LabelTree
from duetbench.engines.tokens.truncation import without_spans
from duetbench.errors import EngineError
from duetbench.types import Completion, LabelLogprobs, Prompt, Sampling, Status

_CONTINUING = ("vllm", "sglang")
"""Servers that can continue a last assistant message."""

_TOP_LOGPROBS = 20
"""Maximum number of most likely tokens that OpenAI's API lists."""

_MAX_STOPS = 4
"""Maximum number of stop texts that OpenAI's API accepts; further ones are searched for in the completion."""

_TOO_LONG = ("context length", "maximum context", "context window", "too long", "exceeds the available context")
"""How servers report that a prompt does not fit."""

_T = TypeVar("_T", Completion, LabelLogprobs)


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What a server reports about itself."""

    kind: str
    """The owner of the model, as servers report it: `vllm`, `sglang`, `openai`, ...; empty if it does not."""
    version: str
    context_length: int | None


class ServedModel:
    """A model on a server.

    Args:
        client: Sends the requests.
        name: The model's name on the server.
        template_args: Arguments of the chat template.
        labels: `auto`, `exact` or `top_k`.
    """

    def __init__(self, client: HttpClient, name: str, template_args: Mapping[str, Any], labels: str) -> None:
        self._client = client
        self._name = name
        self._template_args = dict(template_args)
        self._labels = labels
        self._trees: dict[tuple[str, tuple[str, ...]], tuple[LabelTree, list[str]]] = {}

    @cached_property
    def server_info(self) -> ServerInfo:
        """What the server reports about itself; requested once.

        Raises:
            EngineError: it cannot be reached, or does not serve the model.
        """
        try:
            listed = self._client.get("models").get("data", [])
        except RequestRejected:
            listed = []  # not every server lists its models
        entries = {str(entry.get("id")): entry for entry in listed if isinstance(entry, dict)}
        if entries and self._name not in entries:
            raise EngineError(f"{self._client.base_url} serves {', '.join(sorted(entries)[:10])}, not '{self._name}'")
        entry = entries.get(self._name, {})
        kind = str(entry.get("owned_by", "")).lower()
        return ServerInfo(kind, self._version(kind), entry.get("max_model_len"))

    @property
    def has_exact_labels(self) -> bool:
        """Whether the probability of a label is known whatever its rank."""
        return self._labels == "exact" or (self._labels == "auto" and self.server_info.kind == "vllm")

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """The completion of one prompt."""

        def send(body: dict[str, Any], dropped: int) -> Completion:
            response = self._client.post("chat/completions", body | self._sampling(prompt, sampling))
            return _completion(response, prompt, sampling, dropped)

        return self._send_truncated(prompt, send)

    def label_logprobs(self, prompt: Prompt, labels: Sequence[str]) -> LabelLogprobs:
        """The labels' log-probabilities after the prompt's prefill; one request per beginning of a label."""
        if not self.has_exact_labels:
            check_single_tokens(labels)
            return self._next_logprobs(prompt, list(labels), {"top_logprobs": _TOP_LOGPROBS})
        tree, beginnings = self._label_tree(prompt.prefill, labels)
        read = []
        for node, beginning in zip(tree.nodes, beginnings, strict=True):
            ids = tree.following(node)
            # The sampled token may be listed in addition to the requested ones.
            listed = {"logprob_token_ids": ids, "top_logprobs": len(ids) + 1, "return_tokens_as_token_ids": True}
            extended = replace(prompt, prefill=prompt.prefill + beginning)
            read.append(self._next_logprobs(extended, [f"token_id:{number}" for number in ids], listed))
            if read[-1].status != "ok":
                return read[-1]
        return replace(read[0], logprobs=tree.logprobs([answer.logprobs for answer in read]))

    def _next_logprobs(self, prompt: Prompt, names: Sequence[str], listed: Mapping[str, Any]) -> LabelLogprobs:
        """Log-probabilities of next tokens by name; `listed` asks the server to list them."""
        settings = {"max_tokens": 1, "temperature": 0, "logprobs": True, **listed}
        is_exact = "logprob_token_ids" in listed

        def send(body: dict[str, Any], dropped: int) -> LabelLogprobs:
            return _label_logprobs(self._client.post("chat/completions", body | settings), names, is_exact, dropped)

        return self._send_truncated(prompt, send)

    def check_labels(self, prefill: str, labels: Sequence[str]) -> None:
        """Raises EngineError if the labels' log-probabilities cannot be read after the prefill."""
        if self.has_exact_labels:
            self._label_tree(prefill, labels)
        else:
            check_single_tokens(labels)

    def _send_truncated(self, prompt: Prompt, send: Callable[[dict[str, Any], int], _T]) -> _T:
        """The result with as few history lines dropped as necessary; only the server knows how long a prompt is."""
        try:
            return send(self._body(prompt, 0), 0)
        except RequestRejected as rejection:
            n_spans = sum(len(message.droppable) for message in prompt.messages)
            if not n_spans or not _is_too_long(rejection):
                raise
        result = send(self._body(prompt, n_spans), n_spans)
        low, high = 1, n_spans
        while low < high:
            middle = (low + high) // 2
            try:
                result, high = send(self._body(prompt, middle), middle), middle
            except RequestRejected as rejection:
                if not _is_too_long(rejection):
                    raise
                low = middle + 1
        return result

    def _body(self, prompt: Prompt, n_dropped: int) -> dict[str, Any]:
        kept = without_spans(prompt.messages, n_dropped)
        messages = [{"role": message.role, "content": message.content} for message in kept]
        body: dict[str, Any] = {"model": self._name, "messages": messages}
        if prompt.prefill:
            messages.append({"role": "assistant", "content": prompt.prefill})
            if self.server_info.kind in _CONTINUING:
                body |= {"continue_final_message": True, "add_generation_prompt": False}
        if self._template_args:
            body["chat_template_kwargs"] = self._template_args
        return body

    def _sampling(self, prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
        stop = list(sampling.stop if self.server_info.kind in _CONTINUING else sampling.stop[:_MAX_STOPS])
        body: dict[str, Any] = {"max_tokens": sampling.max_tokens, "temperature": sampling.temperature}
        if stop:
            body["stop"] = stop
        if sampling.temperature > 0:
            body |= {"top_p": sampling.top_p, "seed": sampling_seed(sampling, prompt.key) % 2**31}
        return body

    def _label_tree(self, prefill: str, labels: Sequence[str]) -> tuple[LabelTree, list[str]]:
        """The labels' tokens after the prefill, by the server's own tokenizer, and the text of each node.

        Raises:
            EngineError: they have no distinct tokens of their own there, or a beginning of a label is no text.
        """
        key = (prefill, tuple(labels))
        if key not in self._trees:
            start = self._tokenize(prefill)
            texts: dict[tuple[int, ...], str] = {}
            for text in dict.fromkeys(label[:end] for label in labels for end in range(len(label) + 1)):
                tokens = self._tokenize(prefill + text)
                if tokens[: len(start)] == start:
                    texts.setdefault(tuple(tokens[len(start) :]), text)
            paths = {text: path for path, text in texts.items()}
            tree = LabelTree(tuple(paths.get(label, ()) for label in labels))
            if not all(tree.labels) or any(node not in texts for node in tree.nodes):
                listed = ", ".join(map(repr, labels))
                raise EngineError(
                    f"labels {listed} have no distinct tokens of their own after {prefill!r}; choose another prefix"
                )
            self._trees[key] = (tree, [texts[node] for node in tree.nodes])
        return self._trees[key]

    def _tokenize(self, text: str) -> list[int]:
        try:
            body = {"model": self._name, "prompt": text, "add_special_tokens": False}
            return [int(token) for token in self._client.post("/tokenize", body)["tokens"]]
        except (RequestRejected, KeyError) as error:
            problem = f"{self._client.base_url} cannot tokenize text ({error})"
            raise EngineError(f"{problem}; set openai.labels=top_k") from error

    def _version(self, kind: str) -> str:
        if kind != "vllm":
            return kind or "unknown"
        try:
            return f"vllm {self._client.get('/version').get('version', 'unknown')}"
        except RequestRejected:
            return "vllm unknown"


def check_single_tokens(labels: Sequence[str]) -> None:
    """Raises EngineError if a label has several characters: only the next token of such a server is known."""
    long = [label for label in labels if len(label) > 1]
    if long:
        raise EngineError(
            f"labels such as {long[0]!r} may have several tokens, whose probabilities are only known from vLLM"
        )


def _is_too_long(rejection: RequestRejected) -> bool:
    return any(phrase in rejection.reason.lower() for phrase in _TOO_LONG)


def _completion(response: Mapping[str, Any], prompt: Prompt, sampling: Sampling, dropped: int) -> Completion:
    choice = _choice(response)
    message = choice.get("message") or {}
    text = str(message.get("content") or "")
    stops = [position for position in (text.find(stop) for stop in sampling.stop if stop) if position >= 0]
    text = text[: min(stops)] if stops else text
    usage = response.get("usage") or {}
    return Completion(
        text=prompt.prefill + text,
        status=_status(choice, text, bool(stops), sampling),
        prompt_tokens=int(usage.get("prompt_tokens") or 0),
        completion_tokens=int(usage.get("completion_tokens") or 0),
        dropped_history=dropped,
        error=str(message.get("refusal") or ""),
    )


def _status(choice: Mapping[str, Any], text: str, is_stopped: bool, sampling: Sampling) -> Status:
    reason = choice.get("finish_reason")
    if reason == "content_filter" or (choice.get("message") or {}).get("refusal"):
        return "refused"
    if sampling.is_slot:
        return "ok"
    if reason == "length" and not is_stopped:
        return "truncated"
    return "ok" if text.strip() else "empty"


def _label_logprobs(response: Mapping[str, Any], names: Sequence[str], is_exact: bool, dropped: int) -> LabelLogprobs:
    content = (_choice(response).get("logprobs") or {}).get("content") or []
    if not content:
        return LabelLogprobs((), "error", error="the server sent no log-probabilities")
    entries = [content[0], *content[0].get("top_logprobs", [])]
    listed = {str(entry["token"]): float(entry["logprob"]) for entry in entries}
    missing = [name for name in names if name not in listed]
    if is_exact and missing:
        raise EngineError(
            "the server does not list the requested tokens: it may be too old for that; set openai.labels=top_k"
        )
    if len(missing) == len(names):
        return LabelLogprobs((), "unreadable", error=f"no label is among the {len(listed)} most likely tokens")
    lowest = min(listed.values())
    logprobs = tuple(min(listed.get(name, lowest), 0.0) for name in names)
    if not all(map(math.isfinite, logprobs)):
        return LabelLogprobs((), "error", error="the server sent a log-probability that is not a finite number")
    n_tokens = int((response.get("usage") or {}).get("prompt_tokens") or 0)
    return LabelLogprobs(logprobs, prompt_tokens=n_tokens, dropped_history=dropped)


def _choice(response: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = response.get("choices") or []
    if not choices or not isinstance(choices[0], Mapping):
        raise RequestRejected(200, "a response without choices")
    return choices[0]
