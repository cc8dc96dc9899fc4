"""Test set sizes from rounded percentages: an accuracy is k/n, so each printed accuracy rules out many n."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from duetbench.evaluation.audit.printed import PrintedNumber
from duetbench.evaluation.audit.published import PublishedTable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHANCE = 0.01
"""A size counts as identified if fewer sizes than this would fit by chance up to it."""

LISTED = 5
"""Possible sizes that are kept in the result."""


@dataclass(frozen=True, slots=True)
class SizeEstimate:
    """Which numbers of test rows fit all accuracies of a dataset."""

    dataset: str
    n_accuracies: int
    bound: int
    """Sizes from 1 to this one were tried."""
    smallest: int | None
    """None: no size up to the bound fits."""
    first: tuple[int, ...]
    """The smallest sizes that fit, at most LISTED; multiples of a size that fits fit as well."""
    n_possible: int
    by_chance: float
    """Expected number of sizes up to the smallest one that would fit unrelated accuracies."""
    reported: int | None = None
    """The size that the paper reports; None: it reports none, or one for each row."""
    n_with_reported: int = 0
    """Accuracies with a reported size."""
    n_fitting_reported: int | None = None
    """Those of them that are k/n with their reported size; None if no size is reported."""

    @property
    def is_identified(self) -> bool:
        """Whether the smallest size is unlikely to fit by chance."""
        return self.smallest is not None and self.by_chance < CHANCE


def estimate_sizes(table: PublishedTable, *, bound: int = 20_000) -> list[SizeEstimate]:
    """One estimate per dataset, from the accuracies of all its rows.

    Args:
        table: Rows with the same dataset are taken to share one test set, and their accuracies to be over all of it.
        bound: Largest size to try, >= 1.
    """
    datasets = dict.fromkeys(row.dataset for row in table.rows)
    return [_estimate(table, dataset, bound) for dataset in datasets]


def possible_sizes(accuracies: Sequence[PrintedNumber], bound: int) -> NDArray[np.bool_]:
    """Whether k/n can round to every accuracy, for n = 1 ... bound."""
    import numpy as np

    fits = np.ones(bound, dtype=bool)
    for accuracy in accuracies:
        fits &= _fits(accuracy, np.arange(1, bound + 1, dtype=np.int64))
    return fits


def _fits(accuracy: PrintedNumber, sizes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Exact integer arithmetic: some integer k is in [low n, high n]. Sizes below 10**8 do not overflow."""
    lowest = -((-max(accuracy.low.numerator, 0) * sizes) // accuracy.low.denominator)
    highest = (accuracy.high.numerator * sizes) // accuracy.high.denominator
    fits: NDArray[np.bool_] = lowest <= highest
    return fits


def _estimate(table: PublishedTable, dataset: str, bound: int) -> SizeEstimate:
    import numpy as np

    rows = table.select({"dataset": dataset})
    accuracies = [row.metrics["accuracy"] for row in rows]
    possible = np.flatnonzero(possible_sizes(accuracies, bound)) + 1
    smallest = int(possible[0]) if len(possible) else None
    sizes = [row.n or table.test_sizes.get(dataset) for row in rows]
    reported = [(accuracy, size) for accuracy, size in zip(accuracies, sizes, strict=True) if size]
    return SizeEstimate(
        dataset=dataset,
        n_accuracies=len(accuracies),
        bound=bound,
        smallest=smallest,
        first=tuple(int(size) for size in possible[:LISTED]),
        n_possible=len(possible),
        by_chance=_by_chance(accuracies, smallest or bound),
        reported=sizes[0] if len(set(sizes)) == 1 else None,
        n_with_reported=len(reported),
        n_fitting_reported=_n_fitting(reported) if reported else None,
    )


def _by_chance(accuracies: Sequence[PrintedNumber], size: int) -> float:
    """Sum over n of the probability that intervals of these widths at random places all hold a multiple of 1/n.

    Equal accuracies say the same, and intervals that contain 0 or 1 fit every n.
    """
    import numpy as np

    sizes = np.arange(1, size + 1, dtype=np.float64)
    chances = np.ones(size)
    for low, high in {(accuracy.low, accuracy.high) for accuracy in accuracies}:
        if low > 0 and high < 1:
            chances *= np.minimum(1.0, sizes * float(high - low))
    return float(chances.sum())


def _n_fitting(reported: Sequence[tuple[PrintedNumber, int]]) -> int:
    import numpy as np

    return sum(bool(_fits(accuracy, np.array([size], dtype=np.int64))[0]) for accuracy, size in reported)
