"""Measures what a server can do: by the values in its responses, not by the presence of fields."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from duetbench.engines.openai.abilities import ServerAbilities
from duetbench.engines.openai.answers import ChatAnswer, chat_answer
from duetbench.engines.openai.client import ServerClient
from duetbench.engines.openai.errors import RequestRejected, quoted
from duetbench.engines.openai.logprob_checks import greedy_fault, listing_fault
from duetbench.errors import EngineError

_NEUTRAL: Mapping[str, Any] = {
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "top_k": -1,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "repeat_penalty": 1.0,
    "typical_p": 1.0,
    "xtc_probability": 0.0,
    "dry_multiplier": 0.0,
}
"""Sampling parameters of vLLM, SGLang, llama.cpp and OpenAI with the values that have no effect."""

_STANDARD = ("presence_penalty", "frequency_penalty")
"""Those that OpenAI's own API has."""

_COUNT = "Count from 1 to 20, separated by commas."
_OTHER = "Name a colour of the rainbow. Answer with one word."
_BEGUN = "1, 2, 3, 4, 5, 6, 7,"
_NEXT = "8"
_TOKENS = 8
"""Tokens of a probing completion."""

_CONTINUATIONS: Sequence[Mapping[str, Any]] = (
    {"continue_final_message": True, "add_generation_prompt": False},  # vLLM, SGLang
    {},  # llama.cpp, Ollama
)

_STOPS = (16, 4, 1)
"""Numbers of stop texts that are tried."""

_LISTED = (200, 20, 5)
"""Numbers of listed tokens that are tried: llama.cpp lists as many as are asked for, others 20."""

_EXACT_TOLERANCE = 0.05
"""Largest difference of the log-probabilities of one token in two requests: batches round differently."""


