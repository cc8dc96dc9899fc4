"""The base class of built-in datasets: a card, a folder of raw files, reading in parts."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from duetbench.datasets.cards import DatasetCard, load_dataset_card
from duetbench.errors import DataError, MissingRawFiles
from duetbench.interfaces import ITEM_KIND, Dataset, Tables, option
from duetbench.paths import cache_dir
from duetbench.types import Domain

if TYPE_CHECKING:
    import polars as pl

    from duetbench.data.readers.validation import RowBounds, RowCounts


class CardDataset(Dataset):
    """A dataset with a card in the registry."""

    card_name: ClassVar[str]
    """Name of the card; several datasets may share one."""

    @dataclass(frozen=True)
    class Config:
        raw: str | None = option(None, "folder of the raw files; none: $DUETBENCH_DATA/NAME, else the cache")

    @property
    def card(self) -> DatasetCard:
        """The dataset's card."""
        return load_dataset_card(self.card_name)

    def domain(self) -> Domain:
        return self.card.domain

    def default_steps(self) -> tuple[str, ...]:
        return self.card.steps

    def expected(self) -> Mapping[str, int]:
        return self.card.expected

    def caveats(self) -> str:
        return " ".join(self.card.unknown.split())

    def raw_files(self, folder: Path) -> dict[str, Path]:
        return find_files(self.name, self.card, self.release_in(folder), folder)

    def release_in(self, folder: Path) -> str:
        """The first release of the card whose reviews are in the folder; the first of all if there is none."""
        releases = list(self.card.releases)
        return next((release for release in releases if has_release(self.card, release, folder)), releases[0])

    def default_folder(self) -> Path | None:
        if self.config.raw:
            return Path(self.config.raw).expanduser()
        root = os.environ.get("DUETBENCH_DATA")
        return Path(root).expanduser() / self.name if root else cache_dir("raw", self.name)

    def read(self, files: Mapping[str, Path]) -> Tables:
        return _concatenate(self.name, self.read_parts(files))

    def read_parts(self, files: Mapping[str, Path]) -> Iterator[Tables]:
        from duetbench.data.readers.validation import RowCounts, empty_interactions, empty_items

        row_counts = RowCounts()
        rated: set[str] = set()
        uses_rated_items = self.uses_rated_items(files)
        for frame in self.interactions(files, row_counts):
            if uses_rated_items:
                rated.update(frame["item_id"].unique())
            yield Tables(frame, empty_items(), *row_counts.take_snapshot())
        row_counts.kind_prefix = ITEM_KIND
        for frame in self.items(files, row_counts, rated):
            yield Tables(empty_interactions(), frame, *row_counts.take_snapshot())
        # Rows dropped after the last valid row.
        yield Tables(empty_interactions(), empty_items(), *row_counts.take_snapshot())

    @abstractmethod
    def interactions(self, files: Mapping[str, Path], row_counts: RowCounts) -> Iterator[pl.DataFrame]:
        """Canonical interactions in file order, in parts; dropped rows are counted before their part is returned."""

    @abstractmethod
    def items(self, files: Mapping[str, Path], row_counts: RowCounts, rated: Set[str]) -> Iterator[pl.DataFrame]:
        """Canonical items, in parts.

        Args:
            files: The raw files by role.
            row_counts: Where dropped rows are counted.
            rated: Ids of the rated items, empty unless `uses_rated_items`; other items may be left out.
        """

    def row_bounds(self, since: str, *, ticks_per_second: int = 1) -> RowBounds:
        """Ratings on the domain's scale, and times from this date until now."""
        from duetbench.data.readers.validation import make_row_bounds

        return make_row_bounds(self.domain().labels, since, None, ticks_per_second=ticks_per_second)

    def without_unrated(self, frame: pl.DataFrame, row_counts: RowCounts) -> pl.DataFrame:
        """The rows whose rating is not one that means "not rated"; the others are noted."""
        from duetbench.data.interchange.rating_scale import unrated
        from duetbench.data.readers.validation import UNRATED

        is_unrated = unrated(frame, self.card.missing)
        row_counts.note(UNRATED, int(is_unrated.sum()))
        return frame.filter(~is_unrated)

    def uses_rated_items(self, files: Mapping[str, Path]) -> bool:
        """Whether `items` reads only the rated items, because the files are slow to parse."""
        return False


def find_files(
    name: str, card: DatasetCard, release: str, folder: Path, roles: Sequence[str] = ("reviews", "items")
) -> dict[str, Path]:
    """The release's raw files by role, plain or compressed.

    Raises:
        MissingRawFiles: a file is missing; the message names the source and the target folder.
    """
    names = card.releases[release].files
    paths = {role: _first_existing(folder, names[role]) for role in roles}
    missing = [names[role][0] for role, path in paths.items() if path is None]
    if missing:
        pronoun = "it" if len(missing) == 1 else "them"
        stand_in = card.releases[release].stand_in
        synthetic = f"; for synthetic files: duetbench data generate {folder} {stand_in}" if stand_in else ""
        raise MissingRawFiles(
            f"dataset '{name}' needs {' and '.join(missing)} (plain, .gz or .zst) in {folder}: get {pronoun} from "
            f"{card.releases[release].url} and put {pronoun} there, or name another folder with --set {name}.raw=DIR"
            f"{synthetic}"
        )
    return {role: path for role, path in paths.items() if path is not None}


def has_release(card: DatasetCard, release: str, folder: Path) -> bool:
    """Whether the release's reviews are in the folder."""
    return _first_existing(folder, card.releases[release].files["reviews"]) is not None


def detect_release(card: DatasetCard, reviews: Path) -> str:
    """The release that a file of reviews belongs to, by its name."""
    name = reviews.name.removesuffix(".gz").removesuffix(".zst")
    return next(key for key, release in card.releases.items() if name in release.files["reviews"])


def _first_existing(folder: Path, names: tuple[str, ...]) -> Path | None:
    candidates = (folder / f"{name}{suffix}" for name in names for suffix in ("", ".gz", ".zst"))
    return next((path for path in candidates if path.is_file()), None)


def _concatenate(name: str, parts: Iterator[Tables]) -> Tables:
    """All parts as one, with one row per item."""
    import polars as pl

    from duetbench.data.readers.validation import deduplicate_items

    tables = list(parts)
    interactions = pl.concat([part.interactions for part in tables])
    if not interactions.height:
        locations = (entry for part in tables for entry in part.locations.items())
        first = next((f", first {kind} at {location}" for kind, location in locations), "")
        raise DataError(f"{name}: the raw files contain no valid interactions{first}")
    return Tables(
        interactions,
        deduplicate_items(pl.concat([part.items for part in tables])),
        sum((Counter(part.counts) for part in tables), Counter()),
        sum((Counter(part.notes) for part in tables), Counter()),
        {kind: location for part in reversed(tables) for kind, location in part.locations.items()},
    )
