from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from record_making import WITHOUT_LLM, make_cell

N = 80
TRUTHS = np.random.default_rng(0).choice([1.0, 2, 3, 4, 5], p=[0.05, 0.05, 0.1, 0.3, 0.5], size=N)


def values(spread: float, seed: int = 1) -> list[float | None]:
    """Predictions around the truth; the larger the spread, the worse."""
    return list(np.clip(TRUTHS + np.random.default_rng(seed).normal(0, spread, N), 1, 5))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def cell(run: Path) -> Callable[..., Path]:
    """Adds a finished cell: `cell("duet-0", 0.5, strategy="duet", seed=0)`."""

    def add(cell_id: str, spread: float, *, seed_of_values: int = 1, unread: int = 0, **changes: Any) -> Path:
        predicted = values(spread, seed_of_values)
        predicted[:unread] = [None] * unread
        names = (
            "strategy",
            "trainer",
            "dataset",
            "model",
            "scorer",
            "seed",
            "split",
            "limit",
            "options",
            "label",
            "control",
        )
        spec = {name: changes.pop(name) for name in names if name in changes}
        return make_cell(run, cell_id, TRUTHS, predicted, cell={"limit": N, **spec}, **changes)

    return add


@pytest.fixture
def free(run: Path) -> Callable[..., Path]:
    """Adds a finished row without an LLM: `free("bias", 0.8)`."""

    def add(scorer: str, spread: float, **changes: Any) -> Path:
        spec = WITHOUT_LLM | {"scorer": scorer, "limit": N, "options": {}} | changes
        return make_cell(run, f"{scorer}-cell", TRUTHS, values(spread, 2), cell=spec, usage=None)

    return add
