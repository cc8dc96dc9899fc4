"""The training texts of toy-lm: prompts of the strategies and scorers with answers.

Each function samples a new user, item and histories; none of them uses the shipped toy dataset. DUET and the scorers
are in this module, the other strategies in `other_strategies`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Literal, NamedTuple, get_args

from duetbench.scorers.r4rec_predictor import Reason4RecPredictor
from duetbench.scorers.rating_expectation import RatingExpectation
from duetbench.scorers.rating_text import RatingText
from duetbench.strategies.duet import Duet
from duetbench.toy.forms import (
    ITEM_PARTS,
    PAIR_PARTS,
    USER_PARTS,
    UserFacts,
    item_facts,
    item_text,
    keyword_text,
    sample_parts,
    user_facts,
    user_text,
)
from duetbench.toy.tokenizer import ASSISTANT, END, USER
from duetbench.toy.words import ASPECTS
from duetbench.toy.world import (
    DAY,
    DOMAIN,
    FIRST_DAY,
    GENRES,
    LEVELS,
    TASTE_SHARES,
    ToyItem,
    ToyUser,
    make_interaction,
    make_item,
    make_user,
    rating_distribution,
    rating_distribution_of,
)
from duetbench.types import Example, Interaction, Message, Profile, Profiles, Request

WRITER_WINDOW, SCORER_WINDOW = 50, 10
"""Interactions of a user that the writer and the scorer read."""
QUESTIONS = 16
"""Ratings in a lesson."""
FACT_WEIGHT = 4.0
"""Loss weight of words that have to be found in the history."""
_TASTES = ("likes", "dislikes")
_FACTS = re.compile(
    rf"\b(?:{'|'.join((*GENRES, *ASPECTS))}|mild|fair|strict|Gloomy|Cheerful|Badly|Fairly|Finely|few|some|many"
    r"|nothing)\b"
)
_WINDOWS: Mapping[str, Any] = {"history_k": WRITER_WINDOW, "item_history_k": WRITER_WINDOW}


@dataclass(frozen=True, slots=True)
class ToyPair:
    """A user and an item with their latent attributes, and the example of their interaction."""

    user: ToyUser
    item: ToyItem
    example: Example

    @property
    def request(self) -> Request:
        """The request of the example."""
        return self.example.request


LessonForm = Literal["adjacent", "near", "question", "turn"]
LESSON_FORMS: tuple[LessonForm, ...] = get_args(LessonForm)


class LabelTarget(NamedTuple):
    """What to learn instead of a digit of an answer."""

    position: int
    """Index of the digit in the answer."""
    probabilities: tuple[float, ...]
    """Of the labels 1..5."""


@dataclass(frozen=True, slots=True)
class TrainingText:
    """A prompt and the answer to learn."""

    messages: tuple[Message, ...]
    answer: str
    labels: tuple[LabelTarget, ...] = ()
    """Ratings in the answer that are learned as distributions."""
    weights: tuple[tuple[int, int, float], ...] = ()
    """Spans (start, end) of the answer with loss weights other than 1; the first matching span counts."""


def make_history(random: Random, user: ToyUser, lines: int, genres: Sequence[str] = GENRES) -> list[Interaction]:
    """The user's ratings of new random items of these genres, one a day."""
    return [
        make_interaction(random, user, make_item(random, "T", genres=genres), (FIRST_DAY + day) * DAY)
        for day in range(lines)
    ]


def make_item_history(random: Random, item: ToyItem, lines: int) -> list[Interaction]:
    """Ratings of the item by new random users, one a day."""
    return [make_interaction(random, make_user(random, "V"), item, (FIRST_DAY + day) * DAY) for day in range(lines)]


def make_pair(
    random: Random, *, user_lines: int, item_lines: int, user: ToyUser | None = None, genres: Sequence[str] = GENRES
) -> ToyPair:
    """A random item and a random user, or this one, with histories of these lengths."""
    user = user or make_user(random, "U")
    item = make_item(random, "T", genres=genres)
    by_user, of_item = make_history(random, user, user_lines, genres), make_item_history(random, item, item_lines)
    now = (FIRST_DAY + max(user_lines, item_lines)) * DAY
    request = Request(
        "toy:0",
        user.user_id,
        item.item,
        now,
        DOMAIN,
        tuple(by_user),
        tuple(of_item),
        _average(by_user),
        _average(of_item),
    )
    return ToyPair(user, item, Example(request, make_interaction(random, user, item, now).rating))


