"""Splits prompts into batches."""

from __future__ import annotations

from collections.abc import Sequence


def cut_batches(sizes: Sequence[tuple[int, str]], *, max_tokens: int, budget: int) -> list[list[int]]:
    """Positions of the prompts, batch by batch, longest prompts first.

    The number of rows in a batch depends on its first, longest row alone. So the batches of what is left after some
    complete batches are the remaining ones, and a resumed run computes every prompt in the same batch as before.

    Args:
        sizes: Tokens and key of each prompt; the key breaks ties, so that the order of the list has no effect.
        max_tokens: Length of a completion at most.
        budget: Tokens of a batch, padding and completions included; a longer single row is a batch of its own.
    """
    order = sorted(range(len(sizes)), key=lambda position: (-sizes[position][0], sizes[position][1]))
    batches: list[list[int]] = []
    start = 0
    while start < len(order):
        longest = sizes[order[start]][0] + max_tokens
        n = max(1, budget // max(longest, 1))
        batches.append(order[start : start + n])
        start += n
    return batches
