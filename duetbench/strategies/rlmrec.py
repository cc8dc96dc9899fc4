"""RLMRec: a JSON object that summarizes what the user likes and why; optionally also for items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from duetbench.interfaces import Stage, Strategy, option
from duetbench.parsing import parse_free_text, parse_json_object
from duetbench.prompts import prompt_key, unique_prompts
from duetbench.strategies.writing import SentimentConfig, as_read, own_prompt_reasons, template_digests
from duetbench.types import Domain, Interaction, Item, Message, Profile, Profiles, Prompt, Request, Side, Slot

_USER, _ITEM = "rlmrec_user", "rlmrec_item"
_KEYS = ("summarization", "reasoning")
_OPENING = '{"summarization": "'
_LIMITS: dict[Side, int] = {"user": 100, "item": 200, "note": 200}
"""Word limits of the summarization; longer ones are counted, not cut."""


class RlmRec(Strategy):
    """The profiles of RLMRec as text; the original aligns their embeddings with those of a graph model."""

    name = "rlmrec"
    summary = "JSON that summarizes which items the user likes and why; optionally item profiles"
    source = "RLMRec (Ren et al. 2024); DUET, appendix A.2"

    omitted = (
        "the text embeddings of the profiles",
        "the graph recommender (LightGCN and others) on the interactions",
        "the alignment of both by contrast (RLMRec-Con) or by masked reconstruction (RLMRec-Gen)",
        "a random sample of the user's items: here the latest ones",
    )

    @dataclass(frozen=True)
    class Config(SentimentConfig):
        """Options of RLMRec."""

        side: Literal["user", "both"] = option("user", "user: as in DUET's comparison; both: also the item's profile")
        item_profile: bool = option(
            False, "the original's first stage: profiles of the user's items, shown in the user's prompt"
        )
        include_reasoning: bool = option(False, "also give the reasoning to the scorer")
        answer: Literal["free", "prefill", "fill"] = option(
            "free", "prefill: the completion begins with the JSON's beginning; fill: all but the two texts is given"
        )
        item_prompt: str | None = option(None, "path to your own prompt file for item profiles")

        def without_effect(self) -> dict[str, str]:
            """See `Plugin.Config`."""
            if self.has_item_prompts():
                return own_prompt_reasons(self.prompt, self.item_prompt)
            reason = "no item profile is written: item_profile=false and side=user"
            return {"item_prompt": reason} | own_prompt_reasons(self.prompt)

        def has_item_prompts(self) -> bool:
            """Whether profiles of items are written, for the scorer or for the next stage."""
            return self.item_profile or self.side == "both"

    def stages(self) -> tuple[Stage, ...]:
        """The profiles of the user's items with `item_profile`, then the profiles for the scorer."""
        items = ItemStage(self.config)
        profiles = RlmRecStage(self.config, items)
        return (items, profiles) if self.config.item_profile else (profiles,)

    def measures(self, requests: Sequence[Request], profiles: Sequence[Profiles]) -> dict[str, float | None]:
        """The share of distinct profiles whose summarization exceeds the requested length."""
        distinct = {entry for written in profiles for entry in _texts_with_excess(written)}
        return {"too_long_rate": sum(too_long for _, too_long in distinct) / len(distinct) if distinct else None}

    def writes(self) -> tuple[Side, ...]:
        return ("user", "item") if self.config.side == "both" else ("user",)

    def history_needed(self) -> int:
        return int(self.config.window_needed())

    def writer_view(self, request: Request) -> Request:
        return as_read(_view(self.config, request), self.config.review_chars)

    def prompt_digests(self) -> dict[str, str]:
        names = [self.config.prompt or _USER]
        names += [self.config.item_prompt or _ITEM] if self.config.has_item_prompts() else []
        return template_digests(names, self.config.prompt_set)


