"""Malformed rows are counted by kind and dropped; above the accepted share they are an error."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_making import START, item_2014, read_in_small_pieces, review_2014, small_music, write_music

from duetbench.data import prepare
from duetbench.data.readers.jsonl import read_json_lines
from duetbench.data.readers.validation import RowCounts
from duetbench.datasets.amazon import AmazonMusic
from duetbench.errors import DataError
from duetbench.interfaces import Tables

BAD_REVIEWS: dict[str, Any] = {
    "malformed line": '{"reviewerID": "U1", "asin"',
    "invalid UTF-8": b'{"reviewerID": "\xff\xfe", "asin": "I1", "overall": 5.0, "unixReviewTime": 1300000000}',
    "field of the wrong type": review_2014("U1", "I1", overall="five"),
    "user missing": review_2014("", "I1"),
    "item missing": {key: value for key, value in review_2014("U1", "I1").items() if key != "asin"},
    "rating missing": review_2014("U1", "I1", overall=None),
    "rating outside the scale": review_2014("U1", "I1", overall=6.0),
    "rating between two labels": review_2014("U1", "I1", overall=3.7),
    "time missing": review_2014("U1", "I1", unixReviewTime=None),
    "time is zero": review_2014("U1", "I1", unixReviewTime=0),
    "time in milliseconds instead of seconds": review_2014("U1", "I1", unixReviewTime=START * 1000),
    "time in the future": review_2014("U1", "I1", unixReviewTime=9_999_999_999_999_999),
    "time before the earliest valid date": review_2014("U1", "I1", unixReviewTime=1_000),
}


def read(folder: Path) -> Tables:
    dataset = AmazonMusic()
    return dataset.read(dataset.raw_files(folder))


@pytest.mark.parametrize("kind", BAD_REVIEWS)
def test_a_malformed_review_is_counted_and_dropped(tmp_path: Path, kind: str) -> None:
    good = small_music()
    tables = read(write_music(tmp_path, [*good[:3], BAD_REVIEWS[kind], *good[3:]]))
    assert tables.counts == {kind: 1}
    assert tables.interactions.height == len(good)
    assert tables.locations[kind].endswith("line 4")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_rating_that_is_not_finite_is_outside_the_scale(tmp_path: Path, number: str) -> None:
    line = json.dumps(review_2014("U1", "I1")).replace("5.0", number)
    tables = read(write_music(tmp_path, [*small_music(), line]))
    assert tables.counts == {"rating outside the scale": 1}


@settings(max_examples=150, deadline=None)
@given(
    damage=st.lists(st.tuples(st.integers(0, 4_000), st.sampled_from(b'"{}[],:\\\x00\xff\xc3 9e-')), max_size=6),
    piece=st.none() | st.integers(60, 3_000),
)
def test_damaged_bytes_affect_only_their_own_lines(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[int, int]], piece: int | None
) -> None:
    data = bytearray("".join(json.dumps(line) + "\n" for line in small_music(5, 3)).encode())
    damaged_lines = set()
    for offset, byte in damage:
        position = offset % len(data)
        if data[position] != 10:
            damaged_lines.add(bytes(data[:position]).count(b"\n"))
            data[position] = byte
    path = tmp_path_factory.mktemp("raw") / ("reviews.json.gz" if piece else "reviews.json")
    path.write_bytes(gzip.compress(data) if piece else data)
    row_counts = RowCounts()
    schema: dict[str, pl.DataType] = {"reviewerID": pl.String(), "overall": pl.Float64()}
    with patch.multiple("duetbench.data.readers.compressed", BUFFER_BYTES=60, PIECE_BYTES=piece):
        rows = sum(frame.height for frame, _ in read_json_lines(path, schema, row_counts))
    assert rows + row_counts.dropped.total() == 15
    assert row_counts.dropped.total() <= len(damaged_lines)


def test_the_line_number_of_a_late_malformed_line_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_in_small_pieces(monkeypatch)
    good = small_music(20, 10)
    tables = read(write_music(tmp_path, [*good[:150], "{", *good[150:], BAD_REVIEWS["time is zero"]]))
    assert tables.counts == {"malformed line": 1, "time is zero": 1}
    assert tables.locations["malformed line"].endswith("json.gz line 151")
    assert tables.locations["time is zero"].endswith("json.gz near line 202")


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("item: malformed line", "{'asin': 'I1', "),
        ("item: malformed line", "__import__('os').getcwd()"),
        ("item: invalid UTF-8", b"{'asin': '\xff'}"),
        ("item: field of the wrong type", item_2014("I1", title=["a", "b"])),  # type: ignore[arg-type]
        ("item: item without id", item_2014("")),
    ],
)
def test_malformed_metadata_is_counted_and_dropped(tmp_path: Path, kind: str, line: Any) -> None:
    tables = read(write_music(tmp_path, small_music(), [item_2014("I0"), line, item_2014("I2")]))
    assert tables.counts == {kind: 1}
    assert tables.items["item_id"].to_list() == ["I0", "I2"]


@pytest.mark.parametrize(
    ("kind", "other"),
    [("empty review", {"reviewText": " "}), ("review over 100,000 bytes", {"reviewText": "a" * 10**6})],
)
def test_an_unusual_review_is_noted_and_kept(tmp_path: Path, kind: str, other: dict[str, Any]) -> None:
    tables = read(write_music(tmp_path, [review_2014("U1", "I1", **other)]))
    assert tables.notes == {kind: 1}
    assert tables.interactions["review"][0] == other["reviewText"]


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("Rock &amp; Roll", "Rock & Roll"),
        ("<b>Loud</b>  Songs", "Loud Songs"),
        ("Hits <script>var a = 1 < 2;</script>", "Hits"),
        ("Love < Hate", "Love < Hate"),
        ("&amp;lt;", "&lt;"),
    ],
)
def test_markup_is_removed_from_titles(tmp_path: Path, raw: str, plain: str) -> None:
    tables = read(write_music(tmp_path, [review_2014("U1", "I1")], [item_2014("I1", raw)]))
    assert tables.items["title"].to_list() == [plain]
    assert tables.notes.get("item: markup in a title", 0) == int("&" in raw or "<b" in raw or "<s" in raw)


def test_a_few_malformed_rows_are_accepted_and_counted(tmp_path: Path) -> None:
    lines = [*small_music(), BAD_REVIEWS["malformed line"], BAD_REVIEWS["time is zero"]]
    prepared = prepare(AmazonMusic(), raw=write_music(tmp_path / "raw", lines), cache=tmp_path, max_error_rate=0.1)
    assert prepared.counts == {"malformed line": 1, "time is zero": 1}


def test_too_many_malformed_rows_are_an_error_with_kinds_and_locations(tmp_path: Path) -> None:
    raw = write_music(tmp_path / "raw", [*small_music(), BAD_REVIEWS["malformed line"]])
    with pytest.raises(DataError, match=r"1 of 31 interactions.*malformed line.*json.gz line 31.*share of 0.01"):
        prepare(AmazonMusic(), raw=raw, cache=tmp_path)


def test_a_lower_rate_applies_to_tables_that_were_read_before(tmp_path: Path) -> None:
    raw = write_music(tmp_path / "raw", [*small_music(), BAD_REVIEWS["malformed line"]])
    prepare(AmazonMusic(), raw=raw, cache=tmp_path, max_error_rate=0.5)
    with pytest.raises(DataError, match="1 of 31"):
        prepare(AmazonMusic(), raw=raw, cache=tmp_path, max_error_rate=0)


def test_items_have_an_error_rate_of_their_own(tmp_path: Path) -> None:
    raw = write_music(tmp_path / "raw", small_music(), [item_2014("I0"), "{'asin'"])
    with pytest.raises(DataError, match="1 of 2 items"):
        prepare(AmazonMusic(), raw=raw, cache=tmp_path)


def test_a_file_of_another_format_is_rejected_early(tmp_path: Path) -> None:
    raw = write_music(tmp_path / "raw", ["<p>hello</p>"] * 5_000, [item_2014("I0")])
    with pytest.raises(DataError, match="not in the expected format: 1000 of the first 1000 lines"):
        prepare(AmazonMusic(), raw=raw, cache=tmp_path)


def test_a_failed_run_leaves_the_last_good_data(tmp_path: Path) -> None:
    raw = write_music(tmp_path / "raw", small_music())
    good = prepare(AmazonMusic(), raw=raw, cache=tmp_path)
    reviews = raw / "reviews_Digital_Music_5.json.gz"
    reviews.write_bytes(reviews.read_bytes()[:-20])
    with pytest.raises(DataError, match="ends early"):
        prepare(AmazonMusic(), raw=raw, cache=tmp_path)
    assert good.interactions.height > 0
    assert sorted(path.name for path in good.folder.parent.glob(".partial-*")) == []
