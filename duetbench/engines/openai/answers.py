"""The responses to chat requests, checked against the fields that are used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from duetbench.engines.openai.errors import RequestRejected, quoted

_SAME = 1e-4
"""Two log-probabilities of one text differ by less if they are the same token's, listed twice."""

Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class ListedToken(_Part):
    """A token with its log-probability."""

    token: str
    logprob: FiniteFloat


class TokenPosition(ListedToken):
    """The token at one position of a completion, and the most likely ones there."""

    top_logprobs: list[ListedToken] | None = None


class ChoiceLogprobs(_Part):
    """Log-probabilities of a completion's tokens."""

    content: list[TokenPosition] | None = None


class ChatMessage(_Part):
    """The text of a completion."""

    content: str | None = None
    refusal: str | None = None


class ChatChoice(_Part):
    """A completion."""

    message: ChatMessage
    finish_reason: str | None = None
    logprobs: ChoiceLogprobs | None = None


class TokenUsage(_Part):
    """Numbers of tokens."""

    prompt_tokens: Count = 0
    completion_tokens: Count = 0


class ChatAnswer(_Part):
    """A response to a chat request; fields that are not used may have any value."""

    choices: list[ChatChoice] = Field(min_length=1)
    usage: TokenUsage | None = None

    @property
    def text(self) -> str:
        """What the model wrote."""
        return self.choices[0].message.content or ""

    @property
    def tokens(self) -> TokenUsage:
        """Numbers of tokens; zeros if the server reports none."""
        return self.usage or TokenUsage()

    def next_logprobs(self) -> dict[str, float]:
        """Log-probabilities of the first token by text; {} if the server sent none.

        Tokens with equal texts, such as those of single bytes, are summed: the text follows with their total
        probability.
        """
        logprobs = self.choices[0].logprobs
        content = (logprobs.content if logprobs else None) or []
        if not content:
            return {}
        listed = list(content[0].top_logprobs or [])
        if not any(
            each.token == content[0].token and abs(each.logprob - content[0].logprob) < _SAME for each in listed
        ):
            listed.append(content[0])
        sums: dict[str, float] = {}
        for each in listed:
            sums[each.token] = _log_sum(sums.get(each.token, -math.inf), each.logprob)
        return sums


def chat_answer(body: Mapping[str, Any]) -> ChatAnswer:
    """The response with its types checked.

    Raises:
        RequestRejected: a field has another type; the message names it, and what the server sent.
    """
    try:
        return ChatAnswer.model_validate(body)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False)[0]
        path = ".".join(map(str, fault["loc"]))
        sent = quoted(fault["input"]) if fault["type"] != "missing" else f"no {path}"
        raise RequestRejected(200, f"an unusable response: {path}: {fault['msg']}; it sent {sent}") from None


def _log_sum(first: float, second: float) -> float:
    high, low = max(first, second), min(first, second)
    return high + math.log1p(math.exp(low - high))