def make_writing_pair(random: Random, longest_history: int = WRITER_WINDOW) -> ToyPair:
    """A random pair whose histories often have the length of the writer's window."""
    user_lines = random.choice((longest_history, random.randint(0, longest_history)))
    item_lines = random.randint(0, min(longest_history, 24))
    return make_pair(random, user_lines=user_lines, item_lines=item_lines)


def duet_texts(random: Random, *, longest_history: int = WRITER_WINDOW) -> list[TrainingText]:
    """A DUET prompt about both sides or one, with an answer in random forms."""
    pair = make_writing_pair(random, longest_history)
    side: Literal["both", "user", "item"] = random.choices(("both", "user", "item"), (0.45, 0.4, 0.15))[0]
    return [duet_text(random, pair, side)]


def duet_text(random: Random, pair: ToyPair, side: Literal["both", "user", "item"]) -> TrainingText:
    """A DUET prompt about this pair, with an answer in random forms; sometimes without cue or constructed prompt."""
    fields = random.choices(((True, True), (False, True), (True, False), (False, False)), (0.85, 0.05, 0.05, 0.05))[0]
    config = Duet.Config(side=side, cue=fields[0], self_prompt=fields[1], prompt_set="compact", history_k=WRITER_WINDOW)
    (prompt,) = Duet(config).stages()[0].prompts([pair.request], {})
    known = user_facts(pair.request.user_history)
    user_parts = sample_parts(random, PAIR_PARTS if side == "both" else USER_PARTS)
    user = user_text(random, user_parts, replace(known, target_genre=pair.item.genre))
    item_parts = sample_parts(random, ITEM_PARTS)
    item = item_text(item_parts, item_facts(pair.item.genre, pair.request.item_history))
    blocks = {
        "user": _block("user", user_parts, user, fields),
        "item": _block("item", item_parts, item, fields),
    }
    return emphasized(prompt.messages, "\n".join(text for name, text in blocks.items() if side in (name, "both")))


def emphasized(messages: tuple[Message, ...], answer: str) -> TrainingText:
    """A text whose facts have the loss weight `FACT_WEIGHT`."""
    return TrainingText(messages, answer, (), tuple((*found.span(), FACT_WEIGHT) for found in _FACTS.finditer(answer)))


def _block(side: str, parts: Sequence[str], profile: str, fields: tuple[bool, bool]) -> str:
    has_cue, has_prompt = fields
    cue = f"<cue>{', '.join(parts)}</cue>" if has_cue else ""
    prompt = f"<constructed_prompt>Describe {', '.join(parts)}.</constructed_prompt>" if has_prompt else ""
    return f"<{side}_profile>{cue}{prompt}<profile>{profile}</profile></{side}_profile>"


