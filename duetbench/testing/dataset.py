"""Checks for datasets."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from duetbench.errors import DataError, MissingRawFiles
from duetbench.interfaces import Dataset, Tables
from duetbench.testing.conformance import Conformance, require, skip
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
_MOST_EXAMPLES = 50


class DatasetConformance(Conformance):
    """Checks for a dataset: what it says of itself, and what it reads if raw files are at hand."""

    raw: ClassVar[Path | None] = None
    """Folder with raw files; None: where the dataset itself looks. Or override `raw_folder`."""

    def make(self) -> Dataset:
        """A fresh instance with the options."""
        dataset: Dataset = super().make()
        return dataset

    @contextmanager
    def raw_folder(self) -> Iterator[Path]:
        """A folder with raw files to read; override it to write a few lines of them."""
        folder = self.raw or self.make().default_folder()
        if folder is None:
            skip("no raw files at hand: set `raw`, or pass --raw DIR")
        yield folder

    @contextmanager
    def _files(self) -> Iterator[dict[str, Path]]:
        with self.raw_folder() as folder:
            try:
                files = self.make().raw_files(folder)
            except MissingRawFiles as error:
                skip(f"no raw files at hand: {error}")
            yield files

    def test_domain_is_well_formed(self) -> None:
        """It says what is rated, and on which ascending scale of whole numbers."""
        domain = self.make().domain()
        require(isinstance(domain, Domain), f"domain() returns a {type(domain).__name__}")
        require(domain.noun.strip() and domain.plural.strip(), "the noun or its plural is empty")
        require(len(domain.labels) >= 2, "the scale has fewer than two labels")
        require(list(domain.labels) == sorted(set(domain.labels)), "the scale does not ascend")

    def test_missing_files_are_named(self) -> None:
        """In an empty folder it says which file is missing and where it belongs, unless it makes its own."""
        with tempfile.TemporaryDirectory() as name:
            try:
                files = self.make().raw_files(Path(name))
            except MissingRawFiles as error:
                require(name in str(error), f"the message does not say where to put the files: {error}")
                require("." in str(error).replace(name, ""), f"the message names no file: {error}")
                return
            require(all(path.is_file() for path in files.values()), "it names raw files that do not exist")

    def test_default_steps_exist(self) -> None:
        """Its default steps can be read."""
        from duetbench.data.preparation.steps import parse_steps

        parse_steps(self.make().default_steps())

    def test_tables_are_canonical(self) -> None:
        """The columns have their names and types, no text is null, ratings lie on the scale, items are unique."""
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

    def test_damaged_files_are_refused(self) -> None:
        """A file of nonsense bytes is a DataError, not a crash and not an empty table."""
        with self._files() as files, tempfile.TemporaryDirectory() as name:
            damaged = {role: Path(name) / path.name for role, path in files.items()}
            for path in damaged.values():
                path.write_bytes(bytes(range(1, 256)) * 20)
            try:
                self.make().read(damaged)
            except DataError:
                return
            require(False, "nonsense was read as data: raise DataError")

    def test_examples_hold_no_label(self) -> None:
        """Prepared and cut into examples, every history lies before its request and holds neither target nor twin."""
        examples = self._examples()
        if not examples:
            skip("the default steps leave no test rows of so little data")
        for example in examples:
            check_example(example)

    def _examples(self) -> Sequence[Example]:
        from duetbench.data import HistoryOptions, build_examples, prepare

        with self.raw_folder() as folder, tempfile.TemporaryDirectory() as cache, self._files():
            try:
                prepared = prepare(self.make(), raw=folder, cache=Path(cache))
            except DataError as error:
                skip(f"cannot be prepared: {error}")
            return build_examples(prepared, "test", HistoryOptions(), limit=_MOST_EXAMPLES)


def check_tables(tables: Tables, domain: Domain) -> None:
    """Canonical columns, no nulls, ratings on the scale, unique items."""
    _check_columns(tables.interactions, _INTERACTIONS, "interactions")
    _check_columns(tables.items, _ITEMS, "items")
    require(tables.interactions.height > 0, "no interaction was read")
    low, high = domain.labels[0], domain.labels[-1]
    outside = tables.interactions.filter((tables.interactions["rating"] < low) | (tables.interactions["rating"] > high))
    require(
        outside.height == 0, f"{outside.height} ratings are not on the scale {low}..{high}: count and leave them out"
    )
    require(tables.items["item_id"].is_unique().all(), "an item stands in the table twice")


def _check_columns(table: pl.DataFrame, wanted: dict[str, str], name: str) -> None:
    found = {column: str(dtype) for column, dtype in table.schema.items()}
    require(found == wanted, f"{name} has the columns {found}, not {wanted}")
    nulls = [column for column in wanted if table[column].null_count()]
    require(not nulls, f"{name} has nulls in {', '.join(nulls)}: nothing is an empty string")


def check_example(example: Example) -> None:
    """Histories strictly before the request, in order, of the right user and item, without the target."""
    request = example.request
    mine, theirs = request.user_history, request.item_history
    require(all(line.timestamp < request.asked_at for line in (*mine, *theirs)), "a history reaches into the future")
    require(all(line.user_id == request.user_id for line in mine), "the user's history has another user's line")
    require(all(line.item.item_id == request.item.item_id for line in theirs), "the item's history has another item")
    require(all(line.user_id != request.user_id for line in theirs), "the item's history has the user's own line")
    for history in (mine, theirs):
        times = [line.timestamp for line in history]
        require(times == sorted(times), "a history is not oldest first")
    low, high = request.domain.labels[0], request.domain.labels[-1]
    require(low <= example.rating <= high, f"the rating {example.rating} is not on the scale")
