"""Yelp's review and business files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from raw_making import write_json_files

from duetbench.data import HistoryOptions, build_examples, prepare
from duetbench.data.synthetic.generate import SyntheticSpec, generate
from duetbench.datasets.yelp import Yelp
from duetbench.errors import MissingRawFiles
from duetbench.testing import DatasetConformance

REVIEWS = "yelp_academic_dataset_review.json"
BUSINESSES = "yelp_academic_dataset_business.json"


def review(**other: Any) -> dict[str, Any]:
    return {
        "review_id": "R", "user_id": "U", "business_id": "B", "stars": 4.0, "useful": 1, "funny": 0, "cool": 0,
        "text": "Good food", "date": "2021-08-01 12:30:00",
    } | other  # fmt: skip


def business(**other: Any) -> dict[str, Any]:
    return {
        "business_id": "B", "name": "Caf\u00e9 &amp; Bar", "address": "1 St", "city": "Reno", "state": "NV",
        "stars": 4.5, "review_count": 99, "is_open": 1, "attributes": None, "hours": None,
        "categories": "Coffee & Tea, Food",
    } | other  # fmt: skip


class TestYelp(DatasetConformance):
    """The conformance checks, on generated files."""

    plugin = Yelp

    @pytest.fixture(autouse=True)
    def _raw(self, tmp_path: Path) -> None:
        generate(tmp_path / "raw", "yelp", SyntheticSpec(2_000))
        type(self).raw = tmp_path / "raw"


def read(folder: Path, reviews: list[Any], businesses: list[Any]) -> Any:
    files = write_json_files(folder, {REVIEWS: reviews, BUSINESSES: businesses})
    return Yelp().read(Yelp().raw_files(files))


def test_reviews_and_businesses_are_read(tmp_path: Path) -> None:
    tables = read(tmp_path, [review()], [business()])
    assert tables.interactions.rows() == [("U", "B", 4.0, 1627821000, "Good food", "")]
    assert tables.items.rows() == [("B", "Caf\u00e9 & Bar", ["Coffee & Tea", "Food"], "Reno, NV")]


def test_a_business_without_categories_has_none(tmp_path: Path) -> None:
    assert read(tmp_path, [review()], [business(categories=None)]).items["categories"].to_list() == [[]]


def test_a_date_without_a_time_is_midnight(tmp_path: Path) -> None:
    times = read(tmp_path, [review(date="2012-08-01"), review(date="2012-08-01 00:00:01")], [business()]).interactions
    assert times["timestamp"].to_list() == [1_343_779_200, 1_343_779_201]


@pytest.mark.parametrize("date", ["yesterday", "2021-13-01 00:00:00", None])
def test_an_invalid_date_is_a_missing_time(tmp_path: Path, date: str | None) -> None:
    assert read(tmp_path, [review(date=date), review()], [business()]).counts == {"time missing": 1}


def test_fields_that_change_with_time_are_not_read(tmp_path: Path) -> None:
    tables = read(tmp_path, [review()], [business()])
    assert "99" not in str(tables.items.rows())
    assert "stars" not in tables.items.columns


def test_missing_files_are_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingRawFiles) as error:
        Yelp().raw_files(tmp_path)
    for part in (REVIEWS, BUSINESSES, str(tmp_path), "business.yelp.com", "--set yelp.raw=", "duetbench data generate"):
        assert part in str(error.value)


def test_generated_yelp_is_prepared_end_to_end(tmp_path: Path) -> None:
    generate(tmp_path / "raw", "yelp", SyntheticSpec(30_000))
    steps = ["dedupe", "titled", "window:24m", "sort", "split_count:0.8/0.1/0.1", "kcore:2", "drop_cold"]
    prepared = prepare(Yelp(), raw=tmp_path / "raw", cache=tmp_path, steps=steps)
    examples = build_examples(prepared, "test", HistoryOptions())
    assert examples
    assert {example.request.domain.noun for example in examples} == {"business"}
    assert any(example.request.user_history for example in examples)
