"""Takes a prepared dataset out: Parquet tables, or a Hugging Face `DatasetDict`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Literal

import polars as pl

from duetbench.data.folders import new_folder
from duetbench.data.preparation.prepared import MANIFEST, Prepared
from duetbench.data.rows import SPLITS
from duetbench.errors import DataError

ExportFormat = Literal["parquet", "datasets"]


def export(prepared: Prepared, folder: Path, form: ExportFormat) -> dict[str, int]:
    """Writes the folder, whole or not at all, and returns the rows of each split.

    `parquet`: one file a split and one for the items. `datasets`: a DatasetDict whose rows carry their item's title,
    categories and description. Where no step made splits, all rows go to one called `all`.

    Raises:
        DataError: the folder exists, cannot be written, or the disk is full.
        MissingDependency: `datasets` is not installed.
    """
    if folder.exists():
        raise DataError(f"{folder} exists already: remove it, or choose another folder")
    splits = _splits(prepared)
    with new_folder(folder) as partial:
        if form == "parquet":
            for split, frame in splits.items():
                frame.write_parquet(partial / f"{split}.parquet")
            prepared.items.write_parquet(partial / "items.parquet")
            shutil.copy(prepared.folder / MANIFEST, partial / MANIFEST)
        else:
            _save_for_datasets(prepared, splits, partial)
    return {split: frame.height for split, frame in splits.items()}


def _splits(prepared: Prepared) -> dict[str, pl.DataFrame]:
    """Rows by split, without the empty ones; `all` if no step made splits."""
    rows = prepared.interactions
    if rows["split"].null_count() == rows.height:
        return {"all": rows.drop("split")}
    found = {split: rows.filter(pl.col("split") == split).drop("split") for split in SPLITS}
    return {split: frame for split, frame in found.items() if frame.height}


def _save_for_datasets(prepared: Prepared, splits: dict[str, pl.DataFrame], folder: Path) -> None:
    from duetbench.data.interchange.hugging_face import save

    described = {
        split: frame.join(prepared.items, on="item_id", how="left", maintain_order="left").with_columns(
            pl.col("title", "description").fill_null(""), pl.col("categories").fill_null([])
        )
        for split, frame in splits.items()
    }
    about = {"name": prepared.name, "fingerprint": prepared.fingerprint, "noun": prepared.domain.noun}
    save(described, folder, description=f"duetbench {json.dumps(about)}")
