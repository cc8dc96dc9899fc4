"""The training texts of toy-lm: prompts of the strategies and scorers with answers.

Each function samples a new user, item and histories; none of them uses the shipped toy dataset. DUET and the scorers
are in this module, the other strategies in `other_strategies`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from random import Random
from typing import Literal

from duetbench.scorers.r4rec_predictor import Reason4RecPredictor
from duetbench.scorers.rating_expectation import RatingExpectation
from duetbench.scorers.rating_text import RatingText
from duetbench.strategies.duet import Duet
from duetbench.toy.styles import (
    ITEM_STYLES,
    USER_STYLES,
    ItemFacts,
    UserFacts,
    item_facts_of,
    item_text,
    keyword_text,
    reason_text,
    user_facts_of,
    user_text,
)
from duetbench.toy.world import (
    DAY,
    DOMAIN,
    FIRST_DAY,
    LEVELS,
    TASTE_SHARES,
    ToyItem,
    ToyUser,
    make_interaction,
    make_item,
    make_user,
    pick_item,
    rating_distribution,
)
from duetbench.types import Example, Interaction, Message, Profile, Profiles, Request

_CHOSEN = re.compile(r"(?<=<cue>)[\w ]+|(?<=<constructed_prompt>)[\w ]+|(?<=<profile>)\w+")
_FACTS = re.compile(r"(?<=likes )\w+|(?<=Likes )\w+|(?:Judges|Praises) \w+|(?<=genre is )\w+|\w+(?= sound\.)")
FACT_WEIGHT = 8.0
"""Loss weight of words that have to be found in the history; without it the model does not learn this in time."""

HISTORY_WEIGHT = 0.5
"""Weight of facts that are only in the history, when the target ratings of the scorer are computed.

If the scorer used the history as much as the profiles, profiles could not improve its predictions much.
"""


Frequencies = Mapping[str, float]
"""Relative frequencies of styles."""


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


@dataclass(frozen=True, slots=True)
class TrainingText:
    """A prompt and the answer to learn."""

    messages: tuple[Message, ...]
    answer: str
    label_probabilities: tuple[float, ...] = ()
    """Target probabilities of the labels, which replace the single digit at the end of the answer; or ()."""
    weights: tuple[tuple[int, int, float], ...] = ()
    """Spans (start, end) of the answer with loss weights other than 1; the first matching span counts."""


def make_pair(random: Random, *, user_lines: int, item_lines: int) -> ToyPair:
    """A random user and item with histories of these lengths."""
    user = make_user(random, "U")
    item = pick_item(random, user)
    days = [(FIRST_DAY + day) * DAY for day in range(max(user_lines, item_lines) + 1)]
    by_user = [make_interaction(random, user, pick_item(random, user), day) for day in days[:user_lines]]
    of_item = [make_interaction(random, make_user(random, "V"), item, day) for day in days[:item_lines]]
    request = Request(
        "toy:0",
        user.user_id,
        item.item,
        days[-1],
        DOMAIN,
        tuple(by_user),
        tuple(of_item),
        _average(by_user),
        _average(of_item),
    )
    return ToyPair(user, item, Example(request, make_interaction(random, user, item, days[-1]).rating))


def make_writing_pair(random: Random, longest_history: int) -> ToyPair:
    """A random pair whose histories mostly have the length of the writer's window."""
    lengths = [random.choice((longest_history, random.randint(0, longest_history))) for _ in range(2)]
    return make_pair(random, user_lines=lengths[0], item_lines=lengths[1])


def duet_texts(random: Random, *, longest_history: int = 10) -> list[TrainingText]:
    """A DUET prompt with an answer in a random style, with the frequencies of the shipped model."""
    return [_duet_text(random, longest_history, USER_STYLES, ITEM_STYLES)]


def informative_duet_texts(random: Random, *, longest_history: int = 10) -> list[TrainingText]:
    """A DUET prompt with an informative answer: its facts are learned, the choice of its style is not."""
    text = _duet_text(random, longest_history, {"taste and temper": 1}, {"genre and sound": 1})
    return [with_weights(text, ignored=_CHOSEN, emphasized=_FACTS)]


