"""Exports a prepared dataset as Parquet tables or as a Hugging Face `DatasetDict`."""

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


def export(prepared: Prepared, folder: Path, export_format: ExportFormat) -> dict[str, int]:
    """Writes the folder atomically, and returns the number of rows of each split.

    `parquet`: one file per split and one for the items. `datasets`: a DatasetDict whose rows include their item's
    title, categories and description. If no step assigned splits, all rows are in one split named `all`.

    Raises:
        DataError: the folder exists, cannot be written, or the disk is full.
        MissingDependency: `datasets` is not installed.
    """
    if folder.exists():
        raise DataError(f"{folder} exists already: remove it, or choose another folder")
    splits = _splits(prepared)
    with new_folder(folder) as partial:
        if export_format == "parquet":
            for split, frame in splits.items():
                frame.write_parquet(partial / f"{split}.parquet")
            prepared.items.write_parquet(partial / "items.parquet")
            shutil.copy(prepared.folder / MANIFEST, partial / MANIFEST)
        else:
            _save_for_datasets(prepared, splits, partial)
    return {split: frame.height for split, frame in splits.items()}


def _splits(prepared: Prepared) -> dict[str, pl.DataFrame]:
    """Rows by split, without empty splits; `all` if no step assigned splits."""
    rows = prepared.on_original_scale.interactions
    if rows["split"].null_count() == rows.height:
        return {"all": rows.drop("split")}
    frames = {split: rows.filter(pl.col("split") == split).drop("split") for split in SPLITS}
    return {split: frame for split, frame in frames.items() if frame.height}


def _save_for_datasets(prepared: Prepared, splits: dict[str, pl.DataFrame], folder: Path) -> None:
    from duetbench.data.interchange.hugging_face import save

    with_items = {
        split: frame.join(prepared.items, on="item_id", how="left", maintain_order="left").with_columns(
            pl.col("title", "description").fill_null(""), pl.col("categories").fill_null([])
        )
        for split, frame in splits.items()
    }
    about = {"name": prepared.name, "fingerprint": prepared.fingerprint, "noun": prepared.domain.noun}
    save(with_items, folder, description=f"duetbench {json.dumps(about)}")
