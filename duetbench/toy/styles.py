"""What may be written of a toy user or item, from telling to empty: the profiles that toy-lm writes and reads.

An untrained writer mostly chooses an empty style. Its choice shows in the first word of the cue, so a trainer that
rewards what a profile is good for has only to move that choice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from duetbench.strategies.writing import sentiment
from duetbench.toy.words import ASPECTS, LENIENCY_WORDS, QUALITY_WORDS, TASTE_WORDS
from duetbench.toy.world import DOMAIN
from duetbench.types import Interaction

USER_STYLES = {"habits": 0.42, "details": 0.30, "taste and temper": 0.14, "taste": 0.07, "temper": 0.07}
"""How often the untrained writer of DUET chooses each cue for a user."""
ITEM_STYLES = {"impression": 0.42, "details": 0.30, "genre and sound": 0.14, "genre": 0.07, "sound": 0.07}
"""The same for an item."""
PLAIN_STYLES = {"habits": 0.85, "taste": 0.15}
"""How often the untrained writer of the other strategies says little, and how often what it has found.

Each of the few idle first words has to be likelier than the telling one, or the greedy writer tells all untrained.
"""
_TEMPER = {1: "Praises easily.", 0: "Judges fairly.", -1: "Praises rarely.", None: "Judges somehow."}
_SOUND = {1: "Superb sound.", 0: "Decent sound.", -1: "Awful sound.", None: "Some sound."}
_HABITS = ("Listens to albums now and then.", "Reviews what comes along.", "Has heard a few albums so far.")
_IMPRESSIONS = ("One album among many.", "Several people reviewed it.", "It comes up now and then.")


@dataclass(frozen=True, slots=True)
class UserFacts:
    """What is known of a user; None: not known."""

    liked: str | None = None
    disliked: str | None = None
    leniency: int | None = None


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What is known of an item; None: not known."""

    genre: str | None = None
    quality: int | None = None


def read_user(history: Sequence[Interaction]) -> UserFacts:
    """What a careful reader finds in the user's own words; the last word on a matter counts."""
    text = " ".join(line.review for line in history)
    return UserFacts(
        _last_genre(text, TASTE_WORDS[1]), _last_genre(text, TASTE_WORDS[-1]), _last_level(text, LENIENCY_WORDS)
    )


def read_item(genre: str, history: Sequence[Interaction]) -> ItemFacts:
    """What a careful reader finds in what others say of the item."""
    return ItemFacts(genre, _last_level(" ".join(line.review for line in history), QUALITY_WORDS))


def read_feelings(history: Sequence[Interaction]) -> UserFacts:
    """What a careful reader finds who is told no word of the user, only what was liked and what was not.

    The genre with the most positive lines beyond its negative ones, and the one with the fewest; of equals the later.
    """
    balance: dict[str, int] = {}
    for line in history:
        genre = line.item.categories[0]
        before = balance.pop(genre, 0)  # the latest genre stands last
        feeling = sentiment(line.rating, DOMAIN)
        balance[genre] = before + (feeling == "positive") - (feeling == "negative")
    latest = list(reversed(balance))
    liked = max(latest, key=lambda genre: balance[genre], default=None)
    disliked = min(latest, key=lambda genre: balance[genre], default=None)
    return UserFacts(
        liked if liked and balance[liked] > 0 else None, disliked if disliked and balance[disliked] < 0 else None
    )


def enjoyed(history: Sequence[Interaction]) -> list[str]:
    """The titles that were liked, the latest first."""
    return [line.item.title for line in reversed(history) if sentiment(line.rating, DOMAIN) == "positive"]


def _last_genre(text: str, words: Sequence[str]) -> str | None:
    found = re.findall(rf"\b(?:{'|'.join(words)}) (\w+)", text)
    return found[-1] if found else None


def _last_level(text: str, words: Mapping[int, Sequence[str]]) -> int | None:
    places = {level: max(text.rfind(word) for word in said) for level, said in words.items()}
    level = max(places, key=lambda key: places[key])
    return level if places[level] >= 0 else None


def user_text(random: Random, style: str, facts: UserFacts, history: Sequence[Interaction] = ()) -> str:
    """A user's profile in a style."""
    match style:
        case "habits":
            return random.choice(_HABITS)
        case "details":
            return _details(history)
        case "taste":
            return f"Likes {facts.liked or 'nothing'}, dislikes {facts.disliked or 'nothing'}."
        case "temper":
            return _TEMPER[facts.leniency]
        case _:
            return f"{user_text(random, 'taste', facts)} {user_text(random, 'temper', facts)}"


def item_text(random: Random, style: str, facts: ItemFacts, history: Sequence[Interaction] = ()) -> str:
    """An item's profile in a style."""
    match style:
        case "impression":
            return random.choice(_IMPRESSIONS)
        case "details":
            return _details(history)
        case "genre":
            return f"The genre is {facts.genre}."
        case "sound":
            return _SOUND[facts.quality]
        case _:
            return f"{item_text(random, 'genre', facts)} {item_text(random, 'sound', facts)}"


def why_text(titles: Sequence[str]) -> str:
    """What a taste is said to follow from."""
    return f"Enjoyed {titles[0] if titles else 'nothing'}."


def keyword_text(style: str, liked: str | None, titles: Sequence[str]) -> str:
    """A ranked keyword with the title that supports it."""
    keyword = "any album" if style == "habits" else f"genre {liked or 'unknown'}"
    return f'1. {keyword}: "{titles[0] if titles else "nothing"}"'


def aspects_text(review: str) -> str:
    """A review sorted into what is praised, what is blamed and the rest, in R4Rec's three lines."""
    tastes = {level: _last_genre(review, words) for level, words in TASTE_WORDS.items()}
    sound = _last_level(review, QUALITY_WORDS)
    temper = _last_level(review, LENIENCY_WORDS)
    found = {level: [tastes[level] or "", "sound" if sound == level else ""] for level in (1, -1, 0)}
    rest = [*found[0], "" if temper is None else _TEMPER[temper].lower().rstrip("."), *_said(review)]
    lines = {"Positive Aspects": found[1], "Negative Aspects": found[-1], "User Preference Elements": rest}
    return "\n".join(f"{name}: {', '.join(filter(None, words)) or 'none'}" for name, words in lines.items())


def _said(review: str) -> list[str]:
    """The matters that carry no signal."""
    return re.findall(rf"\b(?:{'|'.join(ASPECTS)})\b", review)


def _details(history: Sequence[Interaction]) -> str:
    said = _said(" ".join(line.review for line in history[-1:]))
    return f"Mentions {said[-1]}." if said else "Mentions nothing."
