"""Examples, built once for all cells that share them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from duetbench.errors import DataError
from duetbench.runner.planning.cells import Cell, DatasetChoice

if TYPE_CHECKING:
    from duetbench.data import ExampleSample, HistoryOptions, Prepared
    from duetbench.interfaces import FittingData
    from duetbench.types import Example, Split


_KEPT = 4
"""Lists of examples that are kept: those of a large dataset fill memory, and cells of one dataset are adjacent."""


@dataclass
class Examples:
    """Builds examples and caches the lists that were used last."""

    on_progress: Callable[[str], None] = lambda _line: None
    _cache: dict[tuple[Any, ...], list[Example]] = field(default_factory=dict)
    _fitting: dict[tuple[Any, ...], FittingData] = field(default_factory=dict)

    def of_cell(self, cell: Cell) -> list[Example]:
        """The examples that a cell predicts.

        Raises:
            DataError: the split is empty.
        """
        return self.of(cell.data, self._split(cell), limit=cell.limit, seed=cell.data.options.sample_seed)

    def sample_of_cell(self, cell: Cell, n: int) -> ExampleSample:
        """At most `n` of the examples that a cell predicts, drawn at random; the others are not built.

        Raises:
            DataError: the split is empty.
        """
        from duetbench.data import sample_examples

        data, split = cell.data, self._split(cell)
        seed = data.options.sample_seed
        sample = sample_examples(data.prepared, split, data.history, n=n, limit=cell.limit, seed=seed)
        if not sample.examples:
            raise DataError(_empty(data, split))
        return sample

    def of(
        self, data: DatasetChoice, split: Split, *, limit: int | None, seed: int, min_user_history: int = 0
    ) -> list[Example]:
        """Examples of one split; see `duetbench.data.build_examples`.

        Raises:
            DataError: the split is empty.
        """
        from duetbench.data import build_examples

        key = (data.prepared.fingerprint, repr(data.history), split, limit, seed, min_user_history)

        def build() -> list[Example]:
            self.on_progress(f"building histories of {data.choice.name} ({split})")
            return build_examples(
                data.prepared, split, data.history, limit=limit, seed=seed, min_user_history=min_user_history
            )

        examples = self._cached(key, build)
        if not examples and min_user_history:
            raise DataError(
                f"{data.choice.name}: no {split} row has a user with {min_user_history} earlier interactions: lower "
                "training.min_user_history, or choose other steps (data.steps)"
            )
        if not examples:
            raise DataError(_empty(data, split))
        return examples

    @staticmethod
    def _split(cell: Cell) -> Split:
        return "valid" if cell.split == "valid" else "test"

    def _cached(self, key: tuple[Any, ...], build: Callable[[], list[Example]]) -> list[Example]:
        """The list of that key, built if it is not among those that were used last."""
        self._cache[key] = examples = self._cache.pop(key) if key in self._cache else build()
        while len(self._cache) > _KEPT:
            self._cache.pop(next(iter(self._cache)))
        return examples

    def fitting_data(self, cell: Cell) -> FittingData:
        """What the cell's scorer is fitted to; shared by the cells of one dataset, histories and predicted split."""
        data = cell.data
        key = (data.prepared.fingerprint, repr(data.history), cell.split)
        if key not in self._fitting:
            self._fitting.clear()  # cells of one dataset are adjacent
            self._fitting[key] = fitting_data(data.prepared, data.history, predicted=cell.split)
        return self._fitting[key]


def _empty(data: DatasetChoice, split: str) -> str:
    return f"{data.choice.name}: the {split} split is empty: choose other steps (data.steps)"


def fitting_data(prepared: Prepared, history: HistoryOptions, *, predicted: str = "test") -> FittingData:
    """Training and validation rows of a dataset for `Scorer.fit`.

    Args:
        prepared: The dataset.
        history: How histories are built. Histories of training rows contain training rows only, whatever its `source`.
        predicted: The split that the fitted scorer predicts; its rows are absent.
    """
    from duetbench.data import build_examples
    from duetbench.interfaces import FittingData

    rows = prepared.interactions
    visible = prepared.with_interactions(rows.filter(rows["split"].is_in(_FITTING_SPLITS[predicted])))

    def build(split: Literal["train", "valid"]) -> list[Example]:
        return build_examples(visible, split, history if split == "valid" else replace(history, source="train"))

    return FittingData(prepared.domain, prepared.training_rows, build)


_FITTING_SPLITS = {"test": ("train", "valid"), "valid": ("train",)}
