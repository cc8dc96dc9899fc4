"""Steam's files of reviews and games."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from raw_making import write_json_files

from duetbench.data import HistoryOptions, build_examples, prepare
from duetbench.datasets.steam import Steam
from duetbench.errors import MissingRawFiles
from duetbench.testing import DatasetConformance

REVIEWS, GAMES = "australian_user_reviews.json.gz", "steam_games.json.gz"


def review(**other: Any) -> dict[str, Any]:
    return {
        "funny": "", "posted": "Posted November 5, 2011.", "last_edited": "", "item_id": "1250",
        "helpful": "No ratings yet", "recommend": True, "review": "Simple yet 'great'",
    } | other  # fmt: skip


def user(name: str, *reviews: dict[str, Any]) -> str:
    return repr({"user_id": name, "user_url": "http://steamcommunity.com/profiles/1", "reviews": list(reviews)})


def game(item_id: str) -> str:
    return (
        f"{{u'publisher': u'Kotoshiro', u'genres': [u'Action', u'Indie'], u'app_name': u'Game {item_id}', "
        f"u'title': u'Game {item_id}', u'tags': [u'Strategy'], u'price': 4.99, u'id': u'{item_id}'}}"
    )


def write(folder: Path, reviews: list[Any], games: list[Any]) -> Path:
    return write_json_files(folder, {REVIEWS: reviews, GAMES: games})


def many() -> list[str]:
    return [
        user(
            f"U{n}",
            *(
                review(item_id=f"{item}", posted=f"Posted May {n + item + 1}, 2013.", recommend=(n * item) % 3 > 0)
                for item in range(9)
            ),
        )
        for n in range(6)
    ]


class TestSteam(DatasetConformance):
    """The conformance checks."""

    plugin = Steam

    @pytest.fixture(autouse=True)
    def _raw(self, tmp_path: Path) -> None:
        type(self).raw = write(tmp_path, many(), [game(f"{n}") for n in range(9)])


def test_recommendations_are_ratings_of_0_and_1(tmp_path: Path) -> None:
    line = user("U", review(), review(recommend=False, last_edited="Last edited November 25, 2013."))
    tables = Steam().read(Steam().raw_files(write(tmp_path, [line, user("V")], [game("1250")])))
    assert tables.interactions.rows() == [
        ("U", "1250", 1.0, 1_320_451_200, "Simple yet 'great'", ""),
        ("U", "1250", 0.0, 1_385_337_600, "Simple yet 'great'", ""),
    ]
    assert tables.items.rows() == [("1250", "Game 1250", ["Action", "Indie"], "")]
    assert Steam().domain().labels == (0, 1)


def test_dates_without_a_year_are_noted_and_get_that_of_the_option(tmp_path: Path) -> None:
    raw = write(tmp_path, [user("U", review(posted="Posted July 15."))], [game("1250")])
    tables = Steam().read(Steam().raw_files(raw))
    assert tables.interactions["timestamp"].to_list() == [1_468_540_800]
    assert tables.notes == {"time without a year, read as of 2016": 1}
    assert Steam(Steam.Config(year=2015)).read(Steam().raw_files(raw)).interactions["timestamp"].to_list() == [
        1_436_918_400
    ]


def test_a_review_without_a_recommendation_is_a_fault(tmp_path: Path) -> None:
    raw = write(tmp_path, [user("U", review()), user("V", review(recommend="hours"))], [game("1250")])
    tables = Steam().read(Steam().raw_files(raw))
    assert (tables.interactions.height, tables.counts) == (1, {"field of the wrong type": 1})


def test_reviews_are_prepared_end_to_end(tmp_path: Path) -> None:
    prepared = prepare(Steam(), raw=write(tmp_path / "raw", many(), [game(f"{n}") for n in range(9)]), cache=tmp_path)
    assert {example.rating for example in build_examples(prepared, "test", HistoryOptions())} <= {0.0, 1.0}
    assert prepared.steps[-1].splits["test"] > 0


def test_missing_files_are_named_with_their_source(tmp_path: Path) -> None:
    with pytest.raises(MissingRawFiles, match=r"australian_user_reviews.json and steam_games.json .*jmcauley/datasets"):
        Steam().raw_files(tmp_path)
