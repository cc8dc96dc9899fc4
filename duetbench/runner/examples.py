"""Examples, built once for all cells that share them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from duetbench.errors import DataError
from duetbench.runner.planning.cells import Cell, DatasetChoice

if TYPE_CHECKING:
    import polars as pl

    from duetbench.types import Example, Split


@dataclass
class Examples:
    """Builds examples and caches the latest lists."""

    on_progress: Callable[[str], None] = lambda _line: None
    _cache: dict[tuple[Any, ...], list[Example]] = field(default_factory=dict)

    def of_cell(self, cell: Cell) -> list[Example]:
        """The examples that a cell predicts.

        Raises:
            DataError: the split is empty.
        """
        split: Split = "valid" if cell.split == "valid" else "test"
        return self.of(cell.data, split, limit=cell.limit, seed=cell.data.options.sample_seed)

    def of(
        self, data: DatasetChoice, split: Split, *, limit: int | None, seed: int, min_user_history: int = 0
    ) -> list[Example]:
        """Examples of one split; see `duetbench.data.build_examples`.

        Raises:
            DataError: the split is empty.
        """
        from duetbench.data import build_examples

        key = (data.prepared.fingerprint, repr(data.history), split, limit, seed, min_user_history)
        if key not in self._cache:
            self.on_progress(f"building histories of {data.choice.name} ({split})")
            if len(self._cache) >= 4:  # lists of a large dataset fill memory; cells of one dataset are adjacent
                self._cache.pop(next(iter(self._cache)))
            self._cache[key] = build_examples(
                data.prepared, split, data.history, limit=limit, seed=seed, min_user_history=min_user_history
            )
        if not self._cache[key] and min_user_history:
            raise DataError(
                f"{data.choice.name}: no {split} row has a user with {min_user_history} earlier interactions: lower "
                "training.min_user_history, or choose other steps (data.steps)"
            )
        if not self._cache[key]:
            raise DataError(f"{data.choice.name}: the {split} split is empty: choose other steps (data.steps)")
        return self._cache[key]


def train_rows(data: DatasetChoice) -> pl.DataFrame:
    """The training interactions of a dataset."""
    interactions = data.prepared.interactions
    return interactions.filter(interactions["split"] == "train")
