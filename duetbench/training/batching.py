"""The order of training rows, fixed before the first update so that a resumed training uses the same order."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

WINDOW = 8
"""Batches that are sorted by length together: long enough to save padding, short enough to stay shuffled."""


def batches_in_order(lengths: Sequence[int], per_batch: int, n_batches: int, seed: int) -> list[list[int]]:
    """The rows of each batch: passes over all rows, each shuffled again, with rows of similar length in one batch.

    Args:
        lengths: Length of each row in tokens; only their order matters.
        per_batch: Rows per batch, >= 1. With fewer rows than that, a batch contains a row more than once.
        n_batches: Number of batches.
        seed: Seed of the shuffling.

    Returns:
        `n_batches` lists of `per_batch` positions in `lengths`. No row is used again before all others were used as
        often.
    """
    if not lengths:
        return []
    rng = Random(seed)
    stream: list[int] = []
    while len(stream) < per_batch * n_batches:
        rows = list(range(len(lengths)))
        rng.shuffle(rows)
        stream += rows
    batches: list[list[int]] = []
    for start in range(0, per_batch * n_batches, per_batch * WINDOW):
        end = min(start + per_batch * WINDOW, per_batch * n_batches)
        window = sorted(stream[start:end], key=lambda row: lengths[row])
        cut = [window[first : first + per_batch] for first in range(0, len(window), per_batch)]
        rng.shuffle(cut)
        batches += cut
    return batches
