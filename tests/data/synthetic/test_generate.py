"""Generated raw files: official formats, any size, the same bytes for the same arguments."""

from __future__ import annotations

import gzip
import json
from ast import literal_eval
from pathlib import Path

import pytest

from duetbench.data import prepare
from duetbench.data.synthetic.formats import FORMATS
from duetbench.data.synthetic.generate import SyntheticSpec, format_named, generate
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


@pytest.mark.parametrize("form", FORMATS)
def test_lines_have_the_official_fields(tmp_path: Path, form: str) -> None:
    files = generate(tmp_path, format_named(form), SyntheticSpec(100), pack="none")
    for role, fields in zip(("reviews", "items"), FIELDS[form], strict=True):
        line = files[role].read_text().splitlines()[0]
        read = literal_eval if (form, role) == ("amazon-2014", "items") else json.loads
        assert fields <= set(read(line))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("pack", ["gz", "zst", "none"])
def test_what_is_generated_can_be_read(tmp_path: Path, form: str, pack: str) -> None:
    pytest.importorskip("zstandard")
    generate(tmp_path / "raw", format_named(form), SyntheticSpec(1_000), pack=pack)  # type: ignore[arg-type]
    dataset = Yelp() if form == "yelp" else AmazonMusic()
    made = prepare(dataset, raw=tmp_path / "raw", cache=tmp_path, steps=["dedupe", "sort"])
    assert made.steps[0].rows == 1_000
    assert made.counts == {}
    assert "item without metadata" not in made.notes


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    one, two, other = (
        generate(tmp_path / name, "amazon-2014", SyntheticSpec(500, seed=seed))
        for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    assert one["reviews"].read_bytes() == two["reviews"].read_bytes()
    assert one["items"].read_bytes() == two["items"].read_bytes()
    assert one["reviews"].read_bytes() != other["reviews"].read_bytes()


def test_a_category_names_the_files(tmp_path: Path) -> None:
    files = generate(tmp_path, "amazon-2018", SyntheticSpec(10, category="Books"))
    assert {path.name for path in files.values()} == {"Books.json.gz", "meta_Books.json.gz"}


def test_some_items_of_amazon_have_no_title(tmp_path: Path) -> None:
    files = generate(tmp_path, "amazon-2014", SyntheticSpec(3_000))
    lines = gzip.decompress(files["items"].read_bytes()).decode().splitlines()
    assert 0.1 < sum("title" not in literal_eval(line) for line in lines) / len(lines) < 0.4


def test_an_unknown_format_gets_a_near_name() -> None:
    with pytest.raises(UnknownName, match="did you mean 'amazon-2018'"):
        format_named("amazon-2019")


@pytest.mark.parametrize("category", ["../up", "a/b", "", "a b", "-a"])
def test_a_category_cannot_leave_the_folder(tmp_path: Path, category: str) -> None:
    with pytest.raises(UsageError, match="a category wants letters"):
        generate(tmp_path, "amazon-2018", SyntheticSpec(10, category=category))
    assert not list(tmp_path.iterdir())
