"""The forms of profile that toy-lm is trained to write and to read: sentences, each on one fact, in any order.

No form is preferred: the number, the choice and the order of the sentences are uniform, and so is which of several
genres a sentence names. Each tells something, none everything; what helps the scorer has to be found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from duetbench.toy.inference import ItemBelief, UserBelief, item_belief, mood_of, quality_of, review_words, user_belief
from duetbench.toy.words import ASPECTS
from duetbench.toy.world import DOMAIN, GENRES, LEVELS
from duetbench.types import Interaction

TASTE_PARTS = ("likes", "dislikes", "strictness", "favourite", "share", "remark")
"""Parts of a user's profile that follow from ratings or sentiments alone."""
USER_PARTS = (*TASTE_PARTS, "mood", "aspect")
"""All parts of a user's profile."""
PAIR_PARTS = (*USER_PARTS, "taste")
"""All parts of a user's profile that is written together with the item's: `taste` is that for the item's genre."""
ITEM_PARTS = ("genre", "quality", "aspect", "share", "remark")
"""All parts of an item's profile."""
CAREFUL_TASTE = ("likes", "dislikes", "strictness")
CAREFUL_USER = (*CAREFUL_TASTE, "mood", "aspect")
CAREFUL_ITEM = ("quality", "aspect")
LONGEST = 3
"""Largest number of parts of a written profile."""

_STRICTNESS = {-1: "A mild judge.", 0: "A fair judge.", 1: "A strict judge."}
_MOODS = {-1: "Gloomy words.", 1: "Cheerful words.", None: "No words."}
_QUALITY = {-1: "Badly made.", 0: "Fairly made.", 1: "Finely made."}
_SHARES = ("few", "some", "many")
_CERTAIN = 0.5
"""Posterior probability above which a taste or an aspect is stated."""