def lesson(
    random: Random, *, genres: Sequence[str] = GENRES, lines: int, is_exact: bool, form: LessonForm = "adjacent"
) -> TrainingText:
    """A profile or a history, and the ratings of many genres right after their names.

    It teaches what the real prompts need, to find what is said about a genre, with twenty ratings in one text instead
    of one; from the real prompts alone a model of this size does not learn it in an hour.

    Args:
        random: Source of random numbers.
        genres: Genres of the history and the ratings.
        lines: Length of the history; 0: a profile instead.
        is_exact: Whether all ratings are 2, 3 or 4 by the taste alone.
        form: How far each rating is from its genre, from right after it to where it is in the scorer's prompt.
    """
    user = make_user(random, "U")
    history = [_exact(user, line) if is_exact else line for line in make_history(random, user, lines, genres)]
    profile = Profiles() if lines else Profiles(Profile("user", _true_profile(random, user, genres, is_exact)))
    request = replace(make_pair(random, user_lines=0, item_lines=0, user=user).request, user_history=tuple(history))
    evidence = _question(request, profile).partition("The album is")[0]
    seen = {line.item.categories[0] for line in history} if lines else set(genres)
    answer, labels = "", []
    for number in range(QUESTIONS):
        item = make_item(random, "T", genres=genres)
        probabilities = (
            _exact_distribution(user, item.genre, seen) if is_exact else _genre_distribution(user, item.genre)
        )
        question = f"The album is {item.item.title}, {item.genre}."
        before, after = {
            "adjacent": (f" {item.genre}", ","),
            "near": (f" {item.genre}: ", ","),
            "question": (f"{question}\nRating: ", "\n"),
            "turn": (f"{USER}{question}\nAnswer with one whole number only.{END}{ASSISTANT}Rating: ", END),
        }[form]
        if form == "turn" and not is_exact:
            before = f"{USER}{_item_question(random, item)}{END}{ASSISTANT}Rating: "
            probabilities = rating_distribution_of(user, item)
        if form == "turn" and number == 0:
            evidence += before.removeprefix(USER).partition(END)[0]
            before = "Rating: "
        labels.append(LabelTarget(len(answer) + len(before), probabilities))
        answer += f"{before}{_most_likely(probabilities)}{after}"
    messages = (Message("user", evidence),)
    return TrainingText(messages, answer, tuple(labels), ((0, len(answer), 0.0),))


def _true_profile(random: Random, user: ToyUser, genres: Sequence[str], is_exact: bool) -> str:
    """A profile of all tastes for these genres; unless `is_exact`, also in PALR's form or with other attributes."""
    liked, disliked = (
        tuple(_shuffled(random, [genre for genre in genres if user.taste(genre) == level])) for level in (1, -1)
    )
    known = UserFacts(liked, disliked, user.strictness, user.mood, user.aspect)
    if is_exact:
        return user_text(None, _shuffled(random, _TASTES), known)
    if random.random() < 0.3:
        return keyword_text(None, known, make_history(random, user, 8, genres))
    others = random.sample(("strictness", "mood", "aspect"), random.randint(0, 3))
    return user_text(None, _shuffled(random, [*_TASTES, *others]), known)


def _item_question(random: Random, item: ToyItem) -> str:
    """The scorer's question about an item of which others' ratings, a profile, both or nothing is known."""
    history = make_item_history(random, item, random.randint(0, 20))
    shown = history[len(history) - min(len(history), random.choice((0, 0, 4, 8))) :]
    text = item_text(sample_parts(random, ITEM_PARTS), item_facts(item.genre, history))
    profiles = Profiles(item=Profile("item", text)) if random.random() < 0.5 else Profiles()
    request = Request("toy:0", "U", item.item, FIRST_DAY * DAY, DOMAIN, (), tuple(shown))
    return _question(request, profiles).partition("\n")[2]


def _question(request: Request, profiles: Profiles) -> str:
    """The scorer's prompt."""
    return label_text(request, profiles, (1.0, 0.0, 0.0, 0.0, 0.0)).messages[-1].content


def _most_likely(probabilities: Sequence[float]) -> int:
    """The label with the highest probability."""
    return int(max(DOMAIN.labels, key=lambda label: probabilities[int(label) - 1]))


def _exact(user: ToyUser, line: Interaction) -> Interaction:
    return replace(line, rating=3.0 + user.taste(line.item.categories[0]), review="")


def _shuffled(random: Random, values: Sequence[str]) -> list[str]:
    return random.sample(list(values), len(values))


def _exact_distribution(user: ToyUser, genre: str, seen: Set[str]) -> tuple[float, ...]:
    if genre not in seen:
        return (0.0, *TASTE_SHARES.values(), 0.0)
    return tuple(float(label == 3 + user.taste(genre)) for label in DOMAIN.labels)


def _genre_distribution(user: ToyUser, genre: str) -> tuple[float, ...]:
    """The probabilities of the ratings of an item of this genre of which nothing else is known."""
    every = [
        rating_distribution(user.taste(genre), quality, user.strictness, user.mood, is_loved)
        for quality in LEVELS
        for is_loved in (True, *[False] * (len(ASPECTS) - 1))
    ]
    return tuple(sum(values) / len(every) for values in zip(*every, strict=True))


