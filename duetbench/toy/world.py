"""A seeded world of users with tastes, strictness and mood, items with genre, quality and an aspect, and reviews.

The rating is a sum, rounded and clipped to 1..5: see `expected_stars`. Users rate items independently of their taste.
Nothing tells a user's tastes but the ratings: ten interactions cover few of the eight genres, fifty cover all. What
each source of information is worth is computed exactly by `inference`. Mean absolute error of the exact expected
rating on pairs of a user with 50 interactions and an item that 20 others rated, by what is known:

    nothing                                   1.03
    10 interactions                           0.79
    50 sentiments                             0.63
    50 interactions                           0.60
    10 interactions and the item's reviews    0.62
    50 interactions and the item's reviews    0.38
    all latent attributes                     0.35

The median of the same distributions has a lower MAE: 0.28 at best.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from duetbench.atomic import atomic_file
from duetbench.toy.words import ASPECTS, write_review
from duetbench.types import Domain, Interaction, Item

DOMAIN = Domain("album", "albums")
GENRES = ("blues", "folk", "jazz", "metal", "pop", "punk", "rock", "soul")
LEVELS = (-1, 0, 1)
MOODS = (-1, 1)
TASTE_SHARES = {-1: 0.35, 0: 0.3, 1: 0.35}
"""Probability of a user's taste for a genre, independently for each genre."""
STARS = {"mean": 3.0, "taste": 1.2, "quality": 0.6, "strictness": -0.6, "mood": 0.3, "aspect": 0.8, "noise": 0.4}
"""Parts of a rating in stars; `aspect` for the user's favourite aspect, `noise` is a standard deviation."""
REVIEWS_FILE = "reviews_Toy.json.gz"
ITEMS_FILE = "meta_Toy.json.gz"
DAY = 86_400
FIRST_DAY = 15_000  # 2011-01-26, within the years of Amazon's 2014 files
SPAN_DAYS = 900

# fmt: off
_TITLES = (
    "River", "Mirror", "Garden", "Harbor", "Mountain", "Letter", "Window", "Road", "Winter", "Signal", "Island",
    "Candle", "Shadow", "Bridge", "Thunder", "Valley", "Ocean", "Lantern", "Desert", "Castle", "Meadow", "Rocket",
    "Anchor", "Marble", "Velvet", "Copper", "Silver", "Ember", "Feather", "Canyon", "Orchard", "Compass", "Glacier",
    "Horizon", "Kettle", "Ladder", "Magnet", "Needle", "Oyster", "Pillow", "Quarry", "Ribbon", "Saddle", "Temple",
    "Umbrella", "Violet", "Willow", "Zenith", "Acorn", "Basket", "Cactus", "Dragon", "Engine", "Falcon", "Guitar",
    "Hammer", "Iris", "Jungle", "Kingdom", "Lemon", "Mango", "Nest", "Opal", "Palace", "Quilt", "Raven", "Spiral",
    "Tiger", "Unicorn", "Volcano", "Walnut", "Yacht", "Almond", "Beacon", "Cobalt", "Dune", "Echo", "Fjord",
    "Grove", "Haven", "Ivory", "Jasmine", "Kite", "Lagoon", "Maple", "Nectar", "Onyx", "Prism", "Quartz", "Reef",
    "Summit", "Tulip", "Urchin", "Vortex", "Wharf", "Yonder", "Zephyr", "Atlas", "Breeze", "Coral",
)
# fmt: on


@dataclass(frozen=True, slots=True)
class ToyUser:
    """A user with its latent attributes."""

    user_id: str
    tastes: tuple[int, ...]
    """One level per genre."""
    strictness: int
    mood: int
    aspect: str
    """The user's favourite aspect."""

    def taste(self, genre: str) -> int:
        """The level of this genre."""
        return self.tastes[GENRES.index(genre)]


@dataclass(frozen=True, slots=True)
class ToyItem:
    """An item with its latent quality and aspect; its genre is also in its metadata."""

    item: Item
    genre: str
    quality: int
    aspect: str


@dataclass(frozen=True, slots=True)
class ToyWorld:
    """Users, items and their interactions."""

    users: tuple[ToyUser, ...]
    items: tuple[ToyItem, ...]
    interactions: tuple[Interaction, ...]
    """In ascending order of time; each pair of user and item at most once."""


