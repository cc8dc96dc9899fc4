"""RLMRec: a JSON object that sums up what the user likes, with the reasons; the item's side and stage if asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from duetbench.interfaces import Stage, Strategy, option
from duetbench.parsing import parse_free_text, parse_json_object
from duetbench.prompts import prompt_key, unique_prompts
from duetbench.strategies.writing import WriterConfig, digests, window
from duetbench.types import Domain, Item, Message, Profile, Profiles, Prompt, Request, Side, Slot

_USER, _ITEM = "rlmrec_user", "rlmrec_item"
_KEYS = ("summarization", "reasoning")
_OPENING = '{"summarization": "'
_LIMITS: dict[Side, int] = {"user": 100, "item": 200, "note": 200}
"""How many words the summarization may have; more are counted, not cut."""


class RlmRec(Strategy):
    """The profiles of RLMRec as text; the original aligns their embeddings with those of a graph model instead."""

    name = "rlmrec"
    summary = "JSON that sums up which items the user likes and why; item profiles if asked"
    source = "RLMRec (Ren et al. 2024); DUET, appendix A.2"

    @dataclass(frozen=True)
    class Config(WriterConfig):
        """Options of RLMRec."""

        side: Literal["user", "both"] = option("user", "user: as DUET's comparison; both: the item's profile too")
        item_profile: bool = option(
            False, "the original's first stage: profiles of the user's items in the user's prompt"
        )
        include_reasoning: bool = option(False, "give the scorer the reasoning too")
        answer: Literal["free", "prefill", "fill"] = option(
            "free", "prefill: the answer begins as the JSON does; fill: all but the two texts is given"
        )
        item_prompt: str | None = option(None, "a prompt file of one's own for item profiles")

    def stages(self) -> tuple[Stage, ...]:
        """The user's items first, if asked; then the profiles."""
        items = ItemStage(self.config)
        return (
            (items, RlmRecStage(self.config, items)) if self.config.item_profile else (RlmRecStage(self.config, items),)
        )

    def measures(self, requests: Sequence[Request], profiles: Sequence[Profiles]) -> dict[str, float | None]:
        """The share of distinct profiles that are longer than they were asked to be."""
        written = {profile for each in profiles for profile in _keyed(each)}
        return {"too_long_rate": sum(too_long for _, too_long in written) / len(written) if written else None}

    def prompt_digests(self) -> dict[str, str]:
        """See the base class."""
        asks_items = self.config.item_profile or self.config.side == "both"
        names = [self.config.prompt or _USER, *([self.config.item_prompt or _ITEM] if asks_items else [])]
        return digests(names, self.config.prompt_set)


class _JsonStage(Stage):
    """Reads the object; what goes to the scorer is its summarization."""

    def __init__(self, config: RlmRec.Config) -> None:
        self.config = config
        self.max_tokens = config.max_tokens

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        """The summarization, with the reasoning among the notes; None without a summarization of its own words."""
        found = parse_json_object(text, _KEYS)
        summary = parse_free_text(found["summarization"]) if found else None
        if found is None or summary is None or _is_placeholder(summary, prompt):
            return None
        reasoning = found.get("reasoning", "")
        told = f"{summary}\n{reasoning}" if self.config.include_reasoning and reasoning else summary
        notes = {"reasoning": reasoning, "too_long": str(int(len(summary.split()) > _LIMITS[prompt.side]))}
        return [Profile(prompt.side, told, notes)]

    def ask(self, side: Side, asked: Iterable[tuple[int, tuple[Message, ...]]]) -> list[Prompt]:
        """One prompt per distinct question, its answer begun or its form given as the options say."""
        return unique_prompts(side, asked, prefill=self._prefill, response_template=self._response_template)

    def key(self, messages: tuple[Message, ...]) -> str:
        """The key of the prompt that asks this."""
        return prompt_key(messages, self._prefill, self._response_template)

    @property
    def _prefill(self) -> str:
        return _OPENING if self.config.answer == "prefill" else ""

    @property
    def _response_template(self) -> tuple[Slot, ...]:
        if self.config.answer != "fill":
            return ()
        n_tokens = max(self.max_tokens // 2, 1)
        return (Slot(_OPENING, '"', n_tokens), Slot('", "reasoning": "', '"', n_tokens), Slot('"}', "", 0))

    def about_item(self, item: Item, domain: Domain, request: Request | None = None) -> tuple[Message, ...]:
        """What is asked about an item; others' reviews are known only where it is the one to be rated."""
        others = window(request.item_history, self.config.history_k) if request else ()
        values = {"domain": domain, "item": item, "history": self.config.lines(others, domain)}
        return self.config.render(_ITEM, self.config.item_prompt, **values)


class ItemStage(_JsonStage):
    """Profiles of the items in the users' histories, as notes for the next round."""

    name = "items"

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        """One prompt per distinct item."""
        asked = ((n, item) for n, request in enumerate(requests) for item in self.items(request))
        return self.ask("note", ((n, self.about_item(item, requests[n].domain)) for n, item in asked))

    def items(self, request: Request) -> Iterator[Item]:
        """The items of the user's window, each once."""
        yield from dict.fromkeys(line.item for line in window(request.user_history, self.config.history_k))


class RlmRecStage(_JsonStage):
    """Profiles of users and, if asked, of the items to be rated."""

    name = "profile"

    def __init__(self, config: RlmRec.Config, items: ItemStage) -> None:
        super().__init__(config)
        self._items = items

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        """One prompt per distinct history and, two-sided, one per distinct item with what others said of it."""
        prompts = self.ask("user", ((n, self._about_user(each, earlier)) for n, each in enumerate(requests)))
        if self.config.side == "user":
            return prompts
        asked = ((n, self.about_item(each.item, each.domain, each)) for n, each in enumerate(requests))
        return prompts + self.ask("item", asked)

    def _about_user(self, request: Request, earlier: Mapping[str, Sequence[Profile]]) -> tuple[Message, ...]:
        history = window(request.user_history, self.config.history_k)
        notes = [self._note(line.item, request.domain, earlier) for line in history]
        told = self.config.lines(history, request.domain, notes)
        return self.config.render(_USER, self.config.prompt, domain=request.domain, history=told)

    def _note(self, item: Item, domain: Domain, earlier: Mapping[str, Sequence[Profile]]) -> str:
        if not self.config.item_profile:
            return ""
        found = earlier.get(self._items.key(self._items.about_item(item, domain)))
        return found[0].text if found else ""


def _keyed(profiles: Profiles) -> list[tuple[str, int]]:
    present = [profile for profile in (profiles.user, profiles.item) if profile is not None]
    return [(profile.text, int(profile.notes.get("too_long", "0"))) for profile in present]


def _is_placeholder(text: str, prompt: Prompt) -> bool:
    """Whether the text stands in quotes in the prompt itself: the form's own words, repeated."""
    return any(f'"{text}"'.casefold() in message.content.casefold() for message in prompt.messages)
