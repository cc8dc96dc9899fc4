"""Every option value changes what a strategy or a scorer does, or is an error, also next to any other option."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from request_making import album, line, request

from duetbench.errors import ConfigError
from duetbench.interfaces import Plugin, Scorer, Strategy
from duetbench.prompts import FOLDER
from duetbench.scorers.r4rec_predictor import Reason4RecPredictor
from duetbench.scorers.rating_expectation import RatingExpectation
from duetbench.scorers.rating_text import RatingText
from duetbench.strategies.duet import Duet
from duetbench.strategies.kar import Kar
from duetbench.strategies.lg import LettinGo
from duetbench.strategies.palr import Palr
from duetbench.strategies.r4rec import Reason4Rec
from duetbench.strategies.rlmrec import RlmRec
from duetbench.testing.dummy import DummyEngine
from duetbench.types import Completion, Interaction, Item, Profile, Profiles, Prompt

STRATEGIES = [Duet, Kar, LettinGo, Palr, RlmRec, Reason4Rec]
SCORERS = [RatingExpectation, RatingText, Reason4RecPredictor]
TEMPLATES = {
    ("duet", "prompt"): "duet_paired",
    ("kar", "prompt"): "kar_user",
    ("kar", "item_prompt"): "kar_item",
    ("lg", "prompt"): "lg_user",
    ("palr", "prompt"): "palr_user",
    ("palr", "keyword_prompt"): "palr_item",
    ("rlmrec", "prompt"): "rlmrec_user",
    ("rlmrec", "item_prompt"): "rlmrec_item",
    ("r4rec", "prompt"): "r4rec_rationale",
    ("r4rec", "summary_prompt"): "r4rec_summary",
    ("rating_expectation", "prompt"): "score_labels",
    ("rating_text", "prompt"): "score_text",
    ("r4rec_predictor", "prompt"): "r4rec_predict",
}
PLAIN = Item("plain", "Plain", (), "A long description")
LONG = "a longer review " * 40
REQUESTS = [
    request(0, n_user=0, n_item=0),
    request(1, n_user=2, n_item=3),
    request(
        2, user_history=tuple(line("eve", n, rating=1 + n % 5, review=f"{n} {LONG}") for n in range(40)), item=PLAIN
    ),
    request(3, n_user=12, n_item=40, item=album(7)),
    request(4, user_history=(Interaction("ida", PLAIN, 2.0, 1000, "dull"),)),
]
ANSWERS = [
    '{"summarization": "warm songs", "reasoning": "many folk albums"}',
    '1. WARM: "Album 1"',
    "Positive Aspects: warm\nNegative Aspects: none\nUser Preference Elements: folk",
    "<rating>3.5</rating>",
    "<rating>3.50</rating>",
    "<rating>3.50</rating> or <rating>4.50</rating>",
    *(f"<{side}_profile><cue>a</cue><profile>likes folk</profile></{side}_profile>" for side in ("user", "item")),
    "A free text about this user " + "word " * 250,
    ", ".join(f"key{n}" for n in range(20)),
]


def own_file(cls: type[Plugin], name: str, folder: Path) -> str:
    """A copy of the prompt with one more line."""
    path = folder / f"{cls.name}-{name}.jinja"
    shutil.copy(FOLDER / "default" / f"{TEMPLATES[cls.name, name]}.md.jinja", path)
    path.write_text(f"{path.read_text()}\nMy own line.\n")
    return str(path)


def other_values(cls: type[Plugin], folder: Path) -> Iterator[tuple[str, Any]]:
    """Every option with each of its other values, or with one other value where there are many."""
    hints = get_type_hints(cls.Config)
    numbers = {
        "history_k": 3,
        "recent_k": 4,
        "review_chars": 5,
        "item_history_k": 2,
        "average_decimals": 3,
        "show_averages": False,
    }
    for entry in fields(cls.Config):
        hint, default = hints[entry.name], entry.default
        if get_origin(hint) is Literal:
            yield from ((entry.name, choice) for choice in get_args(hint) if choice != default)
        elif isinstance(default, bool):
            yield entry.name, not default
        elif (cls.name, entry.name) in TEMPLATES:
            yield entry.name, own_file(cls, entry.name, folder)
        elif isinstance(default, str):
            yield entry.name, "Answer: "
        elif isinstance(default, tuple):
            yield entry.name, ("never",)
        else:
            yield entry.name, numbers.get(entry.name, (default or 0) + 1)


def effect(plugin: Strategy | Scorer) -> list[Any]:
    """Everything that the options can change."""
    return _strategy_effect(plugin) if isinstance(plugin, Strategy) else _scorer_effect(plugin)


def _strategy_effect(strategy: Strategy) -> list[Any]:
    seen: list[Any] = []
    earlier: dict[str, list[Profile]] = {}
    for stage in strategy.stages():
        prompts = stage.prompts(REQUESTS, earlier)
        earlier |= {prompt.key: [Profile("note", f"note on {prompt.key}")] for prompt in prompts}
        parsed = [(prompt.side, stage.parse(prompt, text)) for prompt in prompts[-1:] for text in ANSWERS]
        seen += [stage.name, stage.max_tokens, stage.stop, prompts, parsed]
    for training in strategy.training_stages():
        check = getattr(training, "check", None)
        seen += [(check.tau, check.retries, check.retries and check.forbidden)] if check else []
    return seen


def _scorer_effect(scorer: Scorer) -> list[Any]:
    profiles = [Profiles(Profile("user", "u"), Profile("item", "i"), Profile("pair", "p"))] * len(REQUESTS)
    prompts = scorer.prompts(REQUESTS, profiles)
    seen = [prompts, scorer.config.max_tokens if isinstance(scorer, RatingText) else scorer.config.answer_prefix]
    if not isinstance(scorer, RatingText):
        seen += scorer.score(REQUESTS, profiles, DummyEngine())
    else:
        prompt = Prompt("key", "pair", ())
        seen += [scorer._predict(Completion(text), prompt, REQUESTS[0]) for text in ANSWERS]
    return seen


@pytest.mark.parametrize("cls", [*STRATEGIES, *SCORERS], ids=lambda cls: cls.name)
def test_an_option_changes_something_or_is_an_error(cls: type[Strategy] | type[Scorer], tmp_path: Path) -> None:
    values = list(other_values(cls, tmp_path))
    for base in [{}, *({name: value} for name, value in values)]:
        try:
            before = effect(cls(cls.Config(**base)))
        except (ConfigError, ValueError):
            continue
        for name, value in values:
            if name in base:
                continue
            try:
                after = effect(cls(cls.Config(**base, **{name: value})))
            except (ConfigError, ValueError):
                continue
            assert after != before, f"{cls.name}: {name}={value} changes nothing next to {base}"


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (Duet, {"side": "user", "joint": "cross"}),
        (Duet, {"side": "item", "recent_k": 5}),
        (Duet, {"side": "item", "short_history": "skip_profile"}),
        (Kar, {"item_prompt": "mine.jinja"}),
        (Kar, {"history_slice": "first", "recent_k": 5}),
        (Palr, {"keywords": "none", "keyword_prompt": "mine.jinja"}),
        (RlmRec, {"item_prompt": "mine.jinja"}),
        (Reason4Rec, {"retries": 0, "forbidden": ("stars",)}),
        (Reason4Rec, {"prompt_set": "compact", "review_chars": 800}),
        *((cls, {"prompt": "mine.jinja", "prompt_set": "compact"}) for cls in (Duet, Kar, LettinGo, RatingText)),
        *((cls, {"history_k": 0, "item_history_k": 0, "review_chars": 50}) for cls in SCORERS),
    ],
    ids=str,
)
def test_an_option_without_effect_is_an_error(cls: type[Plugin], options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="has no effect"):
        cls(cls.Config(**options))
