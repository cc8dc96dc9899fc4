"""Raw files to canonical Parquet tables, part by part, so that memory does not grow with the files."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from duetbench.data.folders import new_folder
from duetbench.data.readers.validation import INTERACTION_SCHEMA
from duetbench.errors import DataError
from duetbench.interfaces import ITEM_KIND, Dataset, Tables

OnProgress = Callable[[str], None]
"""Takes one line of progress."""

_COUNTS = "counts.json"
_PARTS_PER_LINE = 20
_WRITERS = 2
_LIGHT_PARTS = 20  # files read at once without their texts: one by one takes five times as long


@dataclass
class _Counts:
    interactions: int = 0
    items: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    places: dict[str, str] = field(default_factory=dict)
    dropped_interactions: int = 0
    dropped_items: int = 0

    def add(self, part: Tables) -> None:
        self.interactions += part.interactions.height
        self.items += part.items.height
        self.dropped.update(part.counts)
        self.notes.update(part.notes)
        self.places = {**part.places, **self.places}
        for kind, count in part.counts.items():
            if kind.startswith(ITEM_KIND):
                self.dropped_items += count
            else:
                self.dropped_interactions += count


@dataclass(frozen=True)
class Canonical:
    """Canonical tables on disk, in file order."""

    folder: Path
    counts: Mapping[str, int]
    """Rows left out while reading, by kind."""
    notes: Mapping[str, int]
    """Rows kept that are worth knowing, by kind."""
    places: Mapping[str, str]
    n_interactions: int
    n_items: int
    dropped_interactions: int
    dropped_items: int

    def items(self) -> pl.LazyFrame:
        """item_id, title, categories, description; an item may come twice, see `once_each`."""
        return pl.scan_parquet(self._files("items"), glob=False)

    def interaction_parts(self) -> Iterator[pl.DataFrame]:
        """The interactions part by part, in file order.

        user_id, item_id, rating, timestamp, review, summary, split (null where the source has none).
        """
        for path in self._files("interactions"):
            yield pl.read_parquet(path, glob=False)

    def light_parts(self) -> Iterator[pl.DataFrame]:
        """user_id, item_id, timestamp and split, many parts at a time, in file order."""
        files = self._files("interactions")
        for start in range(0, len(files), _LIGHT_PARTS):
            some = pl.scan_parquet(files[start : start + _LIGHT_PARTS], glob=False)
            yield some.select("user_id", "item_id", "timestamp", "split").collect()

    def _files(self, table: str) -> list[Path]:
        return sorted((self.folder / table).glob("*.parquet"))


def canonical_tables(
    dataset: Dataset, files: Mapping[str, Path], target: Path, *, tolerated: float, on_progress: OnProgress
) -> Canonical:
    """The dataset's tables in `target`, read from the raw files unless they are there already.

    Raises:
        DataError: a file is damaged, or more than the tolerated share of its rows cannot be used.
    """
    if not target.is_dir():
        with new_folder(target) as partial:
            counts = _write_parts(dataset, files, partial, on_progress)
            _check_share(_described(partial, counts), dataset, tolerated)
            (partial / _COUNTS).write_text(json.dumps(vars(counts), indent=1, sort_keys=True), encoding="utf-8")
    known = json.loads((target / _COUNTS).read_text(encoding="utf-8"))
    canonical = _described(target, _Counts(**known))
    _check_share(canonical, dataset, tolerated)
    return canonical


def _described(folder: Path, counts: _Counts) -> Canonical:
    return Canonical(
        folder,
        dict(sorted(counts.dropped.items())),
        dict(sorted(counts.notes.items())),
        counts.places,
        counts.interactions,
        counts.items,
        counts.dropped_interactions,
        counts.dropped_items,
    )


def _write_parts(dataset: Dataset, files: Mapping[str, Path], folder: Path, on_progress: OnProgress) -> _Counts:
    """Writes parts while the next are read: one waits for the disk, the other for the parser."""
    counts = _Counts()
    for name in ("interactions", "items"):
        (folder / name).mkdir()
    with ThreadPoolExecutor(_WRITERS) as writers:
        written: deque[Future[None]] = deque()
        for number, part in enumerate(dataset.read_parts(files)):
            if len(written) == _WRITERS:
                written.popleft().result()
            written.append(writers.submit(_write_part, part, folder, f"{number:06d}.parquet"))
            counts.add(part)
            if number % _PARTS_PER_LINE == _PARTS_PER_LINE - 1:
                on_progress(f"{dataset.name}: {counts.interactions:,} interactions and {counts.items:,} items read")
        for one in written:
            one.result()
    return counts


def _write_part(part: Tables, folder: Path, name: str) -> None:
    if part.interactions.height:
        table = part.interactions
        if "split" not in table.columns:
            table = table.with_columns(pl.lit(None, dtype=pl.String).alias("split"))
        # These parts are read back whole, and soon: light packing, and no statistics to skip rows by.
        table.select(*INTERACTION_SCHEMA, "split").write_parquet(
            folder / "interactions" / name, compression_level=1, statistics=False
        )
    if part.items.height:
        part.items.write_parquet(folder / "items" / name)


def _check_share(canonical: Canonical, dataset: Dataset, tolerated: float) -> None:
    """Raises DataError if too much of either table was left out."""
    for what, n_dropped, n_kept in (
        ("interactions", canonical.dropped_interactions, canonical.n_interactions),
        ("items", canonical.dropped_items, canonical.n_items),
    ):
        if n_dropped > tolerated * (n_dropped + n_kept):
            kinds = ", ".join(f"{count:,} {kind}{_at(canonical, kind)}" for kind, count in canonical.counts.items())
            raise DataError(
                f"{dataset.name}: {n_dropped:,} of {n_dropped + n_kept:,} {what} cannot be used ({kinds}), more than "
                f"the tolerated share of {tolerated:g}; mend the raw files, or let more pass "
                f"(--tolerated, in a config data.tolerated)"
            )
    if not canonical.n_interactions:
        raise DataError(f"{dataset.name}: the raw files hold no interaction")


def _at(canonical: Canonical, kind: str) -> str:
    place = canonical.places.get(kind)
    return f", first at {place}" if place else ""
