"""DUET: cue, self-written prompt and profile of the user and of the item, in one pass each or together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from duetbench.interfaces import Stage, Strategy, option
from duetbench.parsing import has_words, parse_tagged_fields, placeholder_texts
from duetbench.prompts import render, unique_prompts
from duetbench.strategies.writing import digests, window
from duetbench.types import Message, Profile, Prompt, Request, Side, Slot

_SHARES = {"cue": 0.2, "constructed_prompt": 0.3, "profile": 0.5}
"""How `answer: fill` divides a side's tokens among its fields."""


class Duet(Strategy):
    """The profile writer of DUET; without training, the paper's `+ self-prompt` row."""

    name = "duet"
    summary = "user and item profiles from cues and self-written prompts, written together or apart"
    source = "DUET, sections 3.2-3.4, Fig. 3"
    default_trainer = "grpo"

    @dataclass(frozen=True)
    class Config:
        """Options of DUET."""

        joint: Literal["paired", "cross"] = option(
            "paired", "paired: one answer holds both profiles; cross: user and item are asked apart and shared by pairs"
        )
        side: Literal["both", "user", "item"] = option("both", "whose profiles are written; one side is asked alone")
        cue: bool = option(True, "ask for the cue first")
        self_prompt: bool = option(True, "ask for the self-written prompt before the profile")
        answer: Literal["free", "prefill", "fill"] = option(
            "free", "prefill: the answer begins with the first tag; fill: all tags are given and the gaps filled"
        )
        history_k: int = option(10, "interactions per side that the writer sees: 10, 30, 50, 70", ge=1)
        overlap: bool = option(True, "the user's window ends at the latest interaction; off: before the recent ones")
        recent_k: int = option(10, "how many recent interactions the window leaves out if overlap is off", ge=0)
        review_chars: int = option(200, "characters of each review; 0: all", ge=0)
        show_averages: bool = option(True, "tell the user's and the item's mean rating")
        max_tokens: int = option(896, "upper bound of an answer's length", ge=1)
        prompt_set: Literal["default", "compact"] = option("default", "which set of prompt files")
        prompt: str | None = option(None, "a prompt file of one's own (.jinja) instead of the set's")

    def stages(self) -> tuple[Stage, ...]:
        """One round: the paper's single sequence-to-sequence pass."""
        return (DuetStage(self.config),)

    def history_needed(self) -> int:
        """See the base class."""
        return int(self.config.history_k + (0 if self.config.overlap else self.config.recent_k))

    def prompt_digests(self) -> dict[str, str]:
        """See the base class."""
        return digests([self.config.prompt or _template(side) for side in _sides(self.config)], self.config.prompt_set)


class DuetStage(Stage):
    """Asks for the tagged fields and reads them."""

    name = "profile"

    def __init__(self, config: Duet.Config) -> None:
        self.config = config
        self.max_tokens = config.max_tokens
        sides = _sides(config)
        self.stop = ("</item_profile>",) if sides == ("pair",) else tuple(f"</{side}_profile>" for side in sides)

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        """One prompt per pair (paired), or one per distinct history of a user and of an item (cross)."""
        return [prompt for side in _sides(self.config) for prompt in self._for_side(requests, side)]

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        """All fields of all blocks asked for, or None; a profile that repeats the form's placeholder is none."""
        profiles: list[Profile] = []
        for side in _blocks(prompt.side):
            fields = parse_tagged_fields(text, self._fields(), block=f"{side}_profile")
            if fields is None or not has_words(fields["profile"]):
                return None
            if fields["profile"].casefold() in placeholder_texts(prompt, "profile"):
                return None
            profiles.append(Profile(side, fields.pop("profile"), fields))
        return profiles

    def _for_side(self, requests: Sequence[Request], side: Side) -> list[Prompt]:
        asked = self._asked(requests, side)
        return unique_prompts(side, asked, prefill=self._prefill(side), response_template=self._response_template(side))

    def _asked(self, requests: Sequence[Request], side: Side) -> Iterator[tuple[int, tuple[Message, ...]]]:
        name = self.config.prompt or _template(side)
        for position, request in enumerate(requests):
            yield position, render(name, self.config.prompt_set, **self._values(request, side))

    def _values(self, request: Request, side: Side) -> dict[str, Any]:
        config = self.config
        skip = 0 if config.overlap else config.recent_k
        return {
            "domain": request.domain,
            "item": request.item,
            "user_history": window(request.user_history, config.history_k, skip=skip),
            "item_history": window(request.item_history, config.history_k),
            "user_average": request.user_average,
            "item_average": request.item_average,
            "review_chars": config.review_chars,
            "cue": config.cue,
            "self_prompt": config.self_prompt,
            "side": "both" if side == "pair" else side,
            "show_averages": config.show_averages,
            "answer": config.answer,
        }

    def _fields(self) -> list[str]:
        wanted = {"cue": self.config.cue, "constructed_prompt": self.config.self_prompt, "profile": True}
        return [name for name, is_wanted in wanted.items() if is_wanted]

    def _prefill(self, side: Side) -> str:
        return f"<{_blocks(side)[0]}_profile>" if self.config.answer == "prefill" else ""

    def _response_template(self, side: Side) -> tuple[Slot, ...]:
        if self.config.answer != "fill":
            return ()
        fields, blocks = self._fields(), _blocks(side)
        budget = self.config.max_tokens / len(blocks) / sum(_SHARES[name] for name in fields)
        slots: list[Slot] = []
        lead = ""
        for block in blocks:
            lead += f"<{block}_profile>"
            for name in fields:
                slots.append(Slot(f"{lead}<{name}>", f"</{name}>", max(int(budget * _SHARES[name]), 1)))
                lead = f"</{name}>"
            lead += f"</{block}_profile>\n"
        return (*slots, Slot(lead.rstrip(), "", 0))


def _sides(config: Duet.Config) -> tuple[Side, ...]:
    """Which questions there are. A single side is asked alone under either value of `joint`."""
    if config.side != "both":
        return (config.side,)
    return ("pair",) if config.joint == "paired" else ("user", "item")


def _blocks(side: Side) -> tuple[Side, ...]:
    return ("user", "item") if side == "pair" else (side,)


def _template(side: Side) -> str:
    return "duet_paired" if side == "pair" else f"duet_{side}"
