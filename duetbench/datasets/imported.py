"""The dataset `imported`: a user's own tables, as `duetbench data import` has written them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duetbench.errors import DataError, MissingRawFiles
from duetbench.interfaces import Dataset, Tables, option
from duetbench.paths import cache_dir
from duetbench.types import Domain

_FILES = {"about": "about.json", "interactions": "interactions.parquet", "items": "items.parquet"}


class ImportedDataset(Dataset):
    """Tables imported from CSV, Parquet, JSON lines, pickles or a Hugging Face dataset."""

    name = "imported"
    summary = "your own tables, imported with `duetbench data import`"

    @dataclass(frozen=True)
    class Config:
        table: str = option("imported", "the name given to `duetbench data import --name`")
        raw: str | None = option(None, "the folder given to `duetbench data import --out`; none: the cache")

    def default_folder(self) -> Path | None:
        return Path(self.config.raw).expanduser() if self.config.raw else cache_dir("imported", self.config.table)

    def raw_files(self, folder: Path) -> dict[str, Path]:
        files = {role: folder / name for role, name in _FILES.items()}
        if not all(path.is_file() for path in files.values()):
            raise MissingRawFiles(
                f"{folder} contains no imported tables: run `duetbench data import FILE --name {self.config.table}`, "
                "or name another table with --set imported.table=NAME"
            )
        self._about_file = files["about"]
        return files

    def domain(self) -> Domain:
        about = self._read_about()
        if about is None:
            return Domain("item", "items")
        labels, rescale = tuple(about["labels"]), tuple(about.get("rescale", ()))
        return Domain(about["noun"], about["plural"], rescale or labels, labels if rescale else ())

    def default_steps(self) -> tuple[str, ...]:
        """Steps that keep the tables' own splits if they have any, and split by time otherwise."""
        about = self._read_about()
        if about and about["has_splits"]:
            return ("dedupe", "sort", "drop_cold")
        return super().default_steps()

    def _read_about(self) -> dict[str, Any] | None:
        """The description written by the import; None if nothing was imported yet."""
        folder = self.default_folder()
        path = getattr(self, "_about_file", folder / _FILES["about"] if folder else None)
        if path is None or not path.is_file():
            return None
        try:
            about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(f"{path} cannot be read: {error}") from error
        return about

    def read(self, files: Mapping[str, Path]) -> Tables:
        import polars as pl

        try:
            interactions, items = (pl.read_parquet(files[role], glob=False) for role in ("interactions", "items"))
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DataError(f"{files['interactions'].parent} is damaged: {error}; import the tables again") from error
        return Tables(interactions, items)
