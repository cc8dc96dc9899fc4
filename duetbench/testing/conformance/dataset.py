"""Checks for datasets."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from duetbench.errors import DataError, MissingRawFiles
from duetbench.interfaces import Dataset, Tables
from duetbench.testing.conformance.base import Conformance
from duetbench.testing.conformance.checks import require, skip
from duetbench.types import Domain, Example

if TYPE_CHECKING:
    import polars as pl

_INTERACTIONS = {
    "user_id": "String",
    "item_id": "String",
    "rating": "Float64",
    "timestamp": "Int64",
    "review": "String",
    "summary": "String",
}
_ITEMS = {"item_id": "String", "title": "String", "categories": "List(String)", "description": "String"}
_MAX_EXAMPLES = 50


class DatasetConformance(Conformance):
    """Checks for a dataset: its attributes and, if raw files are available, the tables that it reads."""

    raw: ClassVar[Path | None] = None
    """Folder with raw files; None: the dataset's default folder. Or override `raw_folder`."""

    def make(self) -> Dataset:
        """A fresh instance with the options."""
        dataset: Dataset = super().make()
        return dataset

    @contextmanager
    def raw_folder(self) -> Iterator[Path]:
        """A folder with raw files; override it to write a few lines of them."""
        folder = self.raw or self.make().default_folder()
        if folder is None:
            skip("no raw files: set `raw`, or pass --raw DIR")
        yield folder

    @contextmanager
    def _files(self) -> Iterator[dict[str, Path]]:
        with self.raw_folder() as folder:
            try:
                files = self.make().raw_files(folder)
            except MissingRawFiles as error:
                skip(f"no raw files: {error}")
            yield files

    def test_domain_is_well_formed(self) -> None:
        """The domain names what is rated and has an ascending scale of integers."""
        domain = self.make().domain()
        require(isinstance(domain, Domain), f"domain() must return a Domain, got a {type(domain).__name__}")
        require(domain.noun.strip() and domain.plural.strip(), "the domain's noun or plural is empty")
        require(len(domain.labels) >= 2, "the scale has fewer than two labels")
        require(list(domain.labels) == sorted(set(domain.labels)), f"labels must ascend, got {domain.labels}")

    def test_missing_files_are_named(self) -> None:
        """In an empty folder the error names the missing file and the folder, or the dataset generates its files."""
        with tempfile.TemporaryDirectory() as name:
            try:
                files = self.make().raw_files(Path(name))
            except MissingRawFiles as error:
                require(name in str(error), f"the message does not name the folder for the files: {error}")
                require("." in str(error).replace(name, ""), f"the message names no file: {error}")
                return
            require(all(path.is_file() for path in files.values()), "raw_files() returns files that do not exist")

    def test_default_steps_exist(self) -> None:
        """The default steps are known steps with valid arguments."""
        from duetbench.data.preparation.steps import parse_steps

        parse_steps(self.make().default_steps())

    def test_tables_are_canonical(self) -> None:
        """The tables have the canonical columns without nulls, ratings on the scale and unique items."""
        with self._files() as files:
            dataset = self.make()
            tables = dataset.read(files)
        check_tables(tables, dataset.domain())

    def test_reading_is_deterministic(self) -> None:
        """Reading twice gives the same rows in the same order."""
        with self._files() as files:
            first, second = self.make().read(files), self.make().read(files)
        require(first.interactions.equals(second.interactions), "the interactions differ")
        require(first.items.sort("item_id").equals(second.items.sort("item_id")), "the items differ")
        require(dict(first.counts) == dict(second.counts), "the counts differ")

    def test_damaged_files_are_an_error(self) -> None:
        """A file of garbage bytes raises DataError, and is neither a crash nor an empty table."""
        with self._files() as files, tempfile.TemporaryDirectory() as name:
            damaged = {role: Path(name) / path.name for role, path in files.items()}
            for path in damaged.values():
                path.write_bytes(bytes(range(1, 256)) * 20)
            try:
                self.make().read(damaged)
            except DataError:
                return
            require(False, "garbage was read as data: raise DataError")

    def test_histories_contain_no_label(self) -> None:
        """In prepared examples every history ends before its request and excludes the target interaction."""
        examples = self._examples()
        if not examples:
            skip("the default steps leave no test rows of these raw files")
        for example in examples:
            check_example(example)

    def _examples(self) -> Sequence[Example]:
        from duetbench.data import HistoryOptions, build_examples, prepare

        with self.raw_folder() as folder, tempfile.TemporaryDirectory() as cache, self._files():
            try:
                prepared = prepare(self.make(), raw=folder, cache=Path(cache))
            except DataError as error:
                skip(f"the raw files cannot be prepared: {error}")
            return build_examples(prepared, "test", HistoryOptions(), limit=_MAX_EXAMPLES)


def check_tables(tables: Tables, domain: Domain) -> None:
    """Requires canonical columns without nulls, ratings on the scale and unique items."""
    _check_columns(tables.interactions, _INTERACTIONS, "interactions")
    _check_columns(tables.items, _ITEMS, "items")
    require(tables.interactions.height > 0, "no interactions were read")
    labels = [float(label) for label in domain.of_data.labels]
    outside = tables.interactions.filter(~tables.interactions["rating"].is_in(labels))
    require(
        outside.height == 0,
        f"{outside.height} ratings are not on the scale {domain.of_data.scale}: drop and count such rows",
    )
    require(tables.items["item_id"].is_unique().all(), "an item is in the table twice")


def _check_columns(table: pl.DataFrame, expected: dict[str, str], name: str) -> None:
    columns = {column: str(dtype) for column, dtype in table.schema.items()}
    require(columns == expected, f"{name} must have the columns {expected}, got {columns}")
    nulls = [column for column in expected if table[column].null_count()]
    require(not nulls, f"{name} has nulls in {', '.join(nulls)}: use an empty string for an absent text")


def check_example(example: Example) -> None:
    """Requires histories before the request, in order, of its user and item, and without the target interaction."""
    request = example.request
    by_user, of_item = request.user_history, request.item_history
    is_earlier = [line.timestamp < request.asked_at for line in (*by_user, *of_item)]
    require(all(is_earlier), "a history contains later interactions")
    require(all(line.user_id == request.user_id for line in by_user), "the user's history contains another user")
    require(all(line.item.item_id == request.item.item_id for line in of_item), "the item's history has another item")
    require(all(line.user_id != request.user_id for line in of_item), "the item's history contains the target user")
    for history in (by_user, of_item):
        times = [line.timestamp for line in history]
        require(times == sorted(times), "a history is not in ascending order of time")
    low, high = request.domain.labels[0], request.domain.labels[-1]
    require(low <= example.rating <= high, f"the rating {example.rating} is not on the scale")
