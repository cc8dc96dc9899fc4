"""The training texts of toy-lm for the strategies other than DUET: their prompts with answers.

An informative answer states only facts that follow from its prompt: if the prompt shows sentiments without reviews, it
states the tastes estimated from them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from random import Random

from duetbench.interfaces import Stage
from duetbench.prompts import prompt_key
from duetbench.strategies.kar import Kar
from duetbench.strategies.lg import LettinGo
from duetbench.strategies.palr import Palr
from duetbench.strategies.r4rec import Reason4Rec, SummaryStage
from duetbench.strategies.rlmrec import RlmRec
from duetbench.toy.corpus import (
    Frequencies,
    ToyPair,
    TrainingText,
    make_pair,
    make_writing_pair,
    sample_style,
    with_weights,
)
from duetbench.toy.styles import (
    PLAIN_STYLES,
    ItemFacts,
    aspects_text,
    item_facts_of,
    item_text,
    keyword_text,
    liked_titles,
    reason_text,
    user_facts_from_sentiments,
    user_facts_of,
    user_text,
)
from duetbench.toy.world import DOMAIN
from duetbench.types import Interaction, Profile, Profiles, Prompt

AnsweredPrompt = tuple[Stage, Prompt, str]
"""A stage, one of its prompts and an answer to it."""
ITEM_SHARE = 0.15
"""Probability of the optional prompt about the item instead of the prompt about the user."""
_INFORMATIVE: Frequencies = {"taste": 1}
_CHOSEN = re.compile(r"\bLikes\b|(?<=1\. )genre")
_NOTHING = re.compile(r"(?!)")
_ASPECTS = re.compile(r"(?<=: )[^\n]+")
_FACTS = re.compile(
    r"(?<=ikes )\w+|(?:Judges|Praises) \w+|(?<=genre is )\w+|(?<=1\. genre )\w+|\w+(?= sound\.)"
    r"|(?<=Enjoyed )[^.]+|(?<=\")[^\"{}:,.]+(?=\"$)"
)


def _kar(random: Random, pair: ToyPair, styles: Frequencies, about_item: bool) -> AnsweredPrompt:
    """The taste and the reason for it; for an item its genre."""
    stage = Kar(Kar.Config(prompt_set="compact", item_knowledge=about_item)).stages()[-1]
    reason = reason_text(liked_titles(pair.request.user_history))
    return _answered(stage, pair, _genre(pair) if about_item else f"{_taste(random, pair, styles)} {reason}")


def _palr(random: Random, pair: ToyPair, styles: Frequencies, about_item: bool) -> AnsweredPrompt:
    """One keyword with the latest title that supports it; for an item its genre."""
    history = pair.request.user_history
    if about_item and history:
        keywords = Palr(Palr.Config(prompt_set="compact", keywords="ask")).stages()[0]
        return _answered(keywords, pair, f"{history[-1].item.categories[0]}, {DOMAIN.noun}")
    style, liked = sample_style(random, styles), user_facts_from_sentiments(history).liked
    titles = liked_titles([line for line in history if style == "habits" or line.item.categories[0] == liked])
    titles += [line.item.title for line in history[-1:]]
    stage = Palr(Palr.Config(prompt_set="compact")).stages()[-1]
    return _answered(stage, pair, keyword_text(style, liked, titles))


def _rlmrec(random: Random, pair: ToyPair, styles: Frequencies, about_item: bool) -> AnsweredPrompt:
    """A JSON object with summarization and reasoning."""
    stage = RlmRec(RlmRec.Config(prompt_set="compact", side="both" if about_item else "user")).stages()[-1]
    summary = _genre(pair) if about_item else _taste(random, pair, styles)
    reason = "Others say so." if about_item else reason_text(liked_titles(pair.request.user_history))
    return _answered(stage, pair, json.dumps({"summarization": summary, "reasoning": reason}))


def _lg(random: Random, pair: ToyPair, styles: Frequencies, _: bool) -> AnsweredPrompt:
    """The taste; LettinGo has no prompts about items."""
    stage = LettinGo(LettinGo.Config(prompt_set="compact", recent_k=0)).stages()[-1]
    return _answered(stage, pair, _taste(random, pair, styles))


def _r4rec(random: Random, pair: ToyPair, styles: Frequencies, _: bool) -> AnsweredPrompt:
    """A rationale in an informative or an uninformative style; the prompt shows the correct aspects of each review."""
    by_user, of_item = pair.request.user_history, pair.request.item_history
    summaries = _summary_stage()
    notes = {prompt_key(summaries.messages(line, DOMAIN)): _notes(line) for line in (*by_user, *of_item)}
    is_informative = sample_style(random, styles) == "taste"
    user_style, item_style = ("taste and temper", "genre and sound") if is_informative else ("habits", "impression")
    user = user_text(random, user_style, user_facts_of(by_user))
    item = item_text(random, item_style, item_facts_of(pair.item.genre, of_item))
    stage = Reason4Rec(Reason4Rec.Config(prompt_set="compact")).stages()[-1]
    return _answered(stage, pair, f"{user} {item}", notes)


ANSWERS: Mapping[str, Callable[[Random, ToyPair, Frequencies, bool], AnsweredPrompt]] = {
    "kar": _kar,
    "lg": _lg,
    "palr": _palr,
    "r4rec": _r4rec,
    "rlmrec": _rlmrec,
}
"""By strategy: a prompt with an answer, for a pair, style frequencies and the side (True: the item)."""


def careful_profiles(name: str, pair: ToyPair) -> Profiles:
    """The profiles of an informative answer to the strategy's prompt: an upper bound for training."""
    stage, prompt, answer = ANSWERS[name](Random(0), pair, _INFORMATIVE, False)
    return Profiles.of(stage.parse(prompt, answer) or ())


