"""The training texts of toy-lm for the strategies other than DUET: their prompts with answers.

An answer states only facts that follow from its prompt: where the prompt shows sentiments without reviews, they are
estimated from these.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Literal, NamedTuple

from duetbench.interfaces import Stage
from duetbench.prompts import prompt_key
from duetbench.strategies.kar import Kar
from duetbench.strategies.lg import LettinGo
from duetbench.strategies.palr import Palr
from duetbench.strategies.r4rec import Reason4Rec, SummaryStage
from duetbench.strategies.rlmrec import RlmRec
from duetbench.toy.corpus import (
    SCORER_WINDOW,
    WRITER_WINDOW,
    ToyPair,
    TrainingText,
    emphasized,
    label_text,
    make_pair,
    make_writing_pair,
)
from duetbench.toy.forms import (
    CAREFUL_ITEM,
    CAREFUL_TASTE,
    CAREFUL_USER,
    ITEM_PARTS,
    PAIR_PARTS,
    TASTE_PARTS,
    aspects_text,
    item_facts,
    item_text,
    keyword_text,
    sample_parts,
    user_facts,
    user_text,
)
from duetbench.toy.world import DOMAIN, rating_distribution_of
from duetbench.types import Interaction, Profile, Profiles, Prompt

AnsweredPrompt = tuple[Stage, Prompt, str]
"""A stage, one of its prompts and an answer to it."""
ITEM_SHARE = 0.1
"""Probability of the optional prompt about the item instead of the prompt about the user."""
REVIEW_WINDOW = 30
"""Interactions per side that Reason4Rec reads: each with a review costs a call of the summarizer."""


class PromptChoice(NamedTuple):
    """Which of a strategy's prompts is answered."""

    about_item: bool = False
    """The prompt about the item, where there is one, instead of that about the user."""
    reviews: int = REVIEW_WINDOW
    """Interactions per side that R4Rec reads."""


def _kar(random: Random | None, pair: ToyPair, asked: PromptChoice) -> AnsweredPrompt:
    """The tastes; for an item its genre."""
    config = Kar.Config(prompt_set="compact", item_knowledge=asked.about_item, history_k=WRITER_WINDOW)
    stage = Kar(config).stages()[-1]
    return _answered(stage, pair, _genre(pair) if asked.about_item else _taste(random, pair.request.user_history))


def _palr(random: Random | None, pair: ToyPair, asked: PromptChoice) -> AnsweredPrompt:
    """Keywords with the title that supports each; for an item its genre."""
    history = pair.request.user_history
    if asked.about_item and history:
        keywords = Palr(Palr.Config(prompt_set="compact", keywords="ask", history_k=WRITER_WINDOW)).stages()[0]
        return _answered(keywords, pair, f"{history[-1].item.categories[0]}, {DOMAIN.noun}")
    stage = Palr(Palr.Config(prompt_set="compact", history_k=WRITER_WINDOW)).stages()[-1]
    known = user_facts(history, sentiments=True, reviews=False)
    return _answered(stage, pair, keyword_text(random, known, history))


def _rlmrec(random: Random | None, pair: ToyPair, asked: PromptChoice) -> AnsweredPrompt:
    """A JSON object with summarization and reasoning."""
    side: Literal["both", "user"] = "both" if asked.about_item else "user"
    stage = RlmRec(RlmRec.Config(prompt_set="compact", side=side, history_k=WRITER_WINDOW)).stages()[-1]
    history = pair.request.user_history
    summary = _genre(pair) if asked.about_item else _taste(random, history)
    reason = "Others say so." if asked.about_item else _reason(history)
    return _answered(stage, pair, json.dumps({"summarization": summary, "reasoning": reason}))


def _lg(random: Random | None, pair: ToyPair, _: PromptChoice) -> AnsweredPrompt:
    """The tastes; LettinGo has no prompts about items."""
    stage = LettinGo(LettinGo.Config(prompt_set="compact", recent_k=0, history_k=WRITER_WINDOW)).stages()[-1]
    return _answered(stage, pair, _taste(random, pair.request.user_history))


