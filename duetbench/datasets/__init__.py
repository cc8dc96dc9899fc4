"""Built-in datasets, one file each. Open `yelp` first; `base` holds the shared code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duetbench.hookspecs import hookimpl

if TYPE_CHECKING:
    from duetbench.interfaces import Dataset


@hookimpl
def duetbench_register_datasets() -> list[type[Dataset]]:
    """The built-in datasets."""
    from duetbench.datasets.amazon import Amazon, AmazonBooks, AmazonMusic
    from duetbench.datasets.book_crossing import BookCrossing
    from duetbench.datasets.goodreads import Goodreads
    from duetbench.datasets.google_local import GoogleLocal
    from duetbench.datasets.imported import ImportedDataset
    from duetbench.datasets.movielens import MovieLens1M, MovieLens100k, MovieLensLatest
    from duetbench.datasets.steam import Steam
    from duetbench.datasets.toy import Toy
    from duetbench.datasets.yelp import Yelp

    movielens = [MovieLens100k, MovieLens1M, MovieLensLatest]
    others = [Goodreads, GoogleLocal, Steam, BookCrossing]
    return [Toy, AmazonMusic, AmazonBooks, Yelp, Amazon, *movielens, *others, ImportedDataset]
