"""How prompts are cut into batches."""

from __future__ import annotations

from collections.abc import Sequence


def cut_batches(sizes: Sequence[tuple[int, str]], *, max_tokens: int, budget: int) -> list[list[int]]:
    """Positions, batch by batch, longest prompts first.

    How many rows a batch takes follows from its first, longest row alone. So the cut of what is left after any whole
    batches is the rest of those batches, and a resumed run computes every answer in the company that it would have had.

    Args:
        sizes: Tokens and key of each prompt; keys break ties, so that the order in the list plays no part.
        max_tokens: What may be written after each prompt.
        budget: Tokens of a batch, padding and answers included; a longer single row makes a batch of its own.
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