def _r4rec(random: Random | None, pair: ToyPair, asked: PromptChoice) -> AnsweredPrompt:
    """A rationale about both sides; the prompt shows the correct aspects of each review."""
    by_user, of_item = (
        [line for line in history[-asked.reviews :] if line.review]
        for history in (pair.request.user_history, pair.request.item_history)
    )
    summaries = _summary_stage()
    notes = {
        prompt_key(summaries.messages(line, DOMAIN)): [Profile("note", aspects_text(line))]
        for line in (*by_user, *of_item)
    }
    known = replace(user_facts(by_user), target_genre=pair.item.genre)
    user_parts = sample_parts(random, PAIR_PARTS) if random else (*CAREFUL_USER, "taste")
    item_parts = sample_parts(random, ITEM_PARTS) if random else CAREFUL_ITEM
    user = user_text(random, user_parts, known)
    item = item_text(item_parts, item_facts(pair.item.genre, of_item))
    config = Reason4Rec.Config(prompt_set="compact", history_k=asked.reviews)
    return _answered(Reason4Rec(config).stages()[-1], pair, f"{user} {item}", notes)


ANSWERS: Mapping[str, Callable[[Random | None, ToyPair, PromptChoice], AnsweredPrompt]] = {
    "kar": _kar,
    "lg": _lg,
    "palr": _palr,
    "r4rec": _r4rec,
    "rlmrec": _rlmrec,
}
"""By strategy: a prompt with an answer in random forms, or without `random` a careful one."""


def careful_profiles(name: str, pair: ToyPair) -> Profiles:
    """The profiles of an answer with all useful facts that the strategy's prompt tells: what training could reach."""
    if name == "duet":
        history, genre = pair.request.user_history[-WRITER_WINDOW:], pair.item.genre
        item = item_text(CAREFUL_ITEM, item_facts(genre, pair.request.item_history[-WRITER_WINDOW:]))
        return Profiles(Profile("user", user_text(None, CAREFUL_USER, user_facts(history))), Profile("item", item))
    stage, prompt, answer = ANSWERS[name](None, pair, PromptChoice())
    return Profiles.of(stage.parse(prompt, answer) or ())


def other_strategy_texts(
    random: Random, *, longest_history: int = WRITER_WINDOW, reviews: int = 10, count: int = 1
) -> list[TrainingText]:
    """Prompts of `count` random strategies, with answers in random forms; R4Rec reads this many interactions a side."""
    names = random.sample(sorted(ANSWERS), count)
    return [_text(random, name, longest_history, reviews) for name in names]


def careful_rating_text(random: Random) -> TrainingText:
    """The scorer's prompt with a careful profile of a random strategy from full windows."""
    pair = make_pair(random, user_lines=WRITER_WINDOW, item_lines=random.randint(10, 24))
    profiles = careful_profiles(random.choice(("duet", *sorted(ANSWERS), "palr", "r4rec")), pair)
    shown = replace(
        pair.request,
        user_history=pair.request.user_history[-SCORER_WINDOW:],
        item_history=(),
        user_average=None,
        item_average=None,
    )
    return label_text(shown, profiles, rating_distribution_of(pair.user, pair.item))


def aspect_texts(random: Random) -> list[TrainingText]:
    """Prompts of R4Rec's summarizer for a few reviews, with their aspects."""
    pair = make_pair(random, user_lines=3, item_lines=3)
    lines = (line for line in (*pair.request.user_history, *pair.request.item_history) if line.review)
    return [emphasized(_summary_stage().messages(line, DOMAIN), aspects_text(line)) for line in lines]


def _text(random: Random, name: str, longest_history: int, reviews: int) -> TrainingText:
    pair = make_writing_pair(random, longest_history)
    _, prompt, answer = ANSWERS[name](random, pair, PromptChoice(random.random() < ITEM_SHARE, reviews))
    return emphasized(prompt.messages, answer)


def _answered(
    stage: Stage, pair: ToyPair, answer: str, earlier: Mapping[str, Sequence[Profile]] | None = None
) -> AnsweredPrompt:
    """The stage's last prompt, which is the item's if the stage has prompts for both sides, with its answer."""
    return stage, stage.prompts([pair.request], earlier or {})[-1], answer


def _summary_stage() -> SummaryStage:
    return SummaryStage(Reason4Rec.Config(prompt_set="compact"))


def _taste(random: Random | None, history: Sequence[Interaction]) -> str:
    parts = sample_parts(random, TASTE_PARTS) if random else CAREFUL_TASTE
    return user_text(random, parts, user_facts(history, sentiments=True, reviews=False))


def _reason(history: Sequence[Interaction]) -> str:
    return user_text(None, ("favourite",), user_facts(history, sentiments=True, reviews=False))


def _genre(pair: ToyPair) -> str:
    return item_text(("genre",), item_facts(pair.item.genre, ()))