@cache
def expected_stars(taste: int, quality: int, strictness: int, mood: int, is_loved: bool) -> float:
    """The rating before noise, rounding and clipping, on the scale 1..5."""
    aspect = STARS["aspect"] * (is_loved - 1 / len(ASPECTS))
    levels = {"taste": taste, "quality": quality, "strictness": strictness, "mood": mood}
    return STARS["mean"] + aspect + sum(STARS[name] * level for name, level in levels.items())


@cache
def rating_distribution(taste: int, quality: int, strictness: int, mood: int, is_loved: bool) -> tuple[float, ...]:
    """The probabilities of the ratings 1..5."""
    mean = expected_stars(taste, quality, strictness, mood, is_loved)
    below = [0.5 * (1 + math.erf((label + 0.5 - mean) / (STARS["noise"] * math.sqrt(2)))) for label in (1, 2, 3, 4)]
    return tuple(high - low for low, high in zip((0.0, *below), (*below, 1.0), strict=True))


def rating_distribution_of(user: ToyUser, item: ToyItem) -> tuple[float, ...]:
    """The probabilities of the user's ratings of the item, in ascending order of the rating."""
    taste = user.taste(item.genre)
    return rating_distribution(taste, item.quality, user.strictness, user.mood, user.aspect == item.aspect)


def make_user(random: Random, user_id: str) -> ToyUser:
    """A random user."""
    tastes = random.choices(tuple(TASTE_SHARES), tuple(TASTE_SHARES.values()), k=len(GENRES))
    return ToyUser(user_id, tuple(tastes), random.choice(LEVELS), random.choice(MOODS), random.choice(ASPECTS))


def make_item(random: Random, item_id: str, title: str | None = None, *, genres: Sequence[str] = GENRES) -> ToyItem:
    """A random item of these genres; its category is its genre, its title carries no signal."""
    genre = random.choice(genres)
    item = Item(item_id, title or random.choice(_TITLES), (genre,))
    return ToyItem(item, genre, random.choice(LEVELS), random.choice(ASPECTS))


def make_interaction(random: Random, user: ToyUser, item: ToyItem, timestamp: int) -> Interaction:
    """A random rating of the item by the user, with its review."""
    rating = random.choices((1, 2, 3, 4, 5), rating_distribution_of(user, item))[0]
    is_loved = user.aspect == item.aspect
    review = write_review(random, aspect=item.aspect, quality=item.quality, mood=user.mood, is_loved=is_loved)
    return Interaction(user.user_id, item.item, float(rating), timestamp, review, f"{rating} stars")


def make_world(*, users: int = 80, items: int = 100, interactions: int = 5600, seed: int = 0) -> ToyWorld:
    """A random world; the same arguments give the same world.

    Raises:
        ValueError: there are more interactions than pairs, or fewer than 8 items.
    """
    if interactions > users * items or items < len(GENRES):
        raise ValueError(f"{users} users and {items} items are too few for {interactions} interactions")
    random = Random(f"toy world {seed}")
    toy_users = tuple(make_user(random, f"U{number:05d}") for number in range(users))
    titles = random.sample(_TITLES, len(_TITLES))
    toy_items = tuple(
        make_item(random, f"T{number:09d}", titles[number] if number < len(titles) else None) for number in range(items)
    )
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
    """Distinct pairs in random order: every user has the same number up to one."""
    unrated = {user.user_id: random.sample(items, len(items)) for user in users}
    chosen: list[tuple[ToyUser, ToyItem]] = []
    while len(chosen) < count:
        for user in random.sample(users, len(users)):
            if unrated[user.user_id] and len(chosen) < count:
                chosen.append((user, unrated[user.user_id].pop()))
    random.shuffle(chosen)
    return chosen


@dataclass(frozen=True, slots=True)
class RawFiles:
    """The two raw files of a toy dataset."""

    reviews: Path
    """One JSON object per line, ordered by item as in Amazon's files, not by time."""
    items: Path
    """One Python literal per line."""


def write_raw(folder: Path, *, users: int = 80, items: int = 100, interactions: int = 5600, seed: int = 0) -> RawFiles:
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
