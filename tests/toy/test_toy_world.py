"""The toy world, its reviews and its raw files."""

from __future__ import annotations

import ast
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from duetbench.toy.words import write_review
from duetbench.toy.world import make_world, rating_distribution, write_raw


def test_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_raw(tmp_path / name, users=12, items=8, interactions=40, seed=3) for name in "ab")
    assert first.reviews.read_bytes() == second.reviews.read_bytes()
    assert first.items.read_bytes() == second.items.read_bytes()


def test_other_seed_gives_another_world(tmp_path: Path) -> None:
    first, second = (write_raw(tmp_path / str(seed), users=12, items=8, interactions=40, seed=seed) for seed in (3, 4))
    assert first.reviews.read_bytes() != second.reviews.read_bytes()


def _lines(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def test_reviews_are_json_and_items_are_python_literals(tmp_path: Path) -> None:
    files = write_raw(tmp_path, users=12, items=8, interactions=40, seed=3)
    reviews = [json.loads(line) for line in _lines(files.reviews)]
    items = [ast.literal_eval(line) for line in _lines(files.items)]
    assert len(reviews) == 40
    assert {review["asin"] for review in reviews} <= {item["asin"] for item in items}
    assert all(review["unixReviewTime"] % 86_400 == 0 and 1 <= review["overall"] <= 5 for review in reviews)


def test_dataset_reads_every_row(tmp_path: Path) -> None:
    from duetbench.datasets.toy import Toy

    dataset = Toy(Toy.Config(users=12, items=8, interactions=40))
    tables = dataset.read(dataset.raw_files(tmp_path))
    world = make_world(users=12, items=8, interactions=40)
    assert sorted(tables.interactions["review"]) == sorted(interaction.review for interaction in world.interactions)
    assert sorted(tables.items["categories"].to_list()) == sorted([item.genre] for item in world.items)


def test_pairs_are_unique_and_interactions_in_order_of_time() -> None:
    interactions = make_world(users=10, items=8, interactions=80).interactions
    assert len({(interaction.user_id, interaction.item.item_id) for interaction in interactions}) == 80
    times = [interaction.timestamp for interaction in interactions]
    assert times == sorted(times)


def test_more_interactions_than_pairs_is_an_error() -> None:
    with pytest.raises(ValueError, match="too few for 81 interactions"):
        make_world(users=10, items=8, interactions=81)


def test_ratings_follow_the_expected_stars() -> None:
    liked = rating_distribution(1, 0, 0, 1, True)  # 3 + 1.2 + 0.3 + 0.6 = 5.1 stars
    assert liked[4] == pytest.approx(0.933, abs=0.001)  # 1 - Phi((4.5 - 5.1) / 0.4)
    assert sum(liked) == pytest.approx(1)


def test_strict_users_rate_lower() -> None:
    strict, mild = (rating_distribution(0, 0, strictness, 1, False) for strictness in (1, -1))
    assert strict[1] + strict[2] > 0.8
    assert mild[3] > 0.5


def _reviews(write: Callable[[Random], str]) -> list[str]:
    random = Random(5)
    return [write(random) for _ in range(400)]


def test_half_of_the_reviews_are_empty() -> None:
    reviews = _reviews(lambda random: write_review(random, aspect="voice", quality=1, mood=1, is_loved=False))
    assert 0.4 < sum(not review for review in reviews) / len(reviews) < 0.6


def test_reviews_name_the_mood_the_aspect_and_mostly_the_quality() -> None:
    reviews = _reviews(lambda random: write_review(random, aspect="voice", quality=1, mood=-1, is_loved=True))
    written = [review for review in reviews if review]
    assert all(review.startswith(("Sigh, my ", "Alas, my ")) and review.endswith(" voice.") for review in written)
    good = sum("superb" in review or "great" in review for review in written) / len(written)
    assert 0.7 < good < 0.9  # 0.7 by quality, a third of the rest by chance


def test_titles_of_the_shipped_world_are_unique() -> None:
    titles = [item.item.title for item in make_world().items]
    assert len(set(titles)) == len(titles)
