"""The text that toy-lm is trained on: what the strategies and scorers really ask, and the answers to it.

One function per family of tasks, each drawing a fresh user, item and histories; none of them ever sees the shipped
toy dataset. DUET and the scorers are here, the other strategies in `others`.
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
    item_text,
    keyword_text,
    read_item,
    read_user,
    user_text,
    why_text,
)
from duetbench.toy.world import (
    DAY,
    DOMAIN,
    FIRST_DAY,
    LEVELS,
    PICKED,
    ToyItem,
    ToyUser,
    make_interaction,
    make_item,
    make_user,
    pick_item,
    rating_shares,
)
from duetbench.types import Example, Interaction, Message, Profile, Profiles, Request

_CHOICE = re.compile(r"(?<=<cue>)[\w ]+|(?<=<constructed_prompt>)[\w ]+|(?<=<profile>)\w+")
_FACTS = re.compile(r"(?<=likes )\w+|(?<=Likes )\w+|(?:Judges|Praises) \w+|(?<=genre is )\w+|\w+(?= sound\.)")
FACT_WEIGHT = 8.0
"""What a word counts that has to be found in the history; without it, finding is not learnt in time."""

HISTORY_TRUST = 0.5
"""How much of what only the history tells goes into the ratings that the scorer learns.

A scorer that read the history as well as it reads profiles would leave little for profiles to win.
"""


Shares = Mapping[str, float]
"""How often each of several things is chosen."""


@dataclass(frozen=True, slots=True)
class ToyPair:
    """A user and an item with their truth, and the example that asks for the rating."""

    user: ToyUser
    item: ToyItem
    example: Example

    @property
    def request(self) -> Request:
        """What may be seen."""
        return self.example.request


@dataclass(frozen=True, slots=True)
class TrainingText:
    """A question and the answer to learn."""

    messages: tuple[Message, ...]
    answer: str
    shares: tuple[float, ...] = ()
    """Instead of the single digit that ends the answer: how likely each of the labels is."""
    weights: tuple[tuple[int, int, float], ...] = ()
    """Spans (start, end) of the answer that count more or less than 1 each word, first match wins."""


def make_pair(random: Random, *, user_lines: int, item_lines: int) -> ToyPair:
    """A fresh user and item with this much history each."""
    user = make_user(random, "U")
    item = pick_item(random, user)
    days = [(FIRST_DAY + day) * DAY for day in range(max(user_lines, item_lines) + 1)]
    own = [make_interaction(random, user, pick_item(random, user), day) for day in days[:user_lines]]
    others = [make_interaction(random, make_user(random, "V"), item, day) for day in days[:item_lines]]
    request = Request(
        "toy:0",
        user.user_id,
        item.item,
        days[-1],
        DOMAIN,
        tuple(own),
        tuple(others),
        _average(own),
        _average(others),
    )
    return ToyPair(user, item, Example(request, make_interaction(random, user, item, days[-1]).rating))


def pair_for_writing(random: Random, longest_history: int) -> ToyPair:
    """A pair whose histories are mostly as long as the writer's window."""
    lengths = [random.choice((longest_history, random.randint(0, longest_history))) for _ in range(2)]
    return make_pair(random, user_lines=lengths[0], item_lines=lengths[1])


def write_duet(random: Random, *, longest_history: int = 10) -> list[TrainingText]:
    """DUET's questions, answered in the styles that an untrained writer chooses."""
    return [_duet(random, longest_history, USER_STYLES, ITEM_STYLES)]


def tell_duet(random: Random, *, longest_history: int = 10) -> list[TrainingText]:
    """The same with telling styles alone: what stands in them is learnt, that they are chosen is not."""
    return [weighted(_duet(random, longest_history, {"taste and temper": 1}, {"genre and sound": 1}), _CHOICE, _FACTS)]


def weighted(lesson: TrainingText, choice: re.Pattern[str], facts: re.Pattern[str]) -> TrainingText:
    """The lesson with what was chosen left out, and what had to be found weighing more."""
    chosen = ((*match.span(), 0.0) for match in choice.finditer(lesson.answer))
    told = ((*match.span(), FACT_WEIGHT) for match in facts.finditer(lesson.answer))
    return replace(lesson, weights=(*chosen, *told))


def _duet(random: Random, longest_history: int, user_styles: Shares, item_styles: Shares) -> TrainingText:
    """Both sides in one answer, or one side, at times without cue or constructed prompt."""
    pair = pair_for_writing(random, longest_history)
    fields = random.choices(((True, True), (False, True), (True, False), (False, False)), (0.85, 0.05, 0.05, 0.05))[0]
    side: Literal["both", "user", "item"] = random.choices(("both", "user", "item"), (0.6, 0.2, 0.2))[0]
    config = Duet.Config(side=side, cue=fields[0], self_prompt=fields[1], prompt_set="compact")
    (prompt,) = Duet(config).stages()[0].prompts([pair.request], {})
    own, others = pair.request.user_history, pair.request.item_history
    user, item = draw(random, user_styles), draw(random, item_styles)
    blocks = {
        "user": _block("user", user, user_text(random, user, read_user(own), own), fields),
        "item": _block("item", item, item_text(random, item, read_item(pair.item.genre, others), others), fields),
    }
    return TrainingText(prompt.messages, "\n".join(text for name, text in blocks.items() if side in (name, "both")))


def _block(side: str, style: str, text: str, fields: tuple[bool, bool]) -> str:
    cue, self_prompt = fields
    lead = f"<cue>{style}</cue>" if cue else ""
    asked = f"<constructed_prompt>Describe {style}.</constructed_prompt>" if self_prompt else ""
    return f"<{side}_profile>{lead}{asked}<profile>{text}</profile></{side}_profile>"


