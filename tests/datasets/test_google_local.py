"""Google Local's files of reviews and places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from raw_making import write_json_files

from duetbench.data import HistoryOptions, build_examples, prepare
from duetbench.datasets.google_local import GoogleLocal
from duetbench.errors import MissingRawFiles
from duetbench.testing import DatasetConformance

REVIEWS, PLACES = "review-Vermont_10.json.gz", "meta-Vermont.json.gz"


def review(**other: Any) -> dict[str, Any]:
    return {
        "user_id": "101463350189962023774", "name": "Jordan Adams", "time": 1627750414677, "rating": 5,
        "text": "Cool place", "pics": [{"url": ["https://lh5"]}], "resp": {"time": 1, "text": "Thanks"},
        "gmap_id": "0x0:0x1",
    } | other  # fmt: skip


def place(**other: Any) -> dict[str, Any]:
    return {
        "name": "Porter Pharmacy", "address": "Porter Pharmacy, 129 N Second St, Cochran, GA 31014",
        "gmap_id": "0x0:0x1", "description": None, "latitude": 32.3, "longitude": -83.3, "category": ["Pharmacy"],
        "avg_rating": 4.9, "num_of_reviews": 16, "price": "$$", "hours": [["Friday", "8AM-6PM"]],
        "MISC": {"Service options": ["Dine-in"]}, "state": "Open", "relative_results": ["0x1"], "url": "https://maps",
    } | other  # fmt: skip


def write(folder: Path, reviews: list[Any], places: list[Any]) -> Path:
    return write_json_files(folder, {REVIEWS: reviews, PLACES: places})


def many() -> list[dict[str, Any]]:
    day = 86_400_000
    return [
        review(
            user_id=f"{n % 6}", gmap_id=f"{n // 6}", rating=n % 5 + 1, time=1_500_000_000_000 + (n % 6 + n // 6) * day
        )
        for n in range(54)
    ]


class TestGoogleLocal(DatasetConformance):
    """The conformance checks."""

    plugin = GoogleLocal

    @pytest.fixture(autouse=True)
    def _raw(self, tmp_path: Path) -> None:
        type(self).raw = write(tmp_path, many(), [place(gmap_id=f"{n}") for n in range(9)])


def test_reviews_and_places_are_read(tmp_path: Path) -> None:
    reviews = [review(), review(text=None, rating=1), review(user_id=None)]
    tables = GoogleLocal().read(GoogleLocal().raw_files(write(tmp_path, reviews, [place()])))
    assert tables.interactions.rows() == [
        ("101463350189962023774", "0x0:0x1", 5.0, 1627750414, "Cool place", ""),
        ("101463350189962023774", "0x0:0x1", 1.0, 1627750414, "", ""),
    ]
    assert tables.items.rows() == [
        ("0x0:0x1", "Porter Pharmacy", ["Pharmacy"], "Porter Pharmacy, 129 N Second St, Cochran, GA 31014")
    ]
    assert tables.counts == {"user missing": 1}


def test_reviews_are_prepared_end_to_end(tmp_path: Path) -> None:
    raw = write(tmp_path / "raw", many(), [place(gmap_id=f"{n}") for n in range(9)])
    prepared = prepare(GoogleLocal(), raw=raw, cache=tmp_path)
    assert build_examples(prepared, "test", HistoryOptions())[0].request.domain.noun == "place"


def test_file_names_contain_the_state(tmp_path: Path) -> None:
    dataset = GoogleLocal(GoogleLocal.Config(state="New_York"))
    with pytest.raises(MissingRawFiles, match=r"review-New_York_10.json and meta-New_York.json .*mcauleylab.ucsd.edu"):
        dataset.raw_files(tmp_path)
