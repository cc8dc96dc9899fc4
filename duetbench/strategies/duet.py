"""DUET: cue, self-written prompt and profile of the user and the item, in one completion or in one per side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from duetbench.interfaces import Stage, Strategy, option
from duetbench.parsing import has_words, parse_official_fields, parse_tagged_fields, placeholder_texts
from duetbench.prompts import render, unique_prompts
from duetbench.strategies.writing import WindowConfig, as_read, own_prompt_reasons, template_digests
from duetbench.types import Message, Profile, Prompt, Request, Side, Slot

_SHARES = {"cue": 0.2, "constructed_prompt": 0.3, "profile": 0.5}
"""Share of a side's tokens that each field gets with `answer: fill`."""


class Duet(Strategy):
    """The profile writer of DUET; untrained, it is the paper's `+ self-prompt` row."""

    name = "duet"
    summary = "user and item profiles from cues and self-written prompts, written together or separately"
    source = "DUET, sections 3.2-3.4, Fig. 3"
    default_trainer = "grpo"

    @dataclass(frozen=True)
    class Config(WindowConfig):
        """Options of DUET."""

        joint: Literal["paired", "cross"] = option(
            "paired", "paired: one completion holds both profiles; cross: one per side, reused by all its pairs"
        )
        side: Literal["both", "user", "item"] = option("both", "which profiles are written; one side ignores `joint`")
        cue: bool = option(True, "request the cue before the profile")
        self_prompt: bool = option(True, "request the self-written prompt before the profile")
        answer: Literal["free", "prefill", "fill"] = option(
            "free",
            "prefill: the completion begins with the first tag; fill: all tags are given, the model fills the slots",
        )
        history_k: int = option(10, "interactions per side that the writer sees; the paper uses 10, 30, 50, 70", ge=1)
        review_chars: int = option(200, "characters of each review; 0: all", ge=0)
        show_averages: bool = option(True, "show the user's and the item's mean rating")
        average_decimals: int | None = option(
            None,
            "decimals of the mean ratings in the prompt; none: 2 with prompt_set default, 1 with compact",
            ge=0,
            le=4,
        )
        parse: Literal["strict", "official"] = option(
            "strict",
            "strict: a profile must have words and be unambiguous; official: what the authors' code accepts (empty "
            "profiles, repeated tags, completions cut after the last field), without a stop string",
        )
        max_tokens: int = option(896, "maximum number of tokens per completion", ge=1)
        prompt_set: Literal["default", "compact"] = option("default", "which set of prompt files")
        prompt: str | None = option(None, "path to your own prompt file (.jinja), instead of the set's")

        def without_effect(self) -> dict[str, str]:
            """See `Plugin.Config`."""
            reasons = own_prompt_reasons(self.prompt)
            if self.side != "both":
                reasons["joint"] = f"side={self.side} writes one profile"
            if self.side == "item":
                reasons |= dict.fromkeys(("recent_k", "short_history"), "side=item reads no history of the user")
            if not self.show_averages:
                reasons["average_decimals"] = "show_averages=false shows no averages"
            return reasons

    def stages(self) -> tuple[Stage, ...]:
        """One stage: the paper's single sequence-to-sequence pass."""
        return (DuetStage(self.config),)

    def history_needed(self) -> int:
        return int(self.config.window_needed())

    def writer_view(self, request: Request) -> Request:
        return as_read(_view(self.config, request), self.config.review_chars, _decimals(self.config))

    def writes(self) -> tuple[Side, ...]:
        return ("user", "item") if self.config.side == "both" else (self.config.side,)

    def prompt_digests(self) -> dict[str, str]:
        names = [self.config.prompt or _template(side) for side in _sides(self.config)]
        return template_digests(names, self.config.prompt_set)


