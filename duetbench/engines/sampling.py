"""Samples the next token of every row, independent of the other rows in the batch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from duetbench.types import Sampling

if TYPE_CHECKING:
    import torch


def sampling_seed(sampling: Sampling, key: str) -> int:
    """The seed of one completion's random numbers."""
    digest = hashlib.sha256(f"{sampling.seed}:{sampling.sample_index}:{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


class TokenSampler:
    """Chooses tokens from logits.

    At temperature 0 the most likely token; otherwise the largest of logits / temperature plus Gumbel noise, which is a
    sample from the softmax (Gumbel 1954; the "Gumbel-max trick"), with each row's noise from a generator of its own.

    Args:
        sampling: Temperature, top_p, seed, sample index.
        keys: The prompts' keys, one per row.
        device: That of the logits.
    """

    def __init__(self, sampling: Sampling, keys: Sequence[str], device: torch.device) -> None:
        import torch

        self._sampling = sampling
        self._generators: list[torch.Generator] = []
        if sampling.temperature > 0:
            self._generators = [torch.Generator(device).manual_seed(sampling_seed(sampling, key)) for key in keys]

    def pick(self, logits: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
        """The next token of each row.

        Args:
            logits: (rows, vocabulary).
            rows: For each line of `logits`, the position of its row in `keys`.
        """
        import torch

        if self._sampling.temperature <= 0:
            return logits.argmax(-1)
        scaled = logits.float() / self._sampling.temperature
        if self._sampling.top_p < 1:
            scaled = _top_p(scaled, self._sampling.top_p)
        noise = torch.stack([self._gumbel_noise(scaled[position], row) for position, row in enumerate(rows)])
        return (scaled + noise).argmax(-1)

    def _gumbel_noise(self, like: torch.Tensor, row: int) -> torch.Tensor:
        import torch

        # The negative logarithm of an exponential variate is a Gumbel variate.
        return -torch.empty_like(like).exponential_(generator=self._generators[row]).log()


def _top_p(logits: torch.Tensor, top_p: float) -> torch.Tensor:
    """The logits, set to minus infinity outside the smallest set of tokens whose probability reaches `top_p`."""
    import torch

    ordered, order = logits.sort(descending=True, stable=True)
    probabilities = ordered.softmax(-1)
    is_outside = probabilities.cumsum(-1) - probabilities >= top_p  # the most likely token is always kept
    return torch.empty_like(logits).scatter_(-1, order, ordered.masked_fill(is_outside, float("-inf")))
