"""How many threads a model runs on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

TINY = 5_000_000
"""Parameters below which threads wait for each other longer than they work, on a busy machine many times longer."""


@contextlib.contextmanager
def few_threads(model: Any) -> Iterator[None]:
    """One thread while a tiny model runs or learns; another model in the same process gets back what there was."""
    import torch

    before = torch.get_num_threads()
    if sum(weights.numel() for weights in model.parameters()) < TINY:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
