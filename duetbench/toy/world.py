"""A seeded world of users with latent tastes, items with attributes, and reviews that depend on both.

A rating is `3 + taste + quality + leniency + noise`, clipped to 1..5. Taste is +1 for the user's liked genre, -1 for
the disliked one, else 0; quality is an attribute of the item and leniency of the user, both in -1, 0, +1; the noise is
-1 or +1 with probability 0.1 each. Reviews mention these three and aspects without a signal (delivery, price, ...).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from duetbench.atomic import atomic_file
from duetbench.toy.words import QUALITY_WORDS, write_review
from duetbench.types import Domain, Interaction, Item

DOMAIN = Domain("album", "albums")
GENRES = ("rock", "jazz", "folk", "metal")
LEVELS = (-1, 0, 1)
REVIEWS_FILE = "reviews_Toy.json.gz"
ITEMS_FILE = "meta_Toy.json.gz"
DAY = 86_400
FIRST_DAY = 15_000  # 2011-01-26, within the years of Amazon's 2014 files
SPAN_DAYS = 900
NOISE = 0.1  # probability of one star less, and of one star more

TASTE_SHARES = {1: 0.35, -1: 0.30, 0: 0.35}  # shares of rated items by the user's taste for their genre
_FIRST = ("Silver", "Quiet", "Golden", "Broken", "Distant", "Hidden", "Burning", "Frozen", "Wild", "Empty")
_SECOND = ("River", "Mirror", "Garden", "Harbor", "Mountain", "Letter", "Window", "Road", "Winter", "Signal")


@dataclass(frozen=True, slots=True)
class ToyUser:
    """A user with its latent attributes."""

    user_id: str
    liked: str
    disliked: str
    leniency: int

    def taste(self, genre: str) -> int:
        """+1 for the liked genre, -1 for the disliked one, else 0."""
        return (genre == self.liked) - (genre == self.disliked)


@dataclass(frozen=True, slots=True)
class ToyItem:
    """An item with its latent quality; its genre is also in its metadata."""

    item: Item
    genre: str
    quality: int


@dataclass(frozen=True, slots=True)
class ToyWorld:
    """Users, items and their interactions."""

    users: tuple[ToyUser, ...]
    items: tuple[ToyItem, ...]
    interactions: tuple[Interaction, ...]
    """In ascending order of time; each pair of user and item at most once."""


def mean_rating(taste: int, quality: int, leniency: int) -> int:
    """The rating without noise."""
    return min(5, max(1, 3 + taste + quality + leniency))


def rating_distribution(taste: int, quality: int, leniency: int) -> tuple[float, ...]:
    """The probabilities of the ratings 1..5."""
    probabilities = [0.0] * 5
    for noise, probability in ((-1, NOISE), (0, 1 - 2 * NOISE), (1, NOISE)):
        probabilities[min(5, max(1, 3 + taste + quality + leniency + noise)) - 1] += probability
    return tuple(probabilities)


def make_user(random: Random, user_id: str) -> ToyUser:
    """A random user with a liked and another, disliked genre."""
    liked, disliked = random.sample(GENRES, 2)
    return ToyUser(user_id, liked, disliked, random.choice(LEVELS))


def make_item(random: Random, item_id: str) -> ToyItem:
    """A random item; its category is its genre, its title carries no signal."""
    title = f"{random.choice(_FIRST)} {random.choice(_SECOND)}"
    genre = random.choice(GENRES)
    return ToyItem(Item(item_id, title, (genre,)), genre, random.choice(LEVELS))


def pick_item(random: Random, user: ToyUser) -> ToyItem:
    """A new item that this user rates: liked and disliked genres are more frequent than neutral ones."""
    genre = random.choices(GENRES, [_genre_weight(user, genre) for genre in GENRES])[0]
    item = make_item(random, "T")
    return ToyItem(replace(item.item, categories=(genre,)), genre, item.quality)


def _genre_weight(user: ToyUser, genre: str) -> float:
    """How often the user rates items of this genre: the share of its taste, divided among the genres of that taste."""
    taste = user.taste(genre)
    return TASTE_SHARES[taste] / (1 if taste else len(GENRES) - 2)


def make_interaction(random: Random, user: ToyUser, item: ToyItem, timestamp: int) -> Interaction:
    """A random rating of the item by the user, with its review."""
    taste = user.taste(item.genre)
    probabilities = rating_distribution(taste, item.quality, user.leniency)
    rating = random.choices((1, 2, 3, 4, 5), probabilities)[0]
    review = write_review(random, item.genre, taste, item.quality, user.leniency)
    summary = f"{QUALITY_WORDS[item.quality][0]} {item.genre}" if random.random() < 0.5 else f"{rating} stars"
    return Interaction(user.user_id, item.item, float(rating), timestamp, review, summary)


def make_world(*, users: int = 160, items: int = 80, interactions: int = 2600, seed: int = 0) -> ToyWorld:
    """A random world; the same arguments give the same world.

    Raises:
        ValueError: there are more interactions than pairs, or fewer than 4 items.
    """
    if interactions > users * items or items < len(GENRES):
        raise ValueError(f"{users} users and {items} items are too few for {interactions} interactions")
    random = Random(f"toy world {seed}")
    toy_users = tuple(make_user(random, f"U{number:05d}") for number in range(users))
    toy_items = tuple(make_item(random, f"T{number:09d}") for number in range(items))
    pairs = _sample_pairs(random, toy_users, toy_items, interactions)
    days = sorted(random.randrange(SPAN_DAYS) for _ in pairs)
    history = tuple(
        make_interaction(random, user, item, (FIRST_DAY + day) * DAY)
        for (user, item), day in zip(pairs, days, strict=True)
    )
    return ToyWorld(toy_users, toy_items, history)


def _sample_pairs(
    random: Random, users: tuple[ToyUser, ...], items: tuple[ToyItem, ...], count: int
) -> list[tuple[ToyUser, ToyItem]]:
    """Distinct pairs: every user has the same number up to one, with items sampled by the user's taste."""
    unrated = {user.user_id: list(items) for user in users}
    chosen: list[tuple[ToyUser, ToyItem]] = []
    while len(chosen) < count:
        for user in random.sample(users, len(users)):
            candidates = unrated[user.user_id]
            if candidates and len(chosen) < count:
                weights = [_genre_weight(user, item.genre) for item in candidates]
                chosen.append((user, candidates.pop(random.choices(range(len(candidates)), weights)[0])))
    random.shuffle(chosen)
    return chosen


