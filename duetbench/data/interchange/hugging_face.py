"""Loads and saves datasets of the Hugging Face library `datasets`."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from duetbench.errors import DataError, MissingDependency

if TYPE_CHECKING:
    import datasets

_SPLIT_NAMES = {"train": "train", "valid": "validation", "test": "test"}
"""Names that Hugging Face datasets use for our splits."""


def load(text: str) -> dict[str, pl.DataFrame]:
    """The splits of a dataset: `NAME`, `NAME:CONFIG`, or a folder written by `save_to_disk` or by a download.

    Raises:
        DataError: the dataset does not exist or cannot be read.
        MissingDependency: `datasets` is not installed.
    """
    library = _import_library()
    name, _, config = text.partition(":")
    try:
        dataset = _load(library, Path(name).expanduser(), name, config or None)
    except Exception as error:  # the library raises any error of its file systems, its hub and its builders
        raise DataError(f"dataset '{text}' cannot be loaded: {' '.join(str(error).split())[:300]}") from error
    splits = dataset if isinstance(dataset, library.DatasetDict) else {"all": dataset}
    return {str(split): _to_polars(table) for split, table in splits.items()}


def _load(library: ModuleType, folder: Path, name: str, config: str | None) -> Any:
    if (folder / "dataset_dict.json").is_file() or (folder / "dataset_info.json").is_file():
        return library.load_from_disk(str(folder))
    return library.load_dataset(name, config)


def _to_polars(table: datasets.Dataset) -> pl.DataFrame:
    return cast("pl.DataFrame", table.to_polars())  # an iterator only if `batched`


def save(splits: dict[str, pl.DataFrame], folder: Path, *, description: str) -> None:
    """Writes a `DatasetDict` with features, one dataset per split.

    Args:
        splits: Tables with the same columns, by our split names.
        folder: Where it is written; created if missing.
        description: Description in the dataset's info.
    """
    library = _import_library()
    features = _features(library, next(iter(splits.values())))
    info = library.DatasetInfo(description=description, features=features)
    tables = {
        _SPLIT_NAMES.get(split, split): library.Dataset.from_polars(frame, features=features, info=info)
        for split, frame in splits.items()
    }
    library.DatasetDict(tables).save_to_disk(str(folder))


def _features(library: ModuleType, frame: pl.DataFrame) -> Any:
    kinds = {pl.String(): "large_string", pl.Int64(): "int64", pl.Float64(): "float64"}
    return library.Features(
        {
            name: library.List(library.Value("large_string"))
            if kind == pl.List(pl.String)
            else library.Value(kinds[kind])
            for name, kind in frame.schema.items()
        }
    )


def _import_library() -> ModuleType:
    try:
        import datasets as library
    except ImportError as error:
        raise MissingDependency("Hugging Face datasets need `datasets`: pip install 'duetbench[data]'") from error
    library.disable_progress_bars()
    module: ModuleType = library
    return module