def with_weights(text: TrainingText, *, ignored: re.Pattern[str], emphasized: re.Pattern[str]) -> TrainingText:
    """The text with loss weight 0 for the `ignored` spans and `FACT_WEIGHT` for the `emphasized` ones."""
    zero = ((*match.span(), 0.0) for match in ignored.finditer(text.answer))
    high = ((*match.span(), FACT_WEIGHT) for match in emphasized.finditer(text.answer))
    return replace(text, weights=(*zero, *high))


def _duet_text(
    random: Random, longest_history: int, user_styles: Frequencies, item_styles: Frequencies
) -> TrainingText:
    """Both sides in one answer, or one side; sometimes without cue or constructed prompt."""
    pair = make_writing_pair(random, longest_history)
    fields = random.choices(((True, True), (False, True), (True, False), (False, False)), (0.85, 0.05, 0.05, 0.05))[0]
    side: Literal["both", "user", "item"] = random.choices(("both", "user", "item"), (0.6, 0.2, 0.2))[0]
    config = Duet.Config(side=side, cue=fields[0], self_prompt=fields[1], prompt_set="compact")
    (prompt,) = Duet(config).stages()[0].prompts([pair.request], {})
    by_user, of_item = pair.request.user_history, pair.request.item_history
    user_style, item_style = sample_style(random, user_styles), sample_style(random, item_styles)
    user = user_text(random, user_style, user_facts_of(by_user), by_user)
    item = item_text(random, item_style, item_facts_of(pair.item.genre, of_item), of_item)
    blocks = {"user": _block("user", user_style, user, fields), "item": _block("item", item_style, item, fields)}
    return TrainingText(prompt.messages, "\n".join(text for name, text in blocks.items() if side in (name, "both")))


def _block(side: str, style: str, profile: str, fields: tuple[bool, bool]) -> str:
    has_cue, has_prompt = fields
    cue = f"<cue>{style}</cue>" if has_cue else ""
    prompt = f"<constructed_prompt>Describe {style}.</constructed_prompt>" if has_prompt else ""
    return f"<{side}_profile>{cue}{prompt}<profile>{profile}</profile></{side}_profile>"


def rating_texts(
    random: Random, *, longest_history: int = 10, informative: float = 0.75, other_formats: bool = True
) -> list[TrainingText]:
    """Scorer prompts for one pair, with profiles that state all, some or no facts, with or without a history.

    Args:
        random: Source of random numbers.
        longest_history: Maximum length of the user's history.
        informative: Probability that a side's profile states all facts.
        other_formats: Whether profiles also have the formats of the other strategies; else only DUET's.
    """
    lines = random.choice((0, longest_history, random.randint(0, longest_history)))
    pair = make_pair(random, user_lines=lines, item_lines=1)
    user, user_facts = _user_profile(random, pair, informative, other_formats)
    item, item_facts = _item_profile(random, pair, informative)
    profiles = Profiles(Profile("user", user) if user else None, Profile("item", item) if item else None)
    if other_formats and user and item and random.random() < 0.2:
        profiles = Profiles(pair=Profile("pair", f"{user} {item}"))
    probabilities = rating_distribution_given(user_facts, item_facts, pair.item.genre)
    if lines:
        all_facts = UserFacts(pair.user.liked, pair.user.disliked, pair.user.leniency)
        with_history = rating_distribution_given(all_facts, item_facts, pair.item.genre)
        weighted = zip(with_history, probabilities, strict=True)
        probabilities = tuple(HISTORY_WEIGHT * a + (1 - HISTORY_WEIGHT) * b for a, b in weighted)
    generated = [_generated_rating_text(pair, profiles, probabilities)] if random.random() < 0.2 else []
    scorer = Reason4RecPredictor if profiles.pair and random.random() < 0.3 else RatingExpectation
    return [_label_text(pair, profiles, probabilities, scorer), *generated]


