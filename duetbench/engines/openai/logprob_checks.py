"""Whether listed log-probabilities can be those of a language model."""

from __future__ import annotations

import math
from collections.abc import Mapping

_MIN_LISTED = 5
"""Fewer listed tokens are of no use: labels are among them by chance only."""

_ROUNDING = 1e-2
"""Total probability above 1 that is put down to rounding."""

_GAP = 1.0
"""Distance in nats from which on the most likely token is certain, whatever the rounding."""

_CERTAIN = -50.0
"""A log-probability below which a token counts as impossible."""


def listing_fault(first: Mapping[str, float], second: Mapping[str, float], n: int) -> str:
    """Why the log-probabilities after two different prompts cannot be used; empty if they can.

    Args:
        first: Log-probabilities by token after one prompt.
        second: Those after another one.
        n: Number of tokens that were asked for.
    """
    for listed in (first, second):
        if not listed:
            return "the server answers without log-probabilities, although they were requested"
        if len(listed) < min(n, _MIN_LISTED):
            return f"the server lists {len(listed)} of the {n} most likely tokens that were requested"
        if max(listed.values()) > _ROUNDING:
            return f"the server sends a log-probability above 0: {max(listed.values()):.3g}"
        total = math.fsum(map(math.exp, listed.values()))
        if total > 1 + _ROUNDING:
            return f"the probabilities that the server lists sum to {total:.3g}"
        if max(listed.values()) - min(listed.values()) < 1e-9:
            return "the server lists the same log-probability for every token"
    if all(sorted(listed.values())[-2] < _CERTAIN for listed in (first, second)):
        return "the server lists only probabilities of 0 and 1"
    if first.keys() == second.keys() and all(abs(first[token] - second[token]) < 1e-9 for token in first):
        return "the server sends the same log-probabilities for different prompts"
    return ""


def greedy_fault(listed: Mapping[str, float], text: str) -> str:
    """The contradiction between log-probabilities and a greedy completion of the same prompt; empty if there is none.

    Nothing is said where the two most likely tokens are close, or where the token may be left out of the text.
    """
    best, next_best = sorted(listed, key=listed.__getitem__, reverse=True)[:2]
    token, written = best.strip(), text.strip()
    if listed[best] - listed[next_best] < _GAP or not token.isalnum() or not written:
        return ""
    if written.startswith(token) or token.startswith(written):
        return ""
    return (
        f"the log-probabilities contradict the text: {best!r} is the most likely token, and greedy decoding writes "
        f"{written[:20]!r}"
    )
