"""Amazon reviews: music, books or any other category, in the releases of 2014, 2018 and 2023."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from duetbench.datasets.base import CardDataset, detect_release, find_files
from duetbench.datasets.cards import DatasetCard, card_for_category
from duetbench.interfaces import option

if TYPE_CHECKING:
    import polars as pl

    from duetbench.data.readers.amazon import Release
    from duetbench.data.readers.validation import RowCounts


class AmazonDataset(CardDataset):
    """One category of Amazon's reviews."""

    version = 2

    @dataclass(frozen=True)
    class Config(CardDataset.Config):
        release: Literal["auto", "2014", "2018", "2023"] = option(
            "auto", "release of the raw files; auto: the oldest release whose reviews are in the folder"
        )
        metadata: bool = option(True, "false: do not read metadata; items then have no titles and no categories")

    def raw_files(self, folder: Path) -> dict[str, Path]:
        roles = ("reviews", "items") if self.config.metadata else ("reviews",)
        return find_files(self.name, self.card, self.release_in(folder), folder, roles)

    def default_steps(self) -> tuple[str, ...]:
        """The card's steps; without metadata no item has a title, so `titled` would leave no rows."""
        steps = super().default_steps()
        return steps if self.config.metadata else tuple(step for step in steps if step != "titled")

    def release_in(self, folder: Path) -> str:
        return super().release_in(folder) if self.config.release == "auto" else str(self.config.release)

    def interactions(self, files: Mapping[str, Path], row_counts: RowCounts) -> Iterator[pl.DataFrame]:
        from duetbench.data.readers.amazon import read_reviews

        return read_reviews(files["reviews"], self._release(files), row_counts)

    def items(self, files: Mapping[str, Path], row_counts: RowCounts, rated: Set[str]) -> Iterator[pl.DataFrame]:
        from duetbench.data.readers.amazon import read_items

        return read_items(files["items"], self._release(files), row_counts, rated) if "items" in files else iter(())

    def uses_rated_items(self, files: Mapping[str, Path]) -> bool:
        return self._release(files) == "2014"

    def _release(self, files: Mapping[str, Path]) -> Release:
        return cast("Release", detect_release(self.card, files["reviews"]))


class AmazonMusic(AmazonDataset):
    """Reviews of digital music."""

    name = card_name = "amazon-music"
    summary = "Amazon Digital Music reviews; the paper's Music"
    source = "McAuley et al. 2015, He & McAuley 2016 (2014); Ni et al. 2019 (2018); Hou et al. 2024 (2023)"


class AmazonBooks(AmazonDataset):
    """Reviews of books, of which the DUET paper uses the last two months."""

    name = card_name = "amazon-books"
    summary = "Amazon Books reviews, last two months; the paper's Book"
    source = AmazonMusic.source


class Amazon(AmazonDataset):
    """Reviews of any category."""

    name = card_name = "amazon"
    summary = "Amazon reviews of any category"
    source = AmazonMusic.source

    @dataclass(frozen=True)
    class Config(AmazonDataset.Config):
        category: str = option("Gift_Cards", "the category, as written in the file names")
        noun: str = option("product", "singular noun for the items, used in prompts")
        plural: str = option("products", "its plural")

    @property
    def card(self) -> DatasetCard:
        config = self.config
        card = replace(super().card, noun=config.noun, plural=config.plural)
        return card_for_category(card, config.category)
