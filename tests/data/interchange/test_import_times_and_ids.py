"""Imports of tables without times, with missing times, and with ids of two types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from duetbench.data import HistoryOptions, Prepared, build_examples, prepare
from duetbench.data.interchange.imports import ImportOptions, ImportResult, import_tables
from duetbench.data.interchange.sources import parse_source
from duetbench.data.leakage import check_examples
from duetbench.data.preparation.repeated_rows import EXACT_COPY, REPEAT_REVIEW
from duetbench.datasets.imported import ImportedDataset
from duetbench.errors import ConfigError, DataError
from duetbench.types import Domain

OPTIONS = ImportOptions(Domain("film", "films"), max_error_rate=1.0)
NO_TIMES = replace(OPTIONS, time_unit="none")
SPLIT = ("dedupe", "sort", "split_count:0.6/0.2/0.2")


def imported(
    folder: Path, text: str, options: ImportOptions = OPTIONS, *, items: str = "", name: str = "own.csv"
) -> ImportResult:
    """Imports a table, given as text, and a table of items."""
    (folder / name).write_text(text)
    (folder / "items.csv").write_text(items)
    source = parse_source(str(folder / "items.csv")) if items else None
    return import_tables([parse_source(str(folder / name))], folder / "out", options, items=source)


def table(folder: Path, name: str = "interactions") -> pl.DataFrame:
    return pl.read_parquet(folder / "out" / f"{name}.parquet")


def rows(*lines: str, header: str = "user,item,rating,time") -> str:
    return "\n".join([header, *lines]) + "\n"


def prepared(folder: Path, steps: Sequence[str] = SPLIT) -> Prepared:
    return prepare(ImportedDataset(), raw=folder / "out", cache=folder, steps=steps)


def test_rows_with_missing_times_cost_only_themselves(tmp_path: Path) -> None:
    result = imported(tmp_path, rows("u1,i1,5,1300000000", "u2,i2,4,", "u3,i3,4,"))
    assert table(tmp_path)["user_id"].to_list() == ["u1"]
    assert result.dropped == {"time missing": 2}


def test_an_unreadable_time_is_reported_with_field_value_and_accepted_forms(tmp_path: Path) -> None:
    text = rows("u1,i1,5,1300000000", "u2,i2,4,last year")
    with pytest.raises(DataError, match=r"own\.csv near line 3: time 'last year'.*accepted times: .*2024/8/31.*--time"):
        imported(tmp_path, text, replace(OPTIONS, max_error_rate=0.0))


def test_a_long_unreadable_value_is_shortened(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"time 'x{40}\.\.\.'"):
        imported(tmp_path, rows(f"u,i,4,{'x' * 500}"))


def test_a_table_without_a_column_of_times_is_pointed_to_the_option(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"map\.timestamp: not found.*--time none"):
        imported(tmp_path, rows("u1,i1,5", header="user,item,rating"))


def test_without_times_positions_in_the_file_are_timestamps(tmp_path: Path) -> None:
    imported(tmp_path, rows("u1,i1,5", "u2,i2,9", "u3,i3,4", header="user,item,rating"), NO_TIMES)
    assert table(tmp_path).select("user_id", "timestamp").rows() == [("u1", 0), ("u3", 1)]


def test_without_times_a_column_of_times_is_not_read(tmp_path: Path) -> None:
    imported(tmp_path, rows("u1,i1,5,1400000000", "u2,i2,4,1300000000"), NO_TIMES)
    assert table(tmp_path)["timestamp"].to_list() == [0, 1]


def test_a_named_column_of_times_without_effect_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"map\.timestamp: no effect with --time none"):
        replace(NO_TIMES, column_map={"timestamp": "when"})


def test_an_earliest_date_without_effect_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"since: no effect with --time none"):
        replace(NO_TIMES, since="2000-01-01")


def test_without_times_earlier_splits_are_earlier(tmp_path: Path) -> None:
    for name in ("train", "test"):
        (tmp_path / f"{name}.csv").write_text(rows(f"u,{name},4", header="user,item,rating"))
    sources = [parse_source(f"{name}={tmp_path / name}.csv") for name in ("test", "train")]
    import_tables(sources, tmp_path / "out", NO_TIMES)
    assert table(tmp_path).select("item_id", "timestamp").rows() == [("train", 0), ("test", 1)]


def test_data_without_times_is_marked(tmp_path: Path) -> None:
    imported(tmp_path, rows(*(f"u,i{n},4" for n in range(5)), header="user,item,rating"), NO_TIMES)
    data = prepared(tmp_path)
    assert not data.has_times
    assert data.temporal_leakage[0].startswith("the data has no times")


def test_without_times_exact_copies_are_told_from_repeat_reviews(tmp_path: Path) -> None:
    lines = (*(f"u,i{n},4,fine" for n in range(5)), "u,i0,4,fine", "u,i1,4,changed my mind")
    imported(tmp_path, rows(*lines, header="user,item,rating,review"), NO_TIMES)
    notes = prepared(tmp_path).notes
    assert (notes[EXACT_COPY], notes[REPEAT_REVIEW]) == (1, 1)


def test_steps_that_compare_times_are_refused_without_times(tmp_path: Path) -> None:
    imported(tmp_path, rows("u,i,4", header="user,item,rating"), NO_TIMES)
    with pytest.raises(ConfigError, match=r"steps\.window:30d: needs times"):
        prepared(tmp_path, ["window:30d"])


GRID = [f"u{user},i{(user + item) % 6},{1 + (user * item) % 5}" for item in range(5) for user in range(6)]


def test_without_times_a_history_ends_before_the_target_in_the_file(tmp_path: Path) -> None:
    imported(tmp_path, rows(*GRID, header="user,item,rating"), NO_TIMES)
    data = prepared(tmp_path)
    examples = build_examples(data, "test", HistoryOptions())
    assert examples
    for example in examples:
        request = example.request
        assert all(line.timestamp < request.asked_at for line in (*request.user_history, *request.item_history))
    assert check_examples(data, examples, HistoryOptions()) == []


def test_a_row_after_the_target_in_the_file_is_found_in_a_history(tmp_path: Path) -> None:
    imported(tmp_path, rows(*GRID, header="user,item,rating"), NO_TIMES)
    data = prepared(tmp_path)
    example = build_examples(data, "test", HistoryOptions())[0]
    line = replace(example.request.user_history[0], timestamp=example.request.asked_at + 1)
    planted = replace(example, request=replace(example.request, user_history=(line,)))
    assert "future" in {finding.guard for finding in check_examples(data, [planted], HistoryOptions())}


@pytest.mark.parametrize("ids", [("1.0", "2.0"), ("1", "2.0")])
def test_float_ids_meet_whole_numbers(tmp_path: Path, ids: tuple[str, str]) -> None:
    text = rows(*(f"u,{item},4,130000000{position}" for position, item in enumerate(ids)))
    result = imported(tmp_path, text, items="item,title\n1,One\n2,Two\n3,Three\n")
    assert (result.items, result.described_items) == (2, 2)
    assert result.noted["id written with .0, read without"] == sum(item.endswith(".0") for item in ids)
    assert prepared(tmp_path, ["titled"]).items["title"].to_list() == ["One", "Two"]


def test_items_that_do_not_occur_in_the_item_table_are_counted(tmp_path: Path) -> None:
    result = imported(tmp_path, rows("u,a,4,1300000000", "u,b,4,1300000001"), items="item,title\nb,B\nc,C\n")
    assert (result.items, result.described_items) == (2, 1)


def test_items_of_rows_that_were_left_out_are_not_counted(tmp_path: Path) -> None:
    header = "user,item,rating,time,title"
    result = imported(tmp_path, rows("u,a,4,1300000000,A", "u,b,9,1300000001,B", "u,c,4,,C", header=header))
    assert (result.rows, result.items) == (1, 1)
    assert table(tmp_path, "items")["item_id"].to_list() == ["a"]