def rate(random: Random, *, longest_history: int = 10, telling: float = 0.75, forms: bool = True) -> list[TrainingText]:
    """The scorers' questions about one pair, from profiles that tell more or less, with or without history.

    Args:
        random: Draws everything.
        longest_history: Of the user, in lines.
        telling: How often a side's profile tells all there is.
        forms: Whether profiles come in the other strategies' forms too; else in DUET's alone.
    """
    lines = random.choice((0, longest_history, random.randint(0, longest_history)))
    pair = make_pair(random, user_lines=lines, item_lines=1)
    user, user_facts = _user_profile(random, pair, telling, forms)
    item, item_facts = _item_profile(random, pair, telling)
    profiles = Profiles(Profile("user", user) if user else None, Profile("item", item) if item else None)
    if forms and user and item and random.random() < 0.2:
        profiles = Profiles(pair=Profile("pair", f"{user} {item}"))
    shares = heard_shares(user_facts, item_facts, pair.item.genre)
    if lines:
        full = UserFacts(pair.user.liked, pair.user.disliked, pair.user.leniency)
        known = heard_shares(full, item_facts, pair.item.genre)
        shares = tuple(HISTORY_TRUST * a + (1 - HISTORY_TRUST) * b for a, b in zip(known, shares, strict=True))
    in_text = [_rate_text(pair, profiles, shares)] if random.random() < 0.2 else []
    scorer = Reason4RecPredictor if profiles.pair and random.random() < 0.3 else RatingExpectation
    return [_rate_labels(pair, profiles, shares, scorer), *in_text]


def _user_profile(random: Random, pair: ToyPair, telling: float, forms: bool) -> tuple[str, UserFacts]:
    """A text and the facts that it tells; no text: no profile."""
    known = pair.user
    style = "taste and temper" if random.random() < telling else random.choice(["", *USER_STYLES, *["keyword"] * forms])
    taste, temper = "taste" in style, "temper" in style
    facts = UserFacts(known.liked, known.disliked) if taste else UserFacts()
    if style == "keyword":
        facts = UserFacts(known.liked)
    elif style == "taste" and random.random() < 0.3:
        facts = random.choice((UserFacts(known.liked), UserFacts(disliked=known.disliked)))
    facts = replace(facts, leniency=known.leniency if temper else None)
    titles = [make_item(random, "T").item.title]
    text = keyword_text(style, facts.liked, titles) if style == "keyword" else ""
    if style and not text:
        text = user_text(random, style, facts, pair.request.user_history)
    return f"{text} {why_text(titles)}" if forms and style in (
        "taste",
        "habits",
    ) and random.random() < 0.5 else text, facts


def _item_profile(random: Random, pair: ToyPair, telling: float) -> tuple[str, ItemFacts]:
    style = "genre and sound" if random.random() < telling else random.choice(["", *ITEM_STYLES])
    facts = ItemFacts(pair.item.genre, pair.item.quality if "sound" in style else None)
    return item_text(random, style, facts, pair.request.user_history) if style else "", facts


def _rate_labels(
    pair: ToyPair, profiles: Profiles, shares: tuple[float, ...], kind: type[RatingExpectation]
) -> TrainingText:
    scorer = kind(kind.Config(prompt_set="compact"))
    (prompt,) = scorer.prompts([pair.request], [profiles])
    likeliest = max(range(len(shares)), key=lambda place: shares[place])
    return TrainingText(prompt.messages, f"{scorer.config.answer_prefix}{DOMAIN.labels[likeliest]}", shares)


def _rate_text(pair: ToyPair, profiles: Profiles, shares: tuple[float, ...]) -> TrainingText:
    (prompt,) = RatingText(RatingText.Config(prompt_set="compact")).prompts([pair.request], [profiles])
    mean = sum(label * share for label, share in zip(DOMAIN.labels, shares, strict=True))
    return TrainingText(prompt.messages, f"<rating>{round(mean * 4) / 4:.2f}</rating>")


def heard_shares(user: UserFacts, item: ItemFacts, genre: str) -> tuple[float, ...]:
    """How likely each rating is for one who knows these facts and the item's genre, and nothing else."""
    total = [0.0] * len(DOMAIN.labels)
    tastes, tempers = _tastes(user, genre), _levels(user.leniency)
    for (taste, a), (leniency, b), (quality, c) in product(tastes, tempers, _levels(item.quality)):
        for place, share in enumerate(rating_shares(taste, quality, leniency)):
            total[place] += a * b * c * share
    return tuple(total)


def _tastes(user: UserFacts, genre: str) -> Sequence[tuple[int, float]]:
    """The taste for the genre: sure where it is told, else the share of each left one among what users pick."""
    told = {user.liked: 1, user.disliked: -1}
    if genre in told:
        return ((told[genre], 1.0),)
    left = [taste for taste, known in ((1, user.liked), (-1, user.disliked)) if known is None]
    return [(taste, PICKED[taste] / sum(PICKED[one] for one in (0, *left))) for taste in (0, *left)]


def _levels(level: int | None) -> Sequence[tuple[int, float]]:
    return [(one, 1 / len(LEVELS)) for one in LEVELS] if level is None else [(level, 1.0)]


def draw(random: Random, shares: Shares) -> str:
    """One of several things."""
    return random.choices(list(shares), list(shares.values()))[0]


def _average(history: Sequence[Interaction]) -> float | None:
    return sum(line.rating for line in history) / len(history) if history else None
