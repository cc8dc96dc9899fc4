"""The requests to a model server, and how its responses become completions and log-probabilities."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar

from duetbench.engines.openai.abilities import ServerAbilities
from duetbench.engines.openai.answers import ChatAnswer, chat_answer
from duetbench.engines.openai.client import ServerClient
from duetbench.engines.openai.errors import RequestRejected, quoted
from duetbench.engines.openai.fingerprints import fingerprint
from duetbench.engines.openai.identity import ServerIdentity, read_identity
from duetbench.engines.openai.probe import ServerProbe
from duetbench.engines.sampling import sampling_seed
from duetbench.engines.tokens.labels import LabelTree
from duetbench.engines.tokens.truncation import without_spans
from duetbench.errors import EngineError
from duetbench.types import Completion, LabelLogprobs, Prompt, Sampling, Status

_TOO_LONG = ("context length", "maximum context", "context window", "too long", "exceeds the available context")
"""How servers report that a prompt does not fit."""

_T = TypeVar("_T", Completion, LabelLogprobs)


class ServedModel:
    """A model on a server.

    Args:
        client: Sends the requests.
        name: The model's name on the server.
        template_args: Arguments of the chat template.
        labels: `auto`, `exact` or `top_k`.
    """

    def __init__(self, client: ServerClient, name: str, template_args: Mapping[str, Any], labels: str) -> None:
        self._client = client
        self._name = name
        self._template_args = dict(template_args)
        self._labels = labels
        self._trees: dict[tuple[str, tuple[str, ...]], tuple[LabelTree, list[str]]] = {}
        self._lock = threading.RLock()

    @property
    def identity(self) -> ServerIdentity:
        """What the server reports about itself; requested once.

        Raises:
            EngineError: it cannot be reached, or does not serve the model.
        """
        with self._lock:
            return self._identity

    @property
    def abilities(self) -> ServerAbilities:
        """What the server can do; measured once, with some short requests.

        Raises:
            EngineError: it cannot be reached, rejects plain requests, or cannot do what the options require.
        """
        with self._lock:
            return self._abilities

    @cached_property
    def fingerprint(self) -> str:
        """A name of what the server runs, from label probabilities; `none` where it sends none."""
        identity = self.identity
        return fingerprint(
            "\n".join((self._name, identity.version, identity.model, repr(self._template_args))), self.abilities.listed
        )

    @property
    def has_exact_labels(self) -> bool:
        """Whether the probability of a label is known whatever its rank."""
        return self._labels != "top_k" and self.abilities.has_exact_ids

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """The completion of one prompt."""

        def send(body: dict[str, Any], dropped: int) -> Completion:
            answer = self._ask(body | self._sampling(prompt, sampling))
            return _completion(answer, self._written(answer, prompt), prompt, sampling, dropped)

        return self._send_truncated(prompt, send)

    def prefill_fault(self, prompts: Sequence[Prompt]) -> str | None:
        """Why the server cannot continue the prefills of these prompts; None if it can, or if they have none."""
        if self.abilities.continuation is not None or not any(prompt.prefill for prompt in prompts):
            return None
        return (
            f"{self._client.base_url} does not continue a begun answer of '{self._name}': it begins a new one; set the "
            "strategy's answer=free, or a scorer that reads text (rating_text)"
        )

    def label_logprobs(self, prompt: Prompt, labels: Sequence[str]) -> LabelLogprobs:
        """The labels' log-probabilities after the prompt's prefill; one request per beginning of a label."""
        if not self.has_exact_labels:
            return self._next_logprobs(prompt, list(labels), {"top_logprobs": self.abilities.top_logprobs})
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
        abilities = self.abilities
        settings = {abilities.length_field: 1, "temperature": abilities.label_temperature, "logprobs": True}
        is_exact = "logprob_token_ids" in listed

        def send(body: dict[str, Any], dropped: int) -> LabelLogprobs:
            return _label_logprobs(
                self._ask({**abilities.neutral, **body, **settings, **listed}), names, is_exact, dropped
            )

        return self._send_truncated(prompt, send)

    def check_labels(self, prefill: str, labels: Sequence[str]) -> None:
        """Raises EngineError if the labels' log-probabilities cannot be read after the prefill."""
        abilities, server = self.abilities, self._client.base_url
        if abilities.label_fault:
            raise EngineError(f"{server}: {abilities.label_fault}; choose a scorer that reads text (rating_text)")
        if prefill and abilities.continuation is None:
            raise EngineError(
                f"{server} does not continue a begun answer, so labels cannot be read after {prefill!r}; choose a "
                "scorer that reads text (rating_text)"
            )
        if prefill != prefill.rstrip() and not abilities.keeps_trailing_space:
            raise EngineError(
                f"{server} drops the white space at the end of {prefill!r}, so other tokens would be read; choose a "
                "prefix without it"
            )
        if self._labels == "exact" and abilities.exact_fault:
            raise EngineError(f"{server}: {abilities.exact_fault}; set openai.labels=top_k")
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

    def _ask(self, body: Mapping[str, Any]) -> ChatAnswer:
        return chat_answer(self._client.post("chat/completions", body))

    def _body(self, prompt: Prompt, n_dropped: int) -> dict[str, Any]:
        kept = without_spans(prompt.messages, n_dropped)
        messages = [{"role": message.role, "content": message.content} for message in kept]
        body: dict[str, Any] = {"model": self._name, "messages": messages}
        if prompt.prefill:
            messages.append({"role": "assistant", "content": prompt.prefill})
            body |= self.abilities.continuation or {}
        if self._template_args:
            body["chat_template_kwargs"] = self._template_args
        return body

    def _sampling(self, prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
        """All parameters of sampling: what is not sent, the server takes from the model or from its own defaults."""
        abilities = self.abilities
        body: dict[str, Any] = {
            **abilities.neutral,
            abilities.length_field: sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p if sampling.temperature > 0 else 1.0,
        }
        if stop := list(sampling.stop[: abilities.max_stops]):  # further ones are searched for in the completion
            body["stop"] = stop
        if sampling.temperature > 0:
            body["seed"] = sampling_seed(sampling, prompt.key) % 2**31
        return body

    def _written(self, answer: ChatAnswer, prompt: Prompt) -> str:
        """The generated text, without the prefill that some servers put before it.

        Raises:
            RequestRejected: the server has put another text than the prefill before it.
        """
        if not self.abilities.echoes_prefill or not prompt.prefill:
            return answer.text
        for echoed in (prompt.prefill, prompt.prefill.rstrip()):
            if answer.text.startswith(echoed):
                return answer.text[len(echoed) :]
        raise RequestRejected(200, f"a completion that does not begin with the prefill: {quoted(answer.text)}")

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
        except (RequestRejected, KeyError, TypeError, ValueError) as error:
            problem = f"{self._client.base_url} cannot tokenize text ({quoted(str(error))})"
            raise EngineError(f"{problem}; set openai.labels=top_k") from error

    @cached_property
    def _identity(self) -> ServerIdentity:
        return read_identity(self._client, self._name)

    @cached_property
    def _abilities(self) -> ServerAbilities:
        _ = self._identity
        try:
            abilities = ServerProbe(self._client, self._name, self._template_args).measure()
        except RequestRejected as rejection:
            raise EngineError(f"{self._client.base_url} rejects a short request: {rejection}") from rejection
        self._client.is_ready = True
        return abilities


def check_single_tokens(labels: Sequence[str]) -> None:
    """Raises EngineError if a label has several characters: only the next token of such a server is known."""
    long = [label for label in labels if len(label) > 1]
    if long:
        raise EngineError(
            f"labels such as {long[0]!r} may have several tokens, whose probabilities are only known from vLLM"
        )


def _is_too_long(rejection: RequestRejected) -> bool:
    return any(phrase in rejection.reason.lower() for phrase in _TOO_LONG)


def _completion(answer: ChatAnswer, text: str, prompt: Prompt, sampling: Sampling, dropped: int) -> Completion:
    stops = [position for position in (text.find(stop) for stop in sampling.stop if stop) if position >= 0]
    text = text[: min(stops)] if stops else text
    n_tokens = answer.tokens.completion_tokens
    return Completion(
        text=prompt.prefill + text,
        status=_status(answer, text, bool(stops), sampling),
        prompt_tokens=answer.tokens.prompt_tokens,
        # What the server generated after a stop text that it does not know is not part of the completion.
        completion_tokens=min(n_tokens, max(sampling.max_tokens - 1, 0)) if stops else n_tokens,
        dropped_history=dropped,
        error=quoted(answer.choices[0].message.refusal or ""),
    )


def _status(answer: ChatAnswer, text: str, is_stopped: bool, sampling: Sampling) -> Status:
    choice = answer.choices[0]
    if choice.finish_reason == "content_filter" or choice.message.refusal:
        return "refused"
    if sampling.is_slot:
        return "ok"
    if choice.finish_reason == "length" and not is_stopped:
        return "truncated"
    return "ok" if text.strip() else "empty"


def _label_logprobs(answer: ChatAnswer, names: Sequence[str], is_exact: bool, dropped: int) -> LabelLogprobs:
    listed = answer.next_logprobs()
    if not listed:
        return LabelLogprobs((), "error", error="the server sent no log-probabilities")
    missing = [name for name in names if name not in listed]
    if is_exact and missing:
        return LabelLogprobs((), "error", error=f"the server does not list {len(missing)} of the requested tokens")
    if len(missing) == len(names):
        return LabelLogprobs((), "unreadable", error=f"no label is among the {len(listed)} most likely tokens")
    lowest = min(listed.values())
    logprobs = tuple(min(listed.get(name, lowest), 0.0) for name in names)
    return LabelLogprobs(logprobs, prompt_tokens=answer.tokens.prompt_tokens, dropped_history=dropped)