@dataclass
class ServerProbe:
    """Sends some short requests to a server.

    Args:
        client: Sends them.
        name: The model's name on the server.
        template_args: Arguments of the chat template.
    """

    client: ServerClient
    name: str
    template_args: Mapping[str, Any]
    _fixed: dict[str, Any] = field(default_factory=dict)
    """Fields of every further request."""
    _length_field: str = "max_tokens"

    def measure(self) -> ServerAbilities:
        """What the server can do.

        Raises:
            RequestRejected: it rejects a plain request.
            EngineError: it cannot be reached, or generates more than it is asked for.
        """
        plain = self._first_answer()
        count_fault = self._count_fault(plain)
        continuation, echoes = self._continuation(has_counts=not count_fault)
        found = ServerAbilities(
            length_field=self._length_field,
            neutral={name: self._fixed[name] for name in _NEUTRAL if name in self._fixed},
            continuation=continuation,
            echoes_prefill=echoes,
            keeps_trailing_space=continuation is None or bool(count_fault) or self._keeps_space(continuation),
            max_stops=self._max_stops(plain.text),
            count_fault=count_fault,
        )
        return self._with_logprobs(found, plain.text)

    def _with_logprobs(self, found: ServerAbilities, greedy: str) -> ServerAbilities:
        fault = "the server sends no log-probabilities"
        for n in _LISTED:
            for temperature in (0.0, 1.0):
                fields: dict[str, Any] = {"logprobs": True, "top_logprobs": n, "temperature": temperature}
                try:
                    first, second = (self._ask(text, 1, **fields).next_logprobs() for text in (_COUNT, _OTHER))
                except RequestRejected as rejection:
                    if rejection.is_temporary:
                        raise
                    fault = str(rejection)
                    break
                if not (listing := listing_fault(first, second, n)):
                    fault = greedy_fault(first, greedy)
                    if fault:
                        return replace(found, label_fault=fault)
                    exact_fault = self._exact_fault()
                    return replace(
                        found,
                        top_logprobs=n,
                        label_temperature=temperature,
                        has_exact_ids=not exact_fault,
                        exact_fault=exact_fault,
                        listed={**_most_likely("count", first), **_most_likely("colour", second)},
                    )
                fault = listing
        return replace(found, label_fault=fault)

    def _first_answer(self) -> ChatAnswer:
        """A greedy completion; finds out which parameters of sampling the server accepts."""
        names = list(_NEUTRAL)
        while True:
            self._fixed = {name: _NEUTRAL[name] for name in names}
            try:
                answer = self._ask(_COUNT, _TOKENS)
            except RequestRejected as rejection:
                if rejection.is_temporary:
                    raise
                if "max_completion_tokens" in rejection.reason and self._length_field == "max_tokens":
                    self._length_field = "max_completion_tokens"
                elif names:
                    names = _without_rejected(names, rejection.reason)
                else:
                    raise
            else:
                self._check_length(answer)
                return answer

    def _check_length(self, answer: ChatAnswer) -> None:
        if len(answer.text) > 40 * _TOKENS or (answer.tokens.completion_tokens > _TOKENS):
            raise EngineError(
                f"{self.client.base_url} ignores {self._length_field}: asked for {_TOKENS} tokens, it sent "
                f"{len(answer.text)} characters and counts {answer.tokens.completion_tokens} tokens"
            )

    def _count_fault(self, plain: ChatAnswer) -> str:
        if plain.usage is None or not plain.tokens.prompt_tokens:
            return "not reported"
        short, long = plain.tokens.prompt_tokens, self._ask(" ".join([_COUNT] * 10), 1).tokens.prompt_tokens
        if long < short + 50:
            return f"wrong: {short} for a short prompt, {long} for one ten times as long"
        if plain.text.strip() and not plain.tokens.completion_tokens:
            return "wrong: 0 for a completion that is not empty"
        return ""

    def _continuation(self, *, has_counts: bool) -> tuple[Mapping[str, Any] | None, bool]:
        """The fields with which a begun completion is continued, and whether it is echoed."""
        for fields in _CONTINUATIONS:
            try:
                text = self._ask(_COUNT, _TOKENS, begun=_BEGUN, **fields).text
                is_echoed = text.lstrip().startswith(_BEGUN)
                if text.lstrip().removeprefix(_BEGUN).lstrip().startswith(_NEXT) or (
                    has_counts and self._adds_one_token(fields)
                ):
                    return fields, is_echoed
            except RequestRejected as rejection:
                if rejection.is_temporary:
                    raise
        return None, False

    def _adds_one_token(self, fields: Mapping[str, Any]) -> bool:
        """Whether a begun answer of one token makes the prompt one token longer: nothing is put behind it.

        It shows that a model which cannot count still continues what was begun.
        """
        without = self._ask(_COUNT, 1).tokens.prompt_tokens
        return self._ask(_COUNT, 1, begun="1", **fields).tokens.prompt_tokens == without + 1

    def _keeps_space(self, fields: Mapping[str, Any]) -> bool:
        without, with_space = (
            self._ask(_COUNT, 1, begun=begun, **fields).tokens.prompt_tokens for begun in ("Rating:", "Rating: ")
        )
        return with_space != without

    def _max_stops(self, greedy: str) -> int:
        """The largest number of stop texts at which the last one still ends the completion."""
        characters = [character for character in greedy.strip() if not character.isspace()]
        last = characters[len(characters) // 2] if characters else "\u00a7"
        for n in _STOPS:
            try:
                text = self._ask(_COUNT, _TOKENS, stop=[f"\u00a7{number}" for number in range(n - 1)] + [last]).text
            except RequestRejected as rejection:
                if rejection.is_temporary:
                    raise
                continue
            if last not in text:
                return n
        return 0

    def _exact_fault(self) -> str:
        """Why tokens of requested ids cannot be read; empty if they can, with the values that the server lists."""
        as_ids: dict[str, Any] = {"logprobs": True, "temperature": 0.0, "return_tokens_as_token_ids": True}
        try:
            self._check_tokenizer()
            listed = self._ask(_COUNT, 1, top_logprobs=20, **as_ids).next_logprobs()
            ids = [int(name.removeprefix("token_id:")) for name in listed if name.startswith("token_id:")]
            ids = ids[1:12:4] + ids[-1:]
            asked = self._ask(_COUNT, 1, top_logprobs=len(ids) + 1, logprob_token_ids=ids, **as_ids).next_logprobs()
        except (RequestRejected, ValueError) as error:
            return quoted(str(error))
        pairs = [(listed[f"token_id:{number}"], asked.get(f"token_id:{number}", math.nan)) for number in ids]
        if not pairs or not all(abs(a - b) <= _EXACT_TOLERANCE for a, b in pairs):
            return "the server does not list the tokens of requested ids"
        return ""

    def _check_tokenizer(self) -> None:
        body = {"model": self.name, "prompt": "1", "add_special_tokens": False}
        tokens = self.client.post("/tokenize", body).get("tokens")
        if not isinstance(tokens, list) or len(tokens) != 1 or not isinstance(tokens[0], int):
            raise ValueError("the server has no /tokenize as vLLM has it")

    def _ask(self, text: str, max_tokens: int, *, begun: str = "", **fields: Any) -> ChatAnswer:
        messages = [{"role": "user", "content": text}]
        messages += [{"role": "assistant", "content": begun}] if begun else []
        body = {"model": self.name, "messages": messages, "temperature": 0.0, **self._fixed, **fields}
        body[self._length_field] = max_tokens
        if self.template_args:
            body["chat_template_kwargs"] = dict(self.template_args)
        return chat_answer(self.client.post("chat/completions", body))


def _without_rejected(names: Sequence[str], reason: str) -> list[str]:
    """The parameters to try next: without those that the server names, else the standard ones, else none."""
    if left := [name for name in names if name not in reason]:
        if len(left) < len(names):
            return left
        return list(_STANDARD) if len(names) > len(_STANDARD) else []
    return []


def _most_likely(prompt: str, logprobs: Mapping[str, float]) -> dict[str, float]:
    """The 20 most likely tokens, by `PROMPT:TOKEN`."""
    return {f"{prompt}:{token}": logprobs[token] for token in sorted(logprobs, key=logprobs.__getitem__)[-20:]}