class _JsonStage(Stage):
    """Parses the JSON object; its summarization is the profile."""

    def __init__(self, config: RlmRec.Config) -> None:
        self.config = config
        self.max_tokens = config.max_tokens

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        """The summarization, with the reasoning as a note; None if it is missing or the prompt's placeholder."""
        fields = parse_json_object(text, _KEYS)
        summary = parse_free_text(fields["summarization"]) if fields else None
        if fields is None or summary is None or _is_placeholder(summary, prompt):
            return None
        reasoning = fields.get("reasoning", "")
        profile = f"{summary}\n{reasoning}" if self.config.include_reasoning and reasoning else summary
        notes = {"reasoning": reasoning, "too_long": str(int(len(summary.split()) > _LIMITS[prompt.side]))}
        return [Profile(prompt.side, profile, notes)]

    def _unique_prompts(self, side: Side, messages: Iterable[tuple[int, tuple[Message, ...]]]) -> list[Prompt]:
        """One prompt per distinct content, with the prefill or response template that `answer` sets."""
        return unique_prompts(side, messages, prefill=self._prefill, response_template=self._response_template)

    def key(self, messages: tuple[Message, ...]) -> str:
        """The key of the prompt with these messages."""
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

    def item_messages(self, item: Item, domain: Domain, history: Sequence[Interaction] = ()) -> tuple[Message, ...]:
        """The messages of an item's prompt; `history` holds what others thought of it."""
        values = {"domain": domain, "item": item, "history": self.config.history_lines(history, domain)}
        return self.config.render(_ITEM, self.config.item_prompt, **values)


class ItemStage(_JsonStage):
    """Profiles of the items in the users' histories, as notes for the next stage."""

    name = "items"

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        """One prompt per distinct item."""
        items = ((n, request.domain, item) for n, request in enumerate(requests) for item in self._items(request))
        return self._unique_prompts("note", ((n, self.item_messages(item, domain)) for n, domain, item in items))

    def _items(self, request: Request) -> Iterator[Item]:
        yield from dict.fromkeys(line.item for line in _view(self.config, request).user_history)


class RlmRecStage(_JsonStage):
    """Profiles of users and, with `side: both`, of the items to be rated."""

    name = "profile"

    def __init__(self, config: RlmRec.Config, items: ItemStage) -> None:
        super().__init__(config)
        self._items = items

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        """One prompt per distinct user history and, with `side: both`, one per distinct item and item history."""
        views = [(n, _view(self.config, request)) for n, request in enumerate(requests)]
        users = ((n, self._user_messages(view, earlier)) for n, view in views if not self.config.skips(view))
        prompts = self._unique_prompts("user", users)
        if self.config.side == "both":
            items = ((n, self.item_messages(view.item, view.domain, view.item_history)) for n, view in views)
            prompts += self._unique_prompts("item", items)
        return prompts

    def _user_messages(self, view: Request, earlier: Mapping[str, Sequence[Profile]]) -> tuple[Message, ...]:
        notes = [self._note(line.item, view.domain, earlier) for line in view.user_history]
        lines = self.config.history_lines(view.user_history, view.domain, notes)
        return self.config.render(_USER, self.config.prompt, domain=view.domain, history=lines)

    def _note(self, item: Item, domain: Domain, earlier: Mapping[str, Sequence[Profile]]) -> str:
        if not self.config.item_profile:
            return ""
        profiles = earlier.get(self._items.key(self._items.item_messages(item, domain)))
        return profiles[0].text if profiles else ""


def _view(config: RlmRec.Config, request: Request) -> Request:
    return config.view(request, ("user", "item") if config.side == "both" else ("user",))


def _texts_with_excess(profiles: Profiles) -> list[tuple[str, int]]:
    """The text of each profile, with 1 if its summarization is too long, else 0."""
    present = [profile for profile in (profiles.user, profiles.item) if profile is not None]
    return [(profile.text, int(profile.notes.get("too_long", "0"))) for profile in present]


def _is_placeholder(text: str, prompt: Prompt) -> bool:
    """Whether the prompt itself contains the text in quotes, as the placeholder of its JSON example."""
    return any(f'"{text}"'.casefold() in message.content.casefold() for message in prompt.messages)
