"""How toy-lm is taught the other strategies: what each really asks, and a careful or an idle answer to it.

Where a strategy tells its writer nothing but what was liked, a careful answer holds what follows from that and no more.
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
from duetbench.toy.corpus import Shares, ToyPair, TrainingText, draw, make_pair, pair_for_writing, weighted
from duetbench.toy.styles import (
    PLAIN_STYLES,
    ItemFacts,
    aspects_text,
    enjoyed,
    item_text,
    keyword_text,
    read_feelings,
    read_item,
    read_user,
    user_text,
    why_text,
)
from duetbench.toy.world import DOMAIN
from duetbench.types import Interaction, Profile, Profiles, Prompt

Answered = tuple[Stage, Prompt, str]
"""A stage, one of its questions and the answer to it."""
ITEM_SHARE = 0.15
"""How often the optional question about the item is asked instead of the one about the user."""
_TELLING: Shares = {"taste": 1}
_CHOICE = re.compile(r"\bLikes\b|(?<=1\. )genre")
_NO_CHOICE = re.compile(r"(?!)")
_SORTED = re.compile(r"(?<=: )[^\n]+")
_FACTS = re.compile(
    r"(?<=ikes )\w+|(?:Judges|Praises) \w+|(?<=genre is )\w+|(?<=1\. genre )\w+|\w+(?= sound\.)"
    r"|(?<=Enjoyed )[^.]+|(?<=\")[^\"{}:,.]+(?=\"$)"
)


def _kar(random: Random, pair: ToyPair, styles: Shares, about_item: bool) -> Answered:
    """The taste, and what it follows from; for an item its genre."""
    stage = Kar(Kar.Config(prompt_set="compact", item_knowledge=about_item)).stages()[-1]
    reason = why_text(enjoyed(pair.request.user_history))
    return _ask(stage, pair, _about_item(pair) if about_item else f"{_taste(random, pair, styles)} {reason}")


def _palr(random: Random, pair: ToyPair, styles: Shares, about_item: bool) -> Answered:
    """One keyword with the latest title that speaks for it; for an item its genre."""
    history = pair.request.user_history
    if about_item and history:
        keywords = Palr(Palr.Config(prompt_set="compact", keywords="ask")).stages()[0]
        return _ask(keywords, pair, f"{history[-1].item.categories[0]}, {DOMAIN.noun}")
    style, liked = draw(random, styles), read_feelings(history).liked
    titles = enjoyed([line for line in history if style == "habits" or line.item.categories[0] == liked])
    titles += [line.item.title for line in history[-1:]]
    return _ask(Palr(Palr.Config(prompt_set="compact")).stages()[-1], pair, keyword_text(style, liked, titles))


def _rlmrec(random: Random, pair: ToyPair, styles: Shares, about_item: bool) -> Answered:
    """Both texts in JSON."""
    stage = RlmRec(RlmRec.Config(prompt_set="compact", side="both" if about_item else "user")).stages()[-1]
    summary = _about_item(pair) if about_item else _taste(random, pair, styles)
    reason = "Others say so." if about_item else why_text(enjoyed(pair.request.user_history))
    return _ask(stage, pair, json.dumps({"summarization": summary, "reasoning": reason}))


def _lg(random: Random, pair: ToyPair, styles: Shares, _: bool) -> Answered:
    """The taste alone; LettinGo never asks about an item."""
    stage = LettinGo(LettinGo.Config(prompt_set="compact", recent_k=0)).stages()[-1]
    return _ask(stage, pair, _taste(random, pair, styles))


def _r4rec(random: Random, pair: ToyPair, styles: Shares, _: bool) -> Answered:
    """A rationale from aspects that are as they should be: tastes, temper and sound, or next to nothing."""
    own, others = pair.request.user_history, pair.request.item_history
    summaries = _summaries()
    notes = {prompt_key(summaries.messages(line, DOMAIN)): _notes(line) for line in (*own, *others)}
    user, item = (("habits", "impression"), ("taste and temper", "genre and sound"))[draw(random, styles) == "taste"]
    about_user = user_text(random, user, read_user(own))
    about_it = item_text(random, item, read_item(pair.item.genre, others))
    return _ask(
        Reason4Rec(Reason4Rec.Config(prompt_set="compact")).stages()[-1], pair, f"{about_user} {about_it}", notes
    )


FAMILIES: Mapping[str, Callable[[Random, ToyPair, Shares, bool], Answered]] = {
    "kar": _kar,
    "lg": _lg,
    "palr": _palr,
    "r4rec": _r4rec,
    "rlmrec": _rlmrec,
}


def careful_profiles(name: str, pair: ToyPair) -> Profiles:
    """What the strategy of that name would read out of a careful answer: the most that training can win."""
    stage, prompt, answer = FAMILIES[name](Random(0), pair, _TELLING, False)
    return Profiles.of(stage.parse(prompt, answer) or ())


def write_others(random: Random, *, longest_history: int = 10, count: int = 3) -> list[TrainingText]:
    """Questions of some strategies, answered in the styles that an untrained writer chooses."""
    names = random.sample(sorted(FAMILIES), count)
    return [_lesson(random, name, longest_history, PLAIN_STYLES) for name in names]


def tell_others(random: Random, *, longest_history: int = 10, count: int = 3) -> list[TrainingText]:
    """The same with telling answers alone: what stands in them is learnt, that they are chosen is not."""
    names = random.sample(sorted(FAMILIES), count)
    return [weighted(_lesson(random, name, longest_history, _TELLING), _CHOICE, _FACTS) for name in names]


def sort_aspects(random: Random) -> list[TrainingText]:
    """Two reviews sorted into aspects, as R4Rec's summarizer is asked."""
    pair = make_pair(random, user_lines=1, item_lines=1)
    lines = (*pair.request.user_history, *pair.request.item_history)
    lessons = [TrainingText(_summaries().messages(line, DOMAIN), aspects_text(line.review)) for line in lines]
    return [weighted(lesson, _NO_CHOICE, _SORTED) for lesson in lessons]


def _lesson(random: Random, name: str, longest_history: int, styles: Shares) -> TrainingText:
    pair = pair_for_writing(random, longest_history)
    _, prompt, answer = FAMILIES[name](random, pair, styles, random.random() < ITEM_SHARE)
    return TrainingText(prompt.messages, answer)


def _ask(stage: Stage, pair: ToyPair, answer: str, earlier: Mapping[str, Sequence[Profile]] | None = None) -> Answered:
    """The stage's last question, which is about the item where both sides are asked about, and its answer."""
    return stage, stage.prompts([pair.request], earlier or {})[-1], answer


def _summaries() -> SummaryStage:
    return SummaryStage(Reason4Rec.Config(prompt_set="compact"))


def _notes(line: Interaction) -> Sequence[Profile]:
    return [Profile("note", aspects_text(line.review))]


def _taste(random: Random, pair: ToyPair, styles: Shares) -> str:
    return user_text(random, draw(random, styles), read_feelings(pair.request.user_history))


def _about_item(pair: ToyPair) -> str:
    return item_text(Random(0), "genre", ItemFacts(pair.item.genre))  # this style draws nothing
