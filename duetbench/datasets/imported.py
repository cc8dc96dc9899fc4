"""A user's own tables, as `duetbench data import` has brought them in."""

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
    """What a user brought in from CSV, Parquet, JSON lines, pickles or a Hugging Face dataset."""

    name = "imported"
    summary = "your own tables, brought in with `duetbench data import`"

    @dataclass(frozen=True)
    class Config:
        """Options."""

        table: str = option("imported", "the name given to `duetbench data import --name`")
        raw: str | None = option(None, "the folder given to `duetbench data import --out`, if one was")

    def default_folder(self) -> Path | None:
        """See the base class."""
        return Path(self.config.raw).expanduser() if self.config.raw else cache_dir("imported", self.config.table)

    def raw_files(self, folder: Path) -> dict[str, Path]:
        """See the base class."""
        files = {role: folder / name for role, name in _FILES.items()}
        if not all(path.is_file() for path in files.values()):
            raise MissingRawFiles(
                f"nothing was imported into {folder} (there is no {_FILES['about']}): run `duetbench data import FILE "
                f"--name {self.config.table}`, or name another table with --set imported.table=NAME"
            )
        self._about_file = files["about"]
        return files

    def domain(self) -> Domain:
        """See the base class."""
        about = self._about()
        return Domain(about["noun"], about["plural"], tuple(about["labels"])) if about else Domain("item", "items")

    def default_steps(self) -> tuple[str, ...]:
        """The table's own splits if it has some, else by time."""
        about = self._about()
        if about and about["has_splits"]:
            return ("dedupe", "sort", "drop_cold")
        return super().default_steps()

    def _about(self) -> dict[str, Any] | None:
        """What was noted at the import; None if nothing was imported yet."""
        folder = self.default_folder()
        path = getattr(self, "_about_file", folder / _FILES["about"] if folder else None)
        if path is None or not path.is_file():
            return None
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(f"{path} cannot be read: {error}") from error
        return found

    def read(self, files: Mapping[str, Path]) -> Tables:
        """See the base class."""
        import polars as pl

        try:
            interactions, items = (pl.read_parquet(files[role], glob=False) for role in ("interactions", "items"))
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DataError(f"{files['interactions'].parent} is damaged, import again: {error}") from error
        return Tables(interactions, items)
