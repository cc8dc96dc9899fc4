"""Detects where completions end."""

from __future__ import annotations

from collections.abc import Sequence

from duetbench.engines.tokens.chat_template import ChatTemplate


class StopTexts:
    """Ends completions at stop texts and at end tokens.

    Args:
        chat: Decodes tokens.
        texts: A completion ends before the first of these.
        ends: Tokens that end a completion.
    """

    def __init__(self, chat: ChatTemplate, texts: Sequence[str], ends: frozenset[int]) -> None:
        self.ends = ends
        self._chat = chat
        self._texts = tuple(text for text in texts if text)
        self._last_characters = {text[-1] for text in self._texts}
        # A stop text has at most one token per character, and the newest token may extend beyond it.
        self._n_decoded = max(map(len, self._texts), default=0) + 1
        self._can_complete: dict[int, bool] = {}

    def are_ended(self, completions: Sequence[Sequence[int]]) -> list[bool]:
        """Whether the newest token of each completion, given as token ids, ends it."""
        ended = [ids[-1] in self.ends for ids in completions]
        undecided = [
            position
            for position, ids in enumerate(completions)
            if not ended[position] and self._can_complete_stop(ids[-1])
        ]
        newest = [completions[position][-self._n_decoded :] for position in undecided]
        texts = self._chat.decode_batch(newest) if newest else []
        for position, text in zip(undecided, texts, strict=True):
            ended[position] = any(stop in text for stop in self._texts)
        return ended

    def cut(self, text: str) -> tuple[str, bool]:
        """The text before the first stop text, and whether there was one."""
        positions = [position for position in (text.find(stop) for stop in self._texts) if position >= 0]
        return (text[: min(positions)], True) if positions else (text, False)

    def _can_complete_stop(self, token: int) -> bool:
        """Whether a token can be the last piece of a stop text; most cannot, so most steps decode nothing."""
        if not self._texts:
            return False
        if token not in self._can_complete:
            piece = self._chat.decode_batch([[token]])[0]
            # A character beyond ASCII may be spread over several tokens, none of which decodes to it.
            self._can_complete[token] = any(last in piece or not last.isascii() for last in self._last_characters)
        return self._can_complete[token]
