"""The toy world: a small dataset that writes its own raw files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from duetbench.datasets.base import CardDataset
from duetbench.interfaces import option
from duetbench.paths import cache_dir

if TYPE_CHECKING:
    import polars as pl

    from duetbench.data.readers.validation import RowCounts


class Toy(CardDataset):
    """A generated world of users with tastes and items with attributes, read by the importer of Amazon's 2014 files."""

    name = card_name = "toy"
    summary = "a small generated world: no download, the same bytes for the same options"

    @dataclass(frozen=True)
    class Config(CardDataset.Config):
        """Options."""

        raw: str | None = option(None, "folder of raw files made before; none: they are made on first use")
        users: int = option(160, "how many users rate")
        items: int = option(80, "how many items are rated")
        interactions: int = option(2600, "how many ratings there are in all")
        seed: int = option(0, "the world's seed")

    def default_folder(self) -> Path | None:
        """See the base class."""
        if self.config.raw:
            return Path(self.config.raw).expanduser()
        about = self.config
        return cache_dir("raw", f"toy-{about.users}-{about.items}-{about.interactions}-{about.seed}")

    def raw_files(self, folder: Path) -> dict[str, Path]:
        """See the base class."""
        from duetbench.toy.world import ITEMS_FILE, REVIEWS_FILE, write_raw

        files = {"reviews": folder / REVIEWS_FILE, "items": folder / ITEMS_FILE}
        if not all(path.is_file() for path in files.values()):
            about = self.config
            write_raw(folder, users=about.users, items=about.items, interactions=about.interactions, seed=about.seed)
        return files

    def interactions(self, files: Mapping[str, Path], tally: RowCounts) -> Iterator[pl.DataFrame]:
        """See the base class."""
        from duetbench.data.readers.amazon import read_reviews

        return read_reviews(files["reviews"], "2014", tally)

    def items(self, files: Mapping[str, Path], tally: RowCounts, rated: Set[str]) -> Iterator[pl.DataFrame]:
        """See the base class."""
        from duetbench.data.readers.amazon import read_items

        return read_items(files["items"], "2014", tally, rated)

    def items_are_slow(self, files: Mapping[str, Path]) -> bool:
        """See the base class."""
        return True
