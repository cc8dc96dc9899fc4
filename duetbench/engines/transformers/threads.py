"""The number of CPU threads that a model runs on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

TINY = 5_000_000
"""Number of parameters below which synchronizing threads takes longer than the work, much longer on a busy machine."""


@contextlib.contextmanager
def few_threads(model: Any) -> Iterator[None]:
    """Limits torch to one thread if the model is tiny, and restores the number of threads afterwards."""
    import torch

    previous = torch.get_num_threads()
    if sum(weights.numel() for weights in model.parameters()) < TINY:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(previous)
