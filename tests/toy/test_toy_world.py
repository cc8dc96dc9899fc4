"""The toy world, its reviews and its raw files."""

from __future__ import annotations

import ast
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from duetbench.toy.styles import ItemFacts, UserFacts, item_facts_of, user_facts_of
from duetbench.toy.words import write_review
from duetbench.toy.world import make_interaction, make_item, make_user, make_world, rating_distribution, write_raw


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
    interactions = make_world(users=10, items=6, interactions=60).interactions
    assert len({(interaction.user_id, interaction.item.item_id) for interaction in interactions}) == 60
    times = [interaction.timestamp for interaction in interactions]
    assert times == sorted(times)


def test_more_interactions_than_pairs_is_an_error() -> None:
    with pytest.raises(ValueError, match="too few for 61 interactions"):
        make_world(users=10, items=6, interactions=61)


def test_liked_and_disliked_genre_differ() -> None:
    assert all(user.liked != user.disliked for user in make_world().users)


def test_ratings_follow_taste_quality_and_leniency() -> None:
    assert rating_distribution(1, 0, 0) == pytest.approx((0, 0, 0.1, 0.8, 0.1))
    assert rating_distribution(-1, -1, -1) == pytest.approx((1, 0, 0, 0, 0))


def test_ratings_are_clipped_to_the_scale() -> None:
    assert rating_distribution(1, 1, 0) == pytest.approx((0, 0, 0, 0.1, 0.9))


def _reviews(write: Callable[[Random], str]) -> str:
    random = Random(5)
    return " ".join(write(random) for _ in range(200))


def test_words_of_one_taste_are_not_used_for_another() -> None:
    reviews = _reviews(lambda random: write_review(random, "rock", 1, 0, 0))
    assert "love rock" in reviews
    assert not any(word in reviews for word in ("hate", "avoid", "accept", "tolerate"))


def test_long_histories_reveal_all_facts() -> None:
    random = Random(1)
    user, item = make_user(random, "U1"), make_item(random, "T1")
    by_user = [make_interaction(random, user, make_item(random, "T"), 0) for _ in range(60)]
    of_item = [make_interaction(random, make_user(random, "V"), item, 0) for _ in range(30)]
    assert user_facts_of(by_user) == UserFacts(user.liked, user.disliked, user.leniency)
    assert item_facts_of(item.genre, of_item) == ItemFacts(item.genre, item.quality)


def test_empty_histories_reveal_nothing() -> None:
    assert user_facts_of([]) == UserFacts()
    assert item_facts_of("jazz", []) == ItemFacts("jazz", None)
