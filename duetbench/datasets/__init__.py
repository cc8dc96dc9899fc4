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
    from duetbench.datasets.imported import ImportedDataset
    from duetbench.datasets.toy import Toy
    from duetbench.datasets.yelp import Yelp

    return [Toy, AmazonMusic, AmazonBooks, Yelp, Amazon, ImportedDataset]
