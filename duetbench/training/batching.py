"""The order of training rows, fixed before the first update so that a resumed training uses the same order."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

WINDOW = 8
"""Batches that are sorted by length together: long enough to save padding, short enough to stay shuffled."""


def batches_in_order(
    lengths: Sequence[int], per_batch: int, n_batches: int, seed: int, *, drop_last: bool = False
) -> list[list[int]]:
    """The rows of each batch: passes over all rows, each shuffled again, with rows of similar length in one batch.

    Args:
        lengths: Length of each row in tokens; only their order matters.
        per_batch: Rows per batch, >= 1. With fewer rows than that, a batch contains a row more than once.
        n_batches: Number of batches.
        seed: Seed of the shuffling.
        drop_last: Leave the rows of each pass that do not fill a batch out of that pass.

    Returns:
        `n_batches` lists of `per_batch` positions in `lengths`. Without `drop_last`, no row is used again before all
        others were used as often.

    Raises:
        ValueError: with `drop_last`, there are fewer rows than a batch holds.
    """
    if not lengths:
        return []
    per_pass = len(lengths) - len(lengths) % per_batch if drop_last else len(lengths)
    if not per_pass:
        raise ValueError(f"{len(lengths)} rows do not fill a batch of {per_batch}")
    rng = Random(seed)
    stream: list[int] = []
    while len(stream) < per_batch * n_batches:
        rows = list(range(len(lengths)))
        rng.shuffle(rows)
        stream += rows[:per_pass]
    batches: list[list[int]] = []
    for start in range(0, per_batch * n_batches, per_batch * WINDOW):
        end = min(start + per_batch * WINDOW, per_batch * n_batches)
        window = sorted(stream[start:end], key=lambda row: lengths[row])
        cut = [window[first : first + per_batch] for first in range(0, len(window), per_batch)]
        rng.shuffle(cut)
        batches += cut
    return batches