@dataclass(frozen=True, slots=True)
class UserFacts:
    """What a history tells about its user."""

    liked: tuple[str, ...] = ()
    """Genres, the most certain first."""
    disliked: tuple[str, ...] = ()
    strictness: int = 0
    mood: int | None = None
    aspect: str | None = None
    favourite: tuple[str, str] | None = None
    """Title and genre of a positive interaction."""
    liked_share: int = 1
    """Position in few, some, many."""
    rated: int = 0
    """Position in few, some, many."""
    target_genre: str = ""
    """The genre of the item that a pair's profile is about."""


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What metadata and reviews tell about an item."""

    genre: str
    quality: int = 0
    aspect: str | None = None
    liked_share: int = 1
    rated: int = 0


def user_facts(history: Sequence[Interaction], *, sentiments: bool = False, reviews: bool = True) -> UserFacts:
    """The most probable facts, given the history as a prompt shows it; see `user_belief`."""
    belief = user_belief(history, sentiments=sentiments, reviews=reviews)
    positive = [line for line in history if DOMAIN.sentiment(line.rating) == "positive"]
    last = positive[-1].item if positive else None
    aspects = belief.common.sum((0, 1))
    return UserFacts(
        liked=_genres(belief, 2),
        disliked=_genres(belief, 0),
        strictness=LEVELS[int(belief.common.sum((1, 2)).argmax())],
        mood=_mood(history) if reviews else None,
        aspect=ASPECTS[int(aspects.argmax())] if aspects.max() > _CERTAIN else None,
        favourite=(last.title, last.categories[0]) if last else None,
        liked_share=_share(history),
        rated=_number(history),
    )


def item_facts(genre: str, history: Sequence[Interaction], *, reviews: bool = True) -> ItemFacts:
    """The most probable facts about an item of this genre, given its ratings by others."""
    belief: ItemBelief = item_belief(genre, history, reviews=reviews)
    aspects = belief.latents.sum(0)
    return ItemFacts(
        genre,
        LEVELS[int(belief.latents.sum(1).argmax())],
        ASPECTS[int(aspects.argmax())] if aspects.max() > _CERTAIN else None,
        _share(history),
        _number(history),
    )


def _genres(belief: UserBelief, level: int) -> tuple[str, ...]:
    certainty = {genre: belief.taste(genre)[level] for genre in GENRES}
    return tuple(sorted((g for g in GENRES if certainty[g] > _CERTAIN), key=lambda g: -certainty[g]))


def _mood(history: Sequence[Interaction]) -> int | None:
    words = [review_words(line.review) for line in history]
    found = [word[0] for word in words if word]
    return mood_of(found[-1]) if found else None


def _share(history: Sequence[Interaction]) -> int:
    if not history:
        return 1
    share = sum(DOMAIN.sentiment(line.rating) == "positive" for line in history) / len(history)
    return (share > 0.25) + (share > 0.5)


def _number(history: Sequence[Interaction]) -> int:
    return (len(history) > 5) + (len(history) > 20)


def sample_parts(random: Random, parts: Sequence[str], longest: int = LONGEST) -> list[str]:
    """One to `longest` parts in random order, each number equally often."""
    return random.sample(list(parts), random.randint(1, min(longest, len(parts))))


def user_text(random: Random | None, parts: Sequence[str], facts: UserFacts) -> str:
    """The sentences of these parts; without `random` each list of genres is complete."""
    return " ".join(_user_sentence(random, part, facts) for part in parts)


def _user_sentence(random: Random | None, part: str, facts: UserFacts) -> str:
    match part:
        case "likes":
            return f"Likes {', likes '.join(_some(random, facts.liked))}."
        case "dislikes":
            return f"Dislikes {', dislikes '.join(_some(random, facts.disliked))}."
        case "strictness":
            return _STRICTNESS[facts.strictness]
        case "mood":
            return _MOODS[facts.mood]
        case "aspect":
            return f"Cares for {facts.aspect or 'nothing'}."
        case "favourite":
            return f"Favourite: {', '.join(facts.favourite) if facts.favourite else 'none'}."
        case "taste":
            return f"{_taste_verb(facts)} {facts.target_genre}."
        case "share":
            return f"Liked {_SHARES[facts.liked_share]}."
        case _:
            return f"Rated {_SHARES[facts.rated]}."


def _taste_verb(facts: UserFacts) -> str:
    if facts.target_genre in facts.liked:
        return "Likes"
    return "Dislikes" if facts.target_genre in facts.disliked else "Tolerates"


def _some(random: Random | None, genres: Sequence[str]) -> Sequence[str]:
    if random and genres:
        return random.sample(list(genres), random.randint(1, len(genres)))
    return genres or ("nothing",)


def item_text(parts: Sequence[str], facts: ItemFacts) -> str:
    """The sentences of these parts."""
    return " ".join(_item_sentence(part, facts) for part in parts)


def _item_sentence(part: str, facts: ItemFacts) -> str:
    match part:
        case "genre":
            return f"Genre {facts.genre}."
        case "quality":
            return _QUALITY[facts.quality]
        case "aspect":
            return f"Known for {facts.aspect or 'nothing'}."
        case "share":
            return f"Liked by {_SHARES[facts.liked_share]}."
        case _:
            return f"Rated by {_SHARES[facts.rated]}."


def keyword_text(random: Random | None, facts: UserFacts, history: Sequence[Interaction]) -> str:
    """PALR's list: liked genres, and with `no` before them disliked ones, each with titles that support it."""
    keywords = [*facts.liked, *(f"no {genre}" for genre in facts.disliked)]
    if random and keywords:
        keywords = random.sample(keywords, random.randint(1, len(keywords)))
    lines = [f'{n}. {keyword}: "{_example(keyword, history)}"' for n, keyword in enumerate(keywords[:9], start=1)]
    return "\n".join(lines) or f'1. anything: "{history[-1].item.title if history else "none"}"'


def _example(keyword: str, history: Sequence[Interaction]) -> str:
    wanted = "negative" if keyword.startswith("no ") else "positive"
    genre = keyword.removeprefix("no ")
    same = [line for line in history if line.item.categories[0] == genre]
    fitting = [line for line in same if DOMAIN.sentiment(line.rating) == wanted]
    return (fitting or same or history)[-1].item.title


def aspects_text(line: Interaction) -> str:
    """R4Rec's three lines for a review: what it praises, what it criticizes, and the rest."""
    words = review_words(line.review)
    genre = {DOMAIN.sentiment(line.rating): [line.item.categories[0]]}
    aspects: dict[int, list[str]] = {}
    preferences = genre.get("neutral", [])
    if words:
        mood, own, quality, aspect = words
        aspects[quality_of(quality)] = [aspect]
        preferences = [*preferences, mood.lower(), *([f"my {aspect}"] if own else aspects.get(0, []))]
    lines = {
        "Positive Aspects": [*genre.get("positive", []), *aspects.get(1, [])],
        "Negative Aspects": [*genre.get("negative", []), *aspects.get(-1, [])],
        "User Preference Elements": preferences,
    }
    return "\n".join(f"{name}: {', '.join(found) or 'none'}" for name, found in lines.items())
