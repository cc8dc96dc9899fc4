"""Synthetic raw files: official formats, any size, equal bytes for equal arguments."""

from __future__ import annotations

import gzip
import json
from ast import literal_eval
from pathlib import Path

import pytest

from duetbench.data import prepare
from duetbench.data.synthetic.formats import RAW_FORMATS
from duetbench.data.synthetic.generate import SyntheticSpec, generate, parse_format
from duetbench.datasets.amazon import AmazonMusic
from duetbench.datasets.yelp import Yelp
from duetbench.errors import UnknownName, UsageError

FIELDS = {
    "amazon-2014": (
        {"reviewerID", "asin", "overall", "reviewText", "unixReviewTime", "helpful"},
        {"asin", "categories"},
    ),
    "amazon-2018": ({"reviewerID", "asin", "overall", "reviewText", "verified", "vote"}, {"asin", "category", "title"}),
    "amazon-2023": ({"user_id", "parent_asin", "asin", "rating", "timestamp", "text"}, {"parent_asin", "categories"}),
    "yelp": ({"review_id", "user_id", "business_id", "stars", "date", "text"}, {"business_id", "name", "categories"}),
}


@pytest.mark.parametrize("raw_format", RAW_FORMATS)
def test_lines_have_the_official_fields(tmp_path: Path, raw_format: str) -> None:
    files = generate(tmp_path, parse_format(raw_format), SyntheticSpec(100), compression="none")
    for role, fields in zip(("reviews", "items"), FIELDS[raw_format], strict=True):
        line = files[role].read_text().splitlines()[0]
        read = literal_eval if (raw_format, role) == ("amazon-2014", "items") else json.loads
        assert fields <= set(read(line))


@pytest.mark.parametrize("raw_format", RAW_FORMATS)
@pytest.mark.parametrize("compression", ["gz", "zst", "none"])
def test_generated_files_can_be_prepared(tmp_path: Path, raw_format: str, compression: str) -> None:
    pytest.importorskip("zstandard")
    generate(tmp_path / "raw", parse_format(raw_format), SyntheticSpec(1_000), compression=compression)  # type: ignore[arg-type]
    dataset = Yelp() if raw_format == "yelp" else AmazonMusic()
    prepared = prepare(dataset, raw=tmp_path / "raw", cache=tmp_path, steps=["dedupe", "sort"])
    assert prepared.steps[0].rows == 1_000
    assert prepared.counts == {}
    assert "item without metadata" not in prepared.notes


def test_equal_arguments_give_equal_bytes(tmp_path: Path) -> None:
    one, two, other = (
        generate(tmp_path / name, "amazon-2014", SyntheticSpec(500, seed=seed))
        for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    assert one["reviews"].read_bytes() == two["reviews"].read_bytes()
    assert one["items"].read_bytes() == two["items"].read_bytes()
    assert one["reviews"].read_bytes() != other["reviews"].read_bytes()


def test_file_names_contain_the_category(tmp_path: Path) -> None:
    files = generate(tmp_path, "amazon-2018", SyntheticSpec(10, category="Books"))
    assert {path.name for path in files.values()} == {"Books.json.gz", "meta_Books.json.gz"}


def test_some_items_of_amazon_have_no_title(tmp_path: Path) -> None:
    files = generate(tmp_path, "amazon-2014", SyntheticSpec(3_000))
    lines = gzip.decompress(files["items"].read_bytes()).decode().splitlines()
    assert 0.1 < sum("title" not in literal_eval(line) for line in lines) / len(lines) < 0.4


def test_an_unknown_format_gets_a_suggestion() -> None:
    with pytest.raises(UnknownName, match="did you mean 'amazon-2018'"):
        parse_format("amazon-2019")


@pytest.mark.parametrize("category", ["../up", "a/b", "", "a b", "-a"])
def test_a_category_cannot_leave_the_folder(tmp_path: Path, category: str) -> None:
    with pytest.raises(UsageError, match="the category must consist of letters"):
        generate(tmp_path, "amazon-2018", SyntheticSpec(10, category=category))
    assert not list(tmp_path.iterdir())