def other_strategy_texts(random: Random, *, longest_history: int = 10, count: int = 3) -> list[TrainingText]:
    """Prompts of `count` random strategies, with answers in the styles of the shipped model."""
    names = random.sample(sorted(ANSWERS), count)
    return [_text(random, name, longest_history, PLAIN_STYLES) for name in names]


def informative_other_strategy_texts(
    random: Random, *, longest_history: int = 10, count: int = 3
) -> list[TrainingText]:
    """The same with informative answers: their facts are learned, the choice of their style is not."""
    names = random.sample(sorted(ANSWERS), count)
    texts = [_text(random, name, longest_history, _INFORMATIVE) for name in names]
    return [with_weights(text, ignored=_CHOSEN, emphasized=_FACTS) for text in texts]


def aspect_texts(random: Random) -> list[TrainingText]:
    """Prompts of R4Rec's summarizer for two reviews, with their aspects."""
    pair = make_pair(random, user_lines=1, item_lines=1)
    lines = (*pair.request.user_history, *pair.request.item_history)
    texts = [TrainingText(_summary_stage().messages(line, DOMAIN), aspects_text(line.review)) for line in lines]
    return [with_weights(text, ignored=_NOTHING, emphasized=_ASPECTS) for text in texts]


def _text(random: Random, name: str, longest_history: int, styles: Frequencies) -> TrainingText:
    pair = make_writing_pair(random, longest_history)
    _, prompt, answer = ANSWERS[name](random, pair, styles, random.random() < ITEM_SHARE)
    return TrainingText(prompt.messages, answer)


def _answered(
    stage: Stage, pair: ToyPair, answer: str, earlier: Mapping[str, Sequence[Profile]] | None = None
) -> AnsweredPrompt:
    """The stage's last prompt, which is the item's if the stage has prompts for both sides, with its answer."""
    return stage, stage.prompts([pair.request], earlier or {})[-1], answer


def _summary_stage() -> SummaryStage:
    return SummaryStage(Reason4Rec.Config(prompt_set="compact"))


def _notes(line: Interaction) -> Sequence[Profile]:
    return [Profile("note", aspects_text(line.review))]


def _taste(random: Random, pair: ToyPair, styles: Frequencies) -> str:
    return user_text(random, sample_style(random, styles), user_facts_from_sentiments(pair.request.user_history))


def _genre(pair: ToyPair) -> str:
    return item_text(Random(0), "genre", ItemFacts(pair.item.genre))  # this style uses no random numbers