def rating_texts(random: Random, *, longest_history: int = WRITER_WINDOW) -> list[TrainingText]:
    """A scorer's prompt: any part of both histories, averages, and profiles of any form, at their true value.

    The target is the distribution of the rating given the latent attributes; so the model learns the probability of
    a rating given what the prompt shows. Profiles state what follows from the writer's window, whose end is the
    scorer's.
    """
    pair = make_pair(random, user_lines=_length(random, longest_history), item_lines=random.randint(0, 24))
    request = pair.request
    profiles = random_profiles(random, request)
    shown_lines = random.choices((0, SCORER_WINDOW, random.randint(0, SCORER_WINDOW), longest_history), (3, 5, 1, 1))[0]
    shown_items = random.choices((0, random.randint(1, 24)), (2, 1))[0]
    averages = random.choices((0, 1, 2, 3), (7, 1, 1, 1))[0]
    request = replace(
        request,
        user_history=request.user_history[len(request.user_history) - min(shown_lines, len(request.user_history)) :],
        item_history=request.item_history[len(request.item_history) - min(shown_items, len(request.item_history)) :],
        user_average=request.user_average if averages & 1 else None,
        item_average=request.item_average if averages & 2 else None,
    )
    probabilities = rating_distribution_of(pair.user, pair.item)
    generated = [_generated_rating_text(request, profiles, probabilities)] if random.random() < 0.1 else []
    scorer = Reason4RecPredictor if profiles.pair and random.random() < 0.5 else RatingExpectation
    return [label_text(request, profiles, probabilities, scorer), *generated]


def _length(random: Random, longest: int) -> int:
    return random.choice((longest, longest, random.randint(0, longest)))


def random_profiles(random: Random, request: Request) -> Profiles:
    """Profiles of one side, both or none, in a random form, from ratings or from sentiments."""
    sides = random.choices(("none", "user", "item", "both", "pair"), (2, 3, 1, 4, 1))[0]
    if sides == "none":
        return Profiles()
    sentiments = random.random() < 0.3
    known = user_facts(request.user_history, sentiments=sentiments, reviews=not sentiments)
    known = replace(known, target_genre=request.item.categories[0])
    everything = random.random() < 0.4
    detail = None if everything else random
    user = user_text(detail, sample_parts(random, PAIR_PARTS, 5 if everything else 4), known)
    if sides == "user" and random.random() < 0.4:
        user = keyword_text(detail, known, request.user_history)
    item = item_text(sample_parts(random, ITEM_PARTS), item_facts(request.item.categories[0], request.item_history))
    if sides == "pair":
        return Profiles(pair=Profile("pair", f"{user} {item}"))
    written_user = Profile("user", user) if sides in ("user", "both") else None
    return Profiles(written_user, Profile("item", item) if sides in ("item", "both") else None)


def label_text(
    request: Request,
    profiles: Profiles,
    probabilities: tuple[float, ...],
    kind: type[RatingExpectation] = RatingExpectation,
) -> TrainingText:
    """The scorer's prompt for what the request shows, with the probabilities of the ratings as its target."""
    scorer = kind(kind.Config(prompt_set="compact", show_averages=True, **_WINDOWS))
    (prompt,) = scorer.prompts([request], [profiles])
    answer = f"{scorer.config.answer_prefix}{_most_likely(probabilities)}"
    return TrainingText(prompt.messages, answer, (LabelTarget(len(answer) - 1, probabilities),))


def _generated_rating_text(request: Request, profiles: Profiles, probabilities: tuple[float, ...]) -> TrainingText:
    scorer = RatingText(RatingText.Config(prompt_set="compact", show_averages=True, **_WINDOWS))
    (prompt,) = scorer.prompts([request], [profiles])
    mean = sum(label * probability for label, probability in zip(DOMAIN.labels, probabilities, strict=True))
    return TrainingText(prompt.messages, f"<rating>{round(mean * 4) / 4:.2f}</rating>")


def _average(history: Sequence[Interaction]) -> float | None:
    return sum(line.rating for line in history) / len(history) if history else None
