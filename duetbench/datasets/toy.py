"""The toy world: a small synthetic dataset that generates its own raw files."""

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
    """A synthetic world of users with tastes and items with attributes, in the format of Amazon's 2014 release."""

    name = card_name = "toy"
    summary = "a small synthetic world: no download, the same bytes for the same options"
    generates_raw_files = True

    @dataclass(frozen=True)
    class Config(CardDataset.Config):
        raw: str | None = option(None, "folder with existing raw files; none: they are generated on first use")
        users: int = option(160, "number of users")
        items: int = option(80, "number of items")
        interactions: int = option(2600, "number of ratings")
        seed: int = option(0, "seed of the world")

    def default_folder(self) -> Path | None:
        if self.config.raw:
            return Path(self.config.raw).expanduser()
        config = self.config
        return cache_dir("raw", f"toy-{config.users}-{config.items}-{config.interactions}-{config.seed}")

    def raw_files(self, folder: Path) -> dict[str, Path]:
        from duetbench.toy.world import ITEMS_FILE, REVIEWS_FILE, write_raw

        files = {"reviews": folder / REVIEWS_FILE, "items": folder / ITEMS_FILE}
        if not all(path.is_file() for path in files.values()):
            config = self.config
            write_raw(
                folder, users=config.users, items=config.items, interactions=config.interactions, seed=config.seed
            )
        return files

    def interactions(self, files: Mapping[str, Path], row_counts: RowCounts) -> Iterator[pl.DataFrame]:
        from duetbench.data.readers.amazon import read_reviews

        return read_reviews(files["reviews"], "2014", row_counts)

    def items(self, files: Mapping[str, Path], row_counts: RowCounts, rated: Set[str]) -> Iterator[pl.DataFrame]:
        from duetbench.data.readers.amazon import read_items

        return read_items(files["items"], "2014", row_counts, rated)

    def uses_rated_items(self, files: Mapping[str, Path]) -> bool:
        return True
