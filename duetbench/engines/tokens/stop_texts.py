"""Finds out where an answer ends."""

from __future__ import annotations

from collections.abc import Sequence

from duetbench.engines.tokens.chat_template import ChatTemplate
from duetbench.engines.transformers.decoding import GeneratedTokens


class StopTexts:
    """Ends of answers: tokens, and texts.

    Args:
        chat: Turns tokens into text.
        texts: The answer ends before the first of these.
        ends: Tokens that end an answer.
    """

    def __init__(self, chat: ChatTemplate, texts: Sequence[str], ends: frozenset[int]) -> None:
        self.ends = ends
        self._chat = chat
        self._texts = tuple(text for text in texts if text)
        self._last = {text[-1] for text in self._texts}
        # A stop text has at most one token per character, and the newest token may reach beyond it.
        self._tail = max(map(len, self._texts), default=0) + 1
        self._closing: dict[int, bool] = {}

    def are_ended(self, answers: Sequence[GeneratedTokens]) -> list[bool]:
        """Whether the newest token of each answer ends it."""
        ended = [answer.ids[-1] in self.ends for answer in answers]
        watched = [
            place for place, answer in enumerate(answers) if not ended[place] and self._may_close(answer.ids[-1])
        ]
        tails = self._chat.tails([answers[place].ids[-self._tail :] for place in watched]) if watched else []
        for place, tail in zip(watched, tails, strict=True):
            ended[place] = any(text in tail for text in self._texts)
        return ended

    def cut(self, text: str) -> tuple[str, bool]:
        """The text before the first stop, and whether there was one."""
        found = [place for place in (text.find(stop) for stop in self._texts) if place >= 0]
        return (text[: min(found)], True) if found else (text, False)

    def _may_close(self, token: int) -> bool:
        """Whether a token can be the last piece of a stop text; most cannot, and then no text is looked at."""
        if not self._texts:
            return False
        if token not in self._closing:
            piece = self._chat.tails([[token]])[0]
            # A character beyond ASCII may be spread over several tokens, none of which shows it.
            self._closing[token] = any(last in piece or not last.isascii() for last in self._last)
        return self._closing[token]
