"""The profiles that toy-lm is trained to write and to read, in styles from informative to uninformative.

The shipped writer mostly chooses an uninformative style. The first word of the cue determines the style, so a trainer
that rewards accurate predictions only has to change the probabilities of that word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from duetbench.toy.words import ASPECTS, LENIENCY_WORDS, QUALITY_WORDS, TASTE_WORDS
from duetbench.toy.world import DOMAIN
from duetbench.types import Interaction

USER_STYLES = {"habits": 0.42, "details": 0.30, "taste and temper": 0.14, "taste": 0.07, "temper": 0.07}
"""Probabilities of the cues for a user in DUET's training texts."""
ITEM_STYLES = {"impression": 0.42, "details": 0.30, "genre and sound": 0.14, "genre": 0.07, "sound": 0.07}
"""Probabilities of the cues for an item in DUET's training texts."""
PLAIN_STYLES = {"habits": 0.85, "taste": 0.15}
"""Probabilities of an uninformative and of an informative profile in the other strategies' training texts.

Each of the few first words of the uninformative style must be more likely than that of the informative one, or the
shipped model is informative at temperature 0.
"""
_TEMPER = {1: "Praises easily.", 0: "Judges fairly.", -1: "Praises rarely.", None: "Judges somehow."}
_SOUND = {1: "Superb sound.", 0: "Decent sound.", -1: "Awful sound.", None: "Some sound."}
_HABITS = ("Listens to albums now and then.", "Reviews what comes along.", "Has heard a few albums so far.")
_IMPRESSIONS = ("One album among many.", "Several people reviewed it.", "It comes up now and then.")


@dataclass(frozen=True, slots=True)
class UserFacts:
    """The known attributes of a user; None: unknown."""

    liked: str | None = None
    disliked: str | None = None
    leniency: int | None = None


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """The known attributes of an item; None: unknown."""

    genre: str | None = None
    quality: int | None = None


def user_facts_of(history: Sequence[Interaction]) -> UserFacts:
    """The facts about a user that the user's reviews state; the last statement on each counts."""
    text = " ".join(line.review for line in history)
    return UserFacts(
        _last_genre(text, TASTE_WORDS[1]), _last_genre(text, TASTE_WORDS[-1]), _last_level(text, LENIENCY_WORDS)
    )


def item_facts_of(genre: str, history: Sequence[Interaction]) -> ItemFacts:
    """The facts about an item that its reviews state; the last statement on its quality counts."""
    return ItemFacts(genre, _last_level(" ".join(line.review for line in history), QUALITY_WORDS))


def user_facts_from_sentiments(history: Sequence[Interaction]) -> UserFacts:
    """The tastes of a user as estimated from the sentiments of the history, without its reviews.

    The liked genre has the largest difference of positive and negative interactions, the disliked one the smallest; on
    a tie the genre with the later interaction counts.
    """
    balance: dict[str, int] = {}
    for line in history:
        genre = line.item.categories[0]
        previous = balance.pop(genre, 0)  # so that the order is that of the latest interactions
        word = DOMAIN.sentiment(line.rating)
        balance[genre] = previous + (word == "positive") - (word == "negative")
    latest = list(reversed(balance))
    liked = max(latest, key=lambda genre: balance[genre], default=None)
    disliked = min(latest, key=lambda genre: balance[genre], default=None)
    return UserFacts(
        liked if liked and balance[liked] > 0 else None, disliked if disliked and balance[disliked] < 0 else None
    )


def liked_titles(history: Sequence[Interaction]) -> list[str]:
    """The titles with a positive rating, the latest first."""
    return [line.item.title for line in reversed(history) if DOMAIN.sentiment(line.rating) == "positive"]


def _last_genre(text: str, words: Sequence[str]) -> str | None:
    genres = re.findall(rf"\b(?:{'|'.join(words)}) (\w+)", text)
    return genres[-1] if genres else None


def _last_level(text: str, words: Mapping[int, Sequence[str]]) -> int | None:
    positions = {level: max(text.rfind(word) for word in level_words) for level, level_words in words.items()}
    level = max(positions, key=lambda key: positions[key])
    return level if positions[level] >= 0 else None


def user_text(random: Random, style: str, facts: UserFacts, history: Sequence[Interaction] = ()) -> str:
    """The profile of a user in this style."""
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
    """The profile of an item in this style."""
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


def reason_text(titles: Sequence[str]) -> str:
    """The reason for a taste: the first of these titles."""
    return f"Enjoyed {titles[0] if titles else 'nothing'}."


def keyword_text(style: str, liked: str | None, titles: Sequence[str]) -> str:
    """PALR's list with one keyword and the title that supports it."""
    keyword = "any album" if style == "habits" else f"genre {liked or 'unknown'}"
    return f'1. {keyword}: "{titles[0] if titles else "nothing"}"'


def aspects_text(review: str) -> str:
    """R4Rec's three lines for a review: what it praises, what it criticizes, and the rest."""
    tastes = {level: _last_genre(review, words) for level, words in TASTE_WORDS.items()}
    sound = _last_level(review, QUALITY_WORDS)
    temper = _last_level(review, LENIENCY_WORDS)
    aspects = {level: [tastes[level] or "", "sound" if sound == level else ""] for level in (1, -1, 0)}
    preferences = [*aspects[0], "" if temper is None else _TEMPER[temper].lower().rstrip("."), *_other_aspects(review)]
    lines = {"Positive Aspects": aspects[1], "Negative Aspects": aspects[-1], "User Preference Elements": preferences}
    return "\n".join(f"{name}: {', '.join(filter(None, words)) or 'none'}" for name, words in lines.items())


def _other_aspects(review: str) -> list[str]:
    """The aspects without a signal that the review mentions."""
    return re.findall(rf"\b(?:{'|'.join(ASPECTS)})\b", review)


def _details(history: Sequence[Interaction]) -> str:
    aspects = _other_aspects(" ".join(line.review for line in history[-1:]))
    return f"Mentions {aspects[-1]}." if aspects else "Mentions nothing."
