"""From questions and answers to the tokens that are learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from duetbench.training.policy import Policy
from duetbench.types import Prompt


@dataclass
class TargetTokenizer:
    """Turns prompts and answers into the tokens that the engine would see, with the end that the model has to write.

    Args:
        policy: Its template and tokenizer.
        stops: The stage's stop texts.
        max_tokens: What an answer may have; what remains of the context is the prompt's.
    """

    policy: Policy
    stops: Sequence[str]
    max_tokens: int
    too_long: int = field(default=0, init=False)
    """How many questions did not fit, or had an answer that did not."""

    def row(self, prompt: Prompt, *texts: str) -> list[list[int]] | None:
        """The prompt's tokens and those of each answer; None, counted, if one of them does not fit."""
        fitted = self.policy.encode(prompt, self.max_tokens)
        answers = [self._answer(prompt, fitted.dropped, text) for text in texts] if fitted.ids else []
        # The stop text and the model's own end come on top of what was sampled.
        if not answers or max(map(len, answers)) > self.max_tokens + 16:
            self.too_long += 1
            return None
        return [list(fitted.ids), *answers]

    def _answer(self, prompt: Prompt, dropped: int, text: str) -> list[int]:
        (ids,) = self.policy.pieces(prompt, dropped, [target_text(prompt, text, self.stops)])
        return [*ids, int(self.policy.chat.tokenizer.eos_token_id)]


def target_text(prompt: Prompt, text: str, stops: Sequence[str]) -> str:
    """What the model has to write after the prefill: the answer, closed where its stop text cut it off.

    Args:
        prompt: What was asked.
        text: The whole answer, without the stop text.
        stops: The stage's; one that is a closing tag belongs to the answer if its opening tag stands open.
    """
    for stop in stops:
        opening = f"<{stop[2:]}" if stop.startswith("</") else ""
        if opening and text.count(opening) > text.count(stop):
            text += stop
            break
    return text.removeprefix(prompt.prefill)