class DuetStage(Stage):
    """Builds the prompts for the tagged fields and parses them."""

    name = "profile"

    def __init__(self, config: Duet.Config) -> None:
        self.config = config
        self.max_tokens = config.max_tokens
        sides = _sides(config)
        last = ("item",) if sides == ("pair",) else sides
        # In the authors' code the last occurrence counts, so a completion ends at the end-of-sequence token or is cut.
        self.reads_truncated = config.parse == "official"
        self.stop = () if config.parse == "official" else tuple(f"</{side}_profile>" for side in last)

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        """One prompt per pair (paired), or one per distinct history of a user and of an item (cross)."""
        return [prompt for side in _sides(self.config) for prompt in self._for_side(requests, side)]

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        """One profile per block; None if a field is missing or, with `strict`, a profile repeats the placeholder."""
        if self.config.parse == "official":
            return self._parse_official(prompt, text)
        profiles: list[Profile] = []
        for side in _blocks(prompt.side):
            fields = parse_tagged_fields(text, self._fields(), block=f"{side}_profile")
            if fields is None or not has_words(fields["profile"]):
                return None
            if fields["profile"].casefold() in placeholder_texts(prompt, "profile"):
                return None
            profiles.append(Profile(side, fields.pop("profile"), fields))
        return profiles

    def _parse_official(self, prompt: Prompt, text: str) -> list[Profile] | None:
        sides = _blocks(prompt.side)
        found = parse_official_fields(text, self._fields(), [f"{side}_profile" for side in sides])
        if found is None:
            return None
        blocks = [(side, found[f"{side}_profile"]) for side in sides]
        return [Profile(side, fields.pop("profile"), fields) for side, fields in blocks]

    def _for_side(self, requests: Sequence[Request], side: Side) -> list[Prompt]:
        prefill, response_template = self._prefill(side), self._response_template(side)
        return unique_prompts(
            side, self._messages(requests, side), prefill=prefill, response_template=response_template
        )

    def _messages(self, requests: Sequence[Request], side: Side) -> Iterator[tuple[int, tuple[Message, ...]]]:
        name = self.config.prompt or _template(side)
        for position, request in enumerate(requests):
            view = _view(self.config, request)
            if side == "item" or not self.config.skips(view):
                yield position, render(name, self.config.prompt_set, **self._values(view, side))

    def _values(self, view: Request, side: Side) -> dict[str, Any]:
        config = self.config
        return {
            "domain": view.domain,
            "item": view.item,
            "user_history": view.user_history,
            "item_history": view.item_history,
            "user_average": view.user_average,
            "item_average": view.item_average,
            "review_chars": config.review_chars,
            "cue": config.cue,
            "self_prompt": config.self_prompt,
            "side": "both" if side == "pair" else side,
            "show_averages": config.show_averages,
            "average_decimals": _decimals(config),
            "answer": config.answer,
        }

    def _fields(self) -> list[str]:
        is_requested = {"cue": self.config.cue, "constructed_prompt": self.config.self_prompt, "profile": True}
        return [name for name, requested in is_requested.items() if requested]

    def _prefill(self, side: Side) -> str:
        return f"<{_blocks(side)[0]}_profile>" if self.config.answer == "prefill" else ""

    def _response_template(self, side: Side) -> tuple[Slot, ...]:
        if self.config.answer != "fill":
            return ()
        fields, blocks = self._fields(), _blocks(side)
        budget = self.config.max_tokens / len(blocks) / sum(_SHARES[name] for name in fields)
        slots: list[Slot] = []
        literal = ""
        for block in blocks:
            literal += f"<{block}_profile>"
            for name in fields:
                slots.append(Slot(f"{literal}<{name}>", f"</{name}>", max(int(budget * _SHARES[name]), 1)))
                literal = f"</{name}>"
            literal += f"</{block}_profile>\n"
        return (*slots, Slot(literal.rstrip(), "", 0))


def _view(config: Duet.Config, request: Request) -> Request:
    return config.view(request, _sides(config), averages=config.show_averages)


def _sides(config: Duet.Config) -> tuple[Side, ...]:
    """The sides of the prompts: one prompt for the pair, or one per side."""
    if config.side != "both":
        return (config.side,)
    return ("pair",) if config.joint == "paired" else ("user", "item")


def _blocks(side: Side) -> tuple[Side, ...]:
    return ("user", "item") if side == "pair" else (side,)


def _template(side: Side) -> str:
    return "duet_paired" if side == "pair" else f"duet_{side}"


def _decimals(config: Duet.Config) -> int:
    """Decimals of the mean ratings: the option, or what the prompt set shows by default."""
    if config.average_decimals is not None:
        return config.average_decimals
    return 1 if config.prompt_set == "compact" else 2
