"""A seeded world of users with latent tastes, items with attributes, and reviews whose words follow from both.

A rating is `3 + taste + quality + leniency + noise`, cut to 1..5. Taste is +1 for the user's liked genre, -1 for the
disliked one, else 0; quality belongs to the item and leniency to the user, both in -1, 0, +1; the noise is -1 or +1
once in ten each. Reviews speak of these three things and of others that carry no signal (delivery, price, ...).
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
FIRST_DAY = 15_000  # 2011-01-26, the years that Amazon's 2014 files cover
SPAN_DAYS = 900
NOISE = 0.1  # chance of one star too few, and the same of one too many

PICKED = {1: 0.35, -1: 0.30, 0: 0.35}  # how much of what users pick is of a genre that they like, dislike, neither
_FIRST = ("Silver", "Quiet", "Golden", "Broken", "Distant", "Hidden", "Burning", "Frozen", "Wild", "Empty")
_SECOND = ("River", "Mirror", "Garden", "Harbor", "Mountain", "Letter", "Window", "Road", "Winter", "Signal")


@dataclass(frozen=True, slots=True)
class ToyUser:
    """What nobody sees of a user."""

    user_id: str
    liked: str
    disliked: str
    leniency: int

    def taste(self, genre: str) -> int:
        """+1 for the liked genre, -1 for the disliked one, else 0."""
        return (genre == self.liked) - (genre == self.disliked)


@dataclass(frozen=True, slots=True)
class ToyItem:
    """An item with its quality, which nobody sees; its genre stands in its metadata."""

    item: Item
    genre: str
    quality: int


@dataclass(frozen=True, slots=True)
class ToyWorld:
    """Users, items and what happened between them."""

    users: tuple[ToyUser, ...]
    items: tuple[ToyItem, ...]
    interactions: tuple[Interaction, ...]
    """By time; each pair of user and item at most once."""


def mean_rating(taste: int, quality: int, leniency: int) -> int:
    """The rating without noise."""
    return min(5, max(1, 3 + taste + quality + leniency))


def rating_shares(taste: int, quality: int, leniency: int) -> tuple[float, ...]:
    """How likely each of the ratings 1..5 is."""
    shares = [0.0] * 5
    for noise, share in ((-1, NOISE), (0, 1 - 2 * NOISE), (1, NOISE)):
        shares[min(5, max(1, 3 + taste + quality + leniency + noise)) - 1] += share
    return tuple(shares)


def make_user(random: Random, user_id: str) -> ToyUser:
    """A user with a liked and another, disliked genre."""
    liked, disliked = random.sample(GENRES, 2)
    return ToyUser(user_id, liked, disliked, random.choice(LEVELS))


def make_item(random: Random, item_id: str) -> ToyItem:
    """An item whose title says nothing and whose category is its genre."""
    title = f"{random.choice(_FIRST)} {random.choice(_SECOND)}"
    genre = random.choice(GENRES)
    return ToyItem(Item(item_id, title, (genre,)), genre, random.choice(LEVELS))


def pick_item(random: Random, user: ToyUser) -> ToyItem:
    """A fresh item as this user would pick it: users rate what they like, and what they dislike, more often."""
    genre = random.choices(GENRES, [PICKED[user.taste(genre)] / _alike(user.taste(genre)) for genre in GENRES])[0]
    item = make_item(random, "T")
    return ToyItem(replace(item.item, categories=(genre,)), genre, item.quality)


def _alike(taste: int) -> int:
    """How many genres share this taste: one is liked, one disliked, the others are neither."""
    return 1 if taste else len(GENRES) - 2


def make_interaction(random: Random, user: ToyUser, item: ToyItem, timestamp: int) -> Interaction:
    """A rating and its review."""
    taste = user.taste(item.genre)
    shares = rating_shares(taste, item.quality, user.leniency)
    rating = random.choices((1, 2, 3, 4, 5), shares)[0]
    review = write_review(random, item.genre, taste, item.quality, user.leniency)
    summary = f"{QUALITY_WORDS[item.quality][0]} {item.genre}" if random.random() < 0.5 else f"{rating} stars"
    return Interaction(user.user_id, item.item, float(rating), timestamp, review, summary)


def make_world(*, users: int = 160, items: int = 80, interactions: int = 2600, seed: int = 0) -> ToyWorld:
    """A world from a seed: same arguments, same world.

    Raises:
        ValueError: more interactions are wanted than there are pairs, or there are fewer than 4 items.
    """
    if interactions > users * items or items < len(GENRES):
        raise ValueError(f"{users} users and {items} items do not make {interactions} interactions")
    random = Random(f"toy world {seed}")
    people = tuple(make_user(random, f"U{number:05d}") for number in range(users))
    things = tuple(make_item(random, f"T{number:09d}") for number in range(items))
    pairs = _pairs(random, people, things, interactions)
    days = sorted(random.randrange(SPAN_DAYS) for _ in pairs)
    happened = (
        make_interaction(random, user, item, (FIRST_DAY + day) * DAY)
        for (user, item), day in zip(pairs, days, strict=True)
    )
    return ToyWorld(people, things, tuple(happened))


def _pairs(
    random: Random, users: tuple[ToyUser, ...], items: tuple[ToyItem, ...], count: int
) -> list[tuple[ToyUser, ToyItem]]:
    """Distinct pairs: every user equally often (by one), items by the user's taste."""
    free = {user.user_id: list(items) for user in users}
    chosen: list[tuple[ToyUser, ToyItem]] = []
    while len(chosen) < count:
        for user in random.sample(users, len(users)):
            left = free[user.user_id]
            if left and len(chosen) < count:
                weights = [PICKED[user.taste(item.genre)] / _alike(user.taste(item.genre)) for item in left]
                chosen.append((user, left.pop(random.choices(range(len(left)), weights)[0])))
    random.shuffle(chosen)
    return chosen


@dataclass(frozen=True, slots=True)
class RawFiles:
    """The two files of a toy dataset."""

    reviews: Path
    """One JSON object a line, in no order of time: by item, as Amazon's files are."""
    items: Path
    """One Python literal a line."""


def write_raw(folder: Path, *, users: int = 160, items: int = 80, interactions: int = 2600, seed: int = 0) -> RawFiles:
    """The raw files of the world with this seed: same arguments, same bytes.

    Args:
        folder: Is created if it is missing; files of these names are replaced, each at once.
        users: How many people rate.
        items: How many things are rated.
        interactions: How many ratings there are in all; each pair at most one.
        seed: The world's.
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
        gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as packed,  # no name, no time: same bytes on every run
    ):
        for line in lines:
            packed.write(f"{line}\n".encode())
