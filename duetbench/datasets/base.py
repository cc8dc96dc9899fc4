"""What the built-in datasets share: a card, a folder of raw files, reading in parts."""

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

    from duetbench.data.readers.validation import RowCounts


class CardDataset(Dataset):
    """A dataset with a card in the registry."""

    card_name: ClassVar[str]
    """Which card; several datasets may share one."""

    @dataclass(frozen=True)
    class Config:
        """Options."""

        raw: str | None = option(None, "folder of the raw files; none: $DUETBENCH_DATA/NAME, else the cache")

    @property
    def card(self) -> DatasetCard:
        """What is known of the source."""
        return load_dataset_card(self.card_name)

    def domain(self) -> Domain:
        """See the base class."""
        return self.card.domain

    def default_steps(self) -> tuple[str, ...]:
        """See the base class."""
        return self.card.steps

    def expected(self) -> Mapping[str, int]:
        """See the base class."""
        return self.card.expected

    def caveats(self) -> str:
        """See the base class."""
        return " ".join(self.card.unknown.split())

    def default_folder(self) -> Path | None:
        """See the base class."""
        if self.config.raw:
            return Path(self.config.raw).expanduser()
        root = os.environ.get("DUETBENCH_DATA")
        return Path(root).expanduser() / self.name if root else cache_dir("raw", self.name)

    def read(self, files: Mapping[str, Path]) -> Tables:
        """See the base class."""
        return _joined(self.name, self.read_parts(files))

    def read_parts(self, files: Mapping[str, Path]) -> Iterator[Tables]:
        """See the base class."""
        from duetbench.data.readers.validation import RowCounts, no_interactions, no_items

        tally = RowCounts()
        rated: set[str] = set()
        for frame in self.interactions(files, tally):
            if self.items_are_slow(files):
                rated.update(frame["item_id"].unique())
            yield Tables(frame, no_items(), *tally.emptied())
        tally.prefix = ITEM_KIND
        for frame in self.items(files, tally, rated):
            yield Tables(no_interactions(), frame, *tally.emptied())
        # What was left out after the last usable row.
        yield Tables(no_interactions(), no_items(), *tally.emptied())

    @abstractmethod
    def interactions(self, files: Mapping[str, Path], tally: RowCounts) -> Iterator[pl.DataFrame]:
        """Canonical interactions in file order, in parts; what was left out is tallied before its part comes."""

    @abstractmethod
    def items(self, files: Mapping[str, Path], tally: RowCounts, rated: Set[str]) -> Iterator[pl.DataFrame]:
        """Canonical items, in parts; where items are slow to read, those that nobody rated may be left out."""

    def items_are_slow(self, files: Mapping[str, Path]) -> bool:
        """Whether reading items is worth telling `items` which ones are rated."""
        return False


def find_files(
    name: str, card: DatasetCard, release: str, folder: Path, roles: Sequence[str] = ("reviews", "items")
) -> dict[str, Path]:
    """The release's raw files by role, plain or packed.

    Raises:
        MissingRawFiles: says which file, where to get it and where to put it.
    """
    wanted = card.releases[release].files
    found = {role: _first_of(folder, wanted[role]) for role in roles}
    missing = [wanted[role][0] for role, path in found.items() if path is None]
    if missing:
        them = "it" if len(missing) == 1 else "them"
        raise MissingRawFiles(
            f"dataset '{name}' needs {' and '.join(missing)} (plain, .gz or .zst) in {folder}: get {them} from "
            f"{card.releases[release].url} and put {them} there, or name another folder with --set {name}.raw=DIR; "
            f"made-up files to try it: duetbench data generate {folder} {card.releases[release].stand_in}"
        )
    return {role: path for role, path in found.items() if path is not None}


def has_release(card: DatasetCard, release: str, folder: Path) -> bool:
    """Whether the release's reviews lie in the folder."""
    return _first_of(folder, card.releases[release].files["reviews"]) is not None


def release_of(card: DatasetCard, reviews: Path) -> str:
    """Which release a file of reviews is of, by its name."""
    plain = reviews.name.removesuffix(".gz").removesuffix(".zst")
    return next(release for release, about in card.releases.items() if plain in about.files["reviews"])


def _first_of(folder: Path, names: tuple[str, ...]) -> Path | None:
    candidates = (folder / f"{name}{suffix}" for name in names for suffix in ("", ".gz", ".zst"))
    return next((path for path in candidates if path.is_file()), None)


def _joined(name: str, parts: Iterator[Tables]) -> Tables:
    """All parts in one, each item once."""
    import polars as pl

    from duetbench.data.readers.validation import once_each

    kept = list(parts)
    interactions = pl.concat([part.interactions for part in kept])
    if not interactions.height:
        first = next((f", first {kind} at {place}" for part in kept for kind, place in part.places.items()), "")
        raise DataError(f"{name}: the raw files hold no usable interaction{first}")
    return Tables(
        interactions,
        once_each(pl.concat([part.items for part in kept])),
        sum((Counter(part.counts) for part in kept), Counter()),
        sum((Counter(part.notes) for part in kept), Counter()),
        {kind: place for part in reversed(kept) for kind, place in part.places.items()},
    )