def _user_profile(random: Random, pair: ToyPair, informative: float, other_formats: bool) -> tuple[str, UserFacts]:
    """A profile and the facts that it states; an empty text: no profile."""
    user = pair.user
    styles = ["", *USER_STYLES, *["keyword"] * other_formats]
    style = "taste and temper" if random.random() < informative else random.choice(styles)
    facts = UserFacts(user.liked, user.disliked) if "taste" in style else UserFacts()
    if style == "keyword":
        facts = UserFacts(user.liked)
    elif style == "taste" and random.random() < 0.3:
        facts = random.choice((UserFacts(user.liked), UserFacts(disliked=user.disliked)))
    facts = replace(facts, leniency=user.leniency if "temper" in style else None)
    titles = [make_item(random, "T").item.title]
    text = keyword_text(style, facts.liked, titles) if style == "keyword" else ""
    if style and not text:
        text = user_text(random, style, facts, pair.request.user_history)
    if other_formats and style in ("taste", "habits") and random.random() < 0.5:
        text = f"{text} {reason_text(titles)}"
    return text, facts


def _item_profile(random: Random, pair: ToyPair, informative: float) -> tuple[str, ItemFacts]:
    style = "genre and sound" if random.random() < informative else random.choice(["", *ITEM_STYLES])
    facts = ItemFacts(pair.item.genre, pair.item.quality if "sound" in style else None)
    return item_text(random, style, facts, pair.request.user_history) if style else "", facts


def _label_text(
    pair: ToyPair, profiles: Profiles, probabilities: tuple[float, ...], kind: type[RatingExpectation]
) -> TrainingText:
    scorer = kind(kind.Config(prompt_set="compact"))
    (prompt,) = scorer.prompts([pair.request], [profiles])
    most_likely = max(range(len(probabilities)), key=lambda position: probabilities[position])
    answer = f"{scorer.config.answer_prefix}{DOMAIN.labels[most_likely]}"
    return TrainingText(prompt.messages, answer, probabilities)


def _generated_rating_text(pair: ToyPair, profiles: Profiles, probabilities: tuple[float, ...]) -> TrainingText:
    (prompt,) = RatingText(RatingText.Config(prompt_set="compact")).prompts([pair.request], [profiles])
    mean = sum(label * probability for label, probability in zip(DOMAIN.labels, probabilities, strict=True))
    return TrainingText(prompt.messages, f"<rating>{round(mean * 4) / 4:.2f}</rating>")


def rating_distribution_given(user: UserFacts, item: ItemFacts, genre: str) -> tuple[float, ...]:
    """The probabilities of the ratings 1..5, given these facts and the item's genre."""
    total = [0.0] * len(DOMAIN.labels)
    tastes, leniencies = _taste_distribution(user, genre), _level_distribution(user.leniency)
    for (taste, a), (leniency, b), (quality, c) in product(tastes, leniencies, _level_distribution(item.quality)):
        for position, probability in enumerate(rating_distribution(taste, quality, leniency)):
            total[position] += a * b * c * probability
    return tuple(total)


def _taste_distribution(user: UserFacts, genre: str) -> Sequence[tuple[int, float]]:
    """The possible tastes for the genre with their probabilities; certain if the facts state it."""
    stated = {user.liked: 1, user.disliked: -1}
    if genre in stated:
        return ((stated[genre], 1.0),)
    unknown = [taste for taste, known_genre in ((1, user.liked), (-1, user.disliked)) if known_genre is None]
    possible = (0, *unknown)
    return [(taste, TASTE_SHARES[taste] / sum(TASTE_SHARES[other] for other in possible)) for taste in possible]


def _level_distribution(level: int | None) -> Sequence[tuple[int, float]]:
    return [(possible, 1 / len(LEVELS)) for possible in LEVELS] if level is None else [(level, 1.0)]


def sample_style(random: Random, frequencies: Frequencies) -> str:
    """A random style with these relative frequencies."""
    return random.choices(list(frequencies), list(frequencies.values()))[0]


def _average(history: Sequence[Interaction]) -> float | None:
    return sum(line.rating for line in history) / len(history) if history else None