@dataclass(frozen=True, slots=True)
class RawFiles:
    """The two raw files of a toy dataset."""

    reviews: Path
    """One JSON object per line, ordered by item as in Amazon's files, not by time."""
    items: Path
    """One Python literal per line."""


def write_raw(folder: Path, *, users: int = 160, items: int = 80, interactions: int = 2600, seed: int = 0) -> RawFiles:
    """Writes the raw files of a world; the same arguments give the same bytes.

    Args:
        folder: It is created if missing; existing files of these names are replaced atomically.
        users: Number of users.
        items: Number of items.
        interactions: Number of ratings, at most one per pair.
        seed: Seed of the world.
    """
    world = make_world(users=users, items=items, interactions=interactions, seed=seed)
    folder.mkdir(parents=True, exist_ok=True)
    files = RawFiles(folder / REVIEWS_FILE, folder / ITEMS_FILE)
    by_item = sorted(world.interactions, key=lambda interaction: interaction.item.item_id)
    _write_lines(files.reviews, (json.dumps(_review_line(interaction)) for interaction in by_item))
    _write_lines(files.items, (repr(_item_line(item, seed)) for item in world.items))
    return files


def _review_line(interaction: Interaction) -> dict[str, Any]:
    day = datetime.fromtimestamp(interaction.timestamp, UTC)
    return {
        "reviewerID": interaction.user_id,
        "asin": interaction.item.item_id,
        "reviewerName": f"Listener {interaction.user_id}",
        "helpful": [0, 0],
        "reviewText": interaction.review,
        "overall": interaction.rating,
        "summary": interaction.summary,
        "unixReviewTime": interaction.timestamp,
        "reviewTime": f"{day:%m} {day.day}, {day:%Y}",
    }


def _item_line(item: ToyItem, seed: int) -> dict[str, Any]:
    price = Random(f"{seed} {item.item.item_id}").randrange(500, 2000) / 100
    return {"asin": item.item.item_id, "title": item.item.title, "price": price, "categories": [[item.genre]]}


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    with (
        atomic_file(path) as partial,
        partial.open("wb") as raw,
        gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as compressed,  # without name and time: reproducible bytes
    ):
        for line in lines:
            compressed.write(f"{line}\n".encode())
