"""Goodreads' files of reviews and books."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from raw_making import write_json_files

from duetbench.data import HistoryOptions, build_examples, prepare
from duetbench.datasets.goodreads import Goodreads
from duetbench.errors import MissingRawFiles
from duetbench.testing import DatasetConformance

REVIEWS, BOOKS = "goodreads_reviews_poetry.json.gz", "goodreads_books_poetry.json.gz"


def review(**other: Any) -> dict[str, Any]:
    return {
        "user_id": "U", "book_id": "B", "review_id": "R", "rating": 4, "review_text": "Good",
        "date_added": "Fri Oct 06 20:52:06 -0700 2017", "date_updated": "Tue Oct 10 09:10:56 -0700 2017",
        "read_at": "", "started_at": "", "n_votes": 12, "n_comments": 0,
    } | other  # fmt: skip


def book(**other: Any) -> dict[str, Any]:
    return {
        "isbn": "0374428115", "text_reviews_count": "7", "series": [], "country_code": "US", "language_code": "eng",
        "popular_shelves": [{"count": "58", "name": "to-read"}], "average_rating": "4.12", "similar_books": ["89371"],
        "description": "Anders <b>finds</b> a coat.", "authors": [{"author_id": "293603", "role": ""}],
        "ratings_count": "99", "book_id": "B", "title": "The Coat (Coats, #1)", "title_without_series": "The Coat",
    } | other  # fmt: skip


def write(folder: Path, reviews: list[Any], books: list[Any]) -> Path:
    return write_json_files(folder, {REVIEWS: reviews, BOOKS: books})


def many() -> list[dict[str, Any]]:
    return [
        review(
            user_id=f"U{n % 6}",
            book_id=f"B{n // 6}",
            rating=n % 5 + 1,
            date_updated=f"Tue Oct {n % 6 + n // 6 + 1:02} 09:10:56 -0700 2017",
        )
        for n in range(54)
    ]


class TestGoodreads(DatasetConformance):
    """The conformance checks."""

    plugin = Goodreads

    @pytest.fixture(autouse=True)
    def _raw(self, tmp_path: Path) -> None:
        type(self).raw = write(tmp_path, many(), [book(book_id=f"B{n}") for n in range(9)])


def test_reviews_have_the_time_of_their_last_update(tmp_path: Path) -> None:
    tables = Goodreads().read(Goodreads().raw_files(write(tmp_path, [review()], [book()])))
    assert tables.interactions.rows() == [("U", "B", 4.0, 1_507_651_856, "Good", "")]
    assert tables.items.rows() == [("B", "The Coat (Coats, #1)", [], "Anders finds a coat.")]


def test_reviews_without_a_rating_are_left_out_and_noted(tmp_path: Path) -> None:
    tables = Goodreads().read(Goodreads().raw_files(write(tmp_path, [review(rating=0), review()], [book()])))
    assert (tables.interactions.height, tables.counts, tables.notes) == (1, {}, {"not rated": 1})


def test_reviews_are_prepared_end_to_end(tmp_path: Path) -> None:
    raw = write(tmp_path / "raw", many(), [book(book_id=f"B{n}", title=f"Book {n}") for n in range(9)])
    prepared = prepare(Goodreads(), raw=raw, cache=tmp_path)
    assert build_examples(prepared, "test", HistoryOptions())[0].request.domain.noun == "book"


def test_all_reviews_have_other_files(tmp_path: Path) -> None:
    dataset = Goodreads(Goodreads.Config(genre="all"))
    with pytest.raises(MissingRawFiles, match=r"goodreads_reviews_dedup.json and goodreads_books.json .*jmcauley"):
        dataset.raw_files(tmp_path)


def test_a_text_that_was_edited_later_is_in_no_earlier_history(tmp_path: Path) -> None:
    early = {"date_added": "Sun Jan 01 00:00:00 +0000 2017", "date_updated": "Sun Jan 01 00:00:00 +0000 2017"}
    reviews = [
        review(
            book_id="B1", review_text="edited in December", **early | {"date_updated": "Fri Dec 01 00:00:00 +0000 2017"}
        ),
        review(book_id="B2", review_text="unchanged", **early),
        review(book_id="B3", date_updated="Thu Jun 01 00:00:00 +0000 2017"),
    ]
    raw = write(tmp_path / "raw", reviews, [book(book_id=f"B{n}") for n in (1, 2, 3)])
    prepared = prepare(Goodreads(), raw=raw, cache=tmp_path, steps=["sort", "split_count:0.4/0/0.6"])
    june = build_examples(prepared, "test", HistoryOptions())[0].request
    assert (june.item.item_id, [line.review for line in june.user_history]) == ("B3", ["unchanged"])
