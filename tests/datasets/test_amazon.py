"""Amazon's files: parts of the real releases, and the files that each release requires."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from raw_making import small_music, write_json_files, write_music

from duetbench.data import prepare
from duetbench.datasets.amazon import Amazon, AmazonBooks, AmazonMusic
from duetbench.errors import MissingRawFiles
from duetbench.testing import DatasetConformance


class TestAmazonMusic(DatasetConformance):
    """The conformance checks, on a few lines."""

    plugin = AmazonMusic

    @pytest.fixture(autouse=True)
    def _raw(self, tmp_path: Path) -> None:
        type(self).raw = write_music(tmp_path / "raw", small_music(12, 10))


@pytest.mark.parametrize(
    ("core", "splits", "users", "items"),
    [
        ("kcore:5", (1984, 165, 64), 234, 206),
        ("kcore:3", (3653, 266, 109), 653, 358),
        (None, (5526, 290, 98), 2036, 380),
    ],
)
def test_the_music_part_has_its_known_sizes(
    real_data: Path, tmp_path: Path, core: str | None, splits: tuple[int, int, int], users: int, items: int
) -> None:
    steps = ["dedupe", *([core] if core else []), "sort", "split_count:0.8/0.1/0.1", "drop_cold"]
    prepared = prepare(AmazonMusic(), raw=real_data / "amazon-2014-digital-music-part", steps=steps, cache=tmp_path)
    last = prepared.steps[-1]
    assert tuple(last.splits[name] for name in ("train", "valid", "test")) == splits
    assert (last.users, last.items) == (users, items)


def test_without_metadata_the_default_steps_need_no_titles(tmp_path: Path) -> None:
    raw = write_music(tmp_path / "raw", small_music())
    (raw / "meta_Digital_Music.json.gz").unlink()
    prepared = prepare(AmazonMusic(AmazonMusic.Config(metadata=False)), raw=raw, cache=tmp_path)
    assert [count.step for count in prepared.steps] == ["raw", "dedupe", "sort", "split_count:0.8/0.1/0.1", "drop_cold"]
    assert "titled" in Amazon().default_steps()


def test_the_music_part_is_read_completely(real_data: Path, tmp_path: Path) -> None:
    prepared = prepare(AmazonMusic(), raw=real_data / "amazon-2014-digital-music-part", cache=tmp_path)
    assert prepared.steps[0].rows == 6908
    assert prepared.counts == {}
    assert (prepared.items["title"] == "").sum() == 0


def test_gift_cards_of_2018_are_read(real_data: Path, tmp_path: Path) -> None:
    prepared = prepare(Amazon(), raw=real_data / "amazon-2018-gift-cards", steps=["dedupe", "sort"], cache=tmp_path)
    assert prepared.steps[0].rows == 2972
    assert prepared.steps[1].rows < 2972
    assert prepared.counts == {}
    assert prepared.domain.noun == "product"
    assert prepared.items.height == prepared.steps[-1].items
    assert prepared.interactions["rating"].value_counts().sort("count", descending=True)["rating"][0] == 5.0


def test_the_books_sample_is_read_without_metadata(real_data: Path, tmp_path: Path) -> None:
    dataset = AmazonBooks(AmazonBooks.Config(metadata=False))
    prepared = prepare(dataset, raw=real_data / "amazon-2014-books-sample", steps=["dedupe", "sort"], cache=tmp_path)
    assert (prepared.steps[0].rows, prepared.items.height) == (1000, 0)


REVIEW_2018 = {
    "overall": 4.0, "vote": "3", "verified": True, "reviewTime": "06 17, 2018", "reviewerID": "A1", "asin": "B1",
    "style": {"Format:": " Vinyl"}, "reviewerName": "J", "reviewText": "Good", "summary": "Four Stars",
    "unixReviewTime": 1529193600, "image": ["x"],
}  # fmt: skip
ITEM_2018 = {
    "category": ["Music", "Rock", "Music"], "description": ["One.", "Two."], "title": "Loud", "also_buy": ["B2"],
    "rank": "7 in Music", "asin": "B1", "details": {}, "price": "$9.99",
}  # fmt: skip
REVIEW_2023 = {
    "rating": 4.0, "title": "Four Stars", "text": "Good", "images": [], "asin": "B1V", "parent_asin": "B1",
    "user_id": "A1", "timestamp": 1529193600123, "helpful_vote": 3, "verified_purchase": True,
}  # fmt: skip
ITEM_2023 = {
    "main_category": "Music", "title": "Loud", "average_rating": 4.5, "rating_number": 9, "features": [],
    "description": ["One.", "Two."], "categories": ["Music", "Rock"], "details": "{}", "parent_asin": "B1",
}  # fmt: skip


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize(
    ("names", "review", "item"),
    [
        (("Digital_Music_5.json", "meta_Digital_Music.json"), REVIEW_2018, ITEM_2018),
        (("Digital_Music.json", "meta_Digital_Music.json"), REVIEW_2018, ITEM_2018),
        (("Digital_Music.jsonl", "meta_Digital_Music.jsonl"), REVIEW_2023, ITEM_2023),
        (
            ("Digital_Music.jsonl", "meta_Digital_Music.jsonl"),
            {"sort_timestamp" if key == "timestamp" else key: value for key, value in REVIEW_2023.items()},
            ITEM_2023,
        ),
    ],
)
def test_later_releases_give_the_same_tables(
    tmp_path: Path, names: tuple[str, str], review: dict[str, Any], item: dict[str, Any], suffix: str
) -> None:
    folder = write_json_files(tmp_path, {names[0] + suffix: [review], names[1] + suffix: [item]})
    tables = AmazonMusic().read(AmazonMusic().raw_files(folder))
    assert tables.interactions.rows() == [("A1", "B1", 4.0, 1529193600, "Good", "Four Stars")]
    assert tables.items.rows() == [("B1", "Loud", ["Music", "Rock"], "One. Two.")]


def test_scraped_code_in_metadata_of_2018_is_no_title(tmp_path: Path) -> None:
    items = [ITEM_2018 | {"title": "var aPageStart = (new Date()).getTime();\nvar ue_t0=ue_t0||+new Date();"}]
    files = {"Digital_Music.json": [REVIEW_2018], "meta_Digital_Music.json": items}
    tables = AmazonMusic().read(AmazonMusic().raw_files(write_json_files(tmp_path, files)))
    assert tables.items["title"].to_list() == [""]
    assert tables.notes == {"item: title of HTML or JavaScript, emptied": 1}


def test_seconds_in_files_of_milliseconds_are_a_fault(tmp_path: Path) -> None:
    reviews = [REVIEW_2023, REVIEW_2023 | {"timestamp": 1529193600}]
    files = {"Digital_Music.jsonl": reviews, "meta_Digital_Music.jsonl": [ITEM_2023]}
    tables = AmazonMusic().read(AmazonMusic().raw_files(write_json_files(tmp_path, files)))
    assert tables.counts == {"time in seconds instead of milliseconds": 1}


def test_the_oldest_release_in_the_folder_is_the_default(tmp_path: Path) -> None:
    files = {"Digital_Music.jsonl": [REVIEW_2023], "meta_Digital_Music.jsonl": [ITEM_2023]}
    folder = write_json_files(write_music(tmp_path, small_music()), files)
    named = AmazonMusic(AmazonMusic.Config(release="2023"))
    assert AmazonMusic().raw_files(folder)["reviews"].name == "reviews_Digital_Music_5.json.gz"
    assert named.raw_files(folder)["reviews"].name == "Digital_Music.jsonl"


def test_file_names_contain_the_category(tmp_path: Path) -> None:
    dataset = Amazon(Amazon.Config(category="Movies_and_TV", noun="movie", plural="movies"))
    with pytest.raises(MissingRawFiles, match=r"reviews_Movies_and_TV_5\.json"):
        dataset.raw_files(tmp_path)
    assert dataset.domain().noun == "movie"


def test_missing_files_are_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingRawFiles, match=r"reviews_Books_5.json and meta_Books.json.*snap.stanford.edu.*--set"):
        AmazonBooks().raw_files(tmp_path)


def test_only_the_missing_file_is_named(tmp_path: Path) -> None:
    (write_music(tmp_path, small_music()) / "meta_Digital_Music.json.gz").unlink()
    with pytest.raises(MissingRawFiles) as error:
        AmazonMusic().raw_files(tmp_path)
    assert "meta_Digital_Music.json" in str(error.value)
    assert "reviews_Digital_Music" not in str(error.value)


def test_the_default_folder_comes_from_option_and_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert AmazonMusic(AmazonMusic.Config(raw="/data/music")).default_folder() == Path("/data/music")
    monkeypatch.setenv("DUETBENCH_DATA", str(tmp_path))
    assert AmazonMusic().default_folder() == tmp_path / "amazon-music"
