"""What may be written of a toy user or item, from telling to empty: the profiles that toy-lm writes and reads.

An untrained writer mostly chooses an empty style. Its choice shows in the first word of the cue, so a trainer that
rewards what a profile is good for has only to move that choice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from duetbench.toy.words import ASPECTS, LENIENCY_WORDS, QUALITY_WORDS, TASTE_WORDS
from duetbench.types import Interaction

USER_STYLES = {"habits": 0.42, "details": 0.30, "taste and temper": 0.14, "taste": 0.07, "temper": 0.07}
"""How often the untrained writer chooses each cue for a user."""
ITEM_STYLES = {"impression": 0.42, "details": 0.30, "genre and sound": 0.14, "genre": 0.07, "sound": 0.07}
"""The same for an item."""
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


def _details(history: Sequence[Interaction]) -> str:
    said = re.findall(rf"\b({'|'.join(ASPECTS)})\b", " ".join(line.review for line in history[-1:]))
    return f"Mentions {said[-1]}." if said else "Mentions nothing."
