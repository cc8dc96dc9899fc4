"""Amazon reviews: music and books, in the releases of 2014, 2018 and 2023."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from duetbench.datasets.base import CardDataset, find_files, has_release, release_of
from duetbench.datasets.cards import DatasetCard, for_category
from duetbench.interfaces import option

if TYPE_CHECKING:
    import polars as pl

    from duetbench.data.readers.amazon import Release
    from duetbench.data.readers.validation import RowCounts


class AmazonDataset(CardDataset):
    """One category of Amazon's reviews."""

    @dataclass(frozen=True)
    class Config(CardDataset.Config):
        """Options."""

        release: Literal["auto", "2014", "2018", "2023"] = option(
            "auto", "which release the files are of; auto: the oldest whose reviews lie in the folder"
        )
        metadata: bool = option(True, "false: read no metadata; items then have no titles and no categories")

    def raw_files(self, folder: Path) -> dict[str, Path]:
        """See the base class."""
        roles = ("reviews", "items") if self.config.metadata else ("reviews",)
        return find_files(self.name, self.card, self._release_in(folder), folder, roles)

    def _release_in(self, folder: Path) -> str:
        if self.config.release != "auto":
            return str(self.config.release)
        releases = list(self.card.releases)
        return next((release for release in releases if has_release(self.card, release, folder)), releases[0])

    def interactions(self, files: Mapping[str, Path], tally: RowCounts) -> Iterator[pl.DataFrame]:
        """See the base class."""
        from duetbench.data.readers.amazon import read_reviews

        return read_reviews(files["reviews"], self._release(files), tally)

    def items(self, files: Mapping[str, Path], tally: RowCounts, rated: Set[str]) -> Iterator[pl.DataFrame]:
        """See the base class."""
        from duetbench.data.readers.amazon import read_items

        return read_items(files["items"], self._release(files), tally, rated) if "items" in files else iter(())

    def items_are_slow(self, files: Mapping[str, Path]) -> bool:
        """See the base class."""
        return self._release(files) == "2014"

    def _release(self, files: Mapping[str, Path]) -> Release:
        return cast("Release", release_of(self.card, files["reviews"]))


class AmazonMusic(AmazonDataset):
    """Digital Music."""

    name = card_name = "amazon-music"
    summary = "Amazon Digital Music reviews; the paper's Music"
    source = "McAuley et al. 2015, He & McAuley 2016 (2014); Ni et al. 2019 (2018); Hou et al. 2024 (2023)"


class AmazonBooks(AmazonDataset):
    """Books, of which the paper takes the last two months."""

    name = card_name = "amazon-books"
    summary = "Amazon Books reviews, last two months; the paper's Book"
    source = AmazonMusic.source


class Amazon(AmazonDataset):
    """Any other category."""

    name = card_name = "amazon"
    summary = "Amazon reviews of any category"
    source = AmazonMusic.source

    @dataclass(frozen=True)
    class Config(AmazonDataset.Config):
        """Options."""

        category: str = option("Gift_Cards", "the category, as it stands in the files' names")
        noun: str = option("product", "one of what is rated, as prompts name it")
        plural: str = option("products", "several of them")

    @property
    def card(self) -> DatasetCard:
        """See the base class."""
        about = self.config
        return for_category(super().card, about.category, noun=about.noun, plural=about.plural)
