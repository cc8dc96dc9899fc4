"""PALR: keywords of the user's taste, ranked, each with the history items that support it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from duetbench.interfaces import Stage, Strategy, option
from duetbench.parsing import has_words, is_repetitive, parse_free_text, strip_reasoning
from duetbench.prompts import prompt_key, unique_prompts
from duetbench.strategies.writing import SentimentConfig, as_read, compact_reasons, own_prompt_reasons, template_digests
from duetbench.types import Domain, Item, Message, Profile, Profiles, Prompt, Request, Side

_USER, _ITEM = "palr_user", "palr_item"
_QUOTED = r'["\u201c][^"\u201c\u201d\n]*["\u201d]'
_ENTRY = re.compile(
    rf'(?:^|[\s;{{"\u201d])(?:\d{{1,2}}\s*[.):]|[-*\u2022])\s*\**\s*([^:"\u201c\u201d\n;{{}}]{{1,80}}?)\s*\**\s*:\s*\**\s*'
    rf"({_QUOTED}(?:[\s,]*{_QUOTED})*)",
)
_BULLET = re.compile(r"^\s*(?:\d{1,2}[.)]|[-*\u2022])\s+")
_MAX_KEYWORDS = 10


class Palr(Strategy):
    """The profile of PALR for the scorer; the original gives it to a fine-tuned ranker."""

    name = "palr"
    summary = "keywords of the user's taste in order of importance, each with the items that support it"
    source = "PALR (Yang et al. 2023); DUET, appendix A.2"

    omitted = (
        "the retriever that selects candidate items",
        "the LLaMA-7B ranker, fine-tuned on recommendation with and without retrieved candidates",
        "ranking of candidates: here a scorer predicts the rating of one item",
    )

    @dataclass(frozen=True)
    class Config(SentimentConfig):
        """Options of PALR."""

        keywords: Literal["auto", "ask", "none"] = option(
            "auto", "of items. auto: their categories, generated if there are none; ask: always generated; none: none"
        )
        answer: Literal["free", "prefill"] = option(
            "free", "prefill: the completion begins with the list's first number"
        )
        max_keywords: int | None = option(
            8, "keywords that the prompt allows; an addition to the paper's; none: no limit", ge=1
        )
        keyword_prompt: str | None = option(None, "path to your own prompt file for an item's keywords")

        def without_effect(self) -> dict[str, str]:
            """See `Plugin.Config`."""
            reasons = compact_reasons(self, "max_keywords")
            if self.keywords == "none":
                return reasons | {"keyword_prompt": "keywords=none writes none"} | own_prompt_reasons(self.prompt)
            return reasons | own_prompt_reasons(self.prompt, self.keyword_prompt)

    def stages(self) -> tuple[Stage, ...]:
        """The items' keywords, then the user's."""
        keywords = KeywordStage(self.config)
        profile = PalrStage(self.config, keywords)
        return (profile,) if self.config.keywords == "none" else (keywords, profile)

    def measures(self, requests: Sequence[Request], profiles: Sequence[Profiles]) -> dict[str, float | None]:
        """The share of cited items that are not in the history, over all distinct profiles."""
        distinct = {written.user.text: written.user.notes for written in profiles if written.user is not None}
        n_cited, n_invented = (sum(int(notes[name]) for notes in distinct.values()) for name in ("cited", "invented"))
        return {"cited_items": float(n_cited), "invented_rate": n_invented / n_cited if n_cited else None}

    def writes(self) -> tuple[Side, ...]:
        return ("user",)

    def history_needed(self) -> int:
        return int(self.config.window_needed())

    def writer_view(self, request: Request) -> Request:
        return as_read(self.config.view(request, ("user",)), self.config.review_chars)

    def prompt_digests(self) -> dict[str, str]:
        names = [self.config.prompt or _USER]
        names += [self.config.keyword_prompt or _ITEM] if self.config.keywords != "none" else []
        return template_digests(names, self.config.prompt_set)


class KeywordStage(Stage):
    """Keywords of items that have no categories; one prompt per item, shared by all cells of a grid."""

    name = "keywords"
    max_tokens = 64

    def __init__(self, config: Palr.Config) -> None:
        self.config = config

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        """One prompt per distinct item whose keywords are generated."""
        items = ((n, request.domain, item) for n, request in enumerate(requests) for item in self._items(request))
        return unique_prompts("note", ((n, self.messages(item, domain)) for n, domain, item in items))

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        """Up to 10 keywords, separated by commas, bullets or line breaks; None if one has more than 5 words."""
        answer = (parse_free_text(text) or "").removeprefix("Keywords:")
        parts = (_BULLET.sub("", part) for part in re.split(r"[,;\n]+", answer))
        keywords = list(dict.fromkeys(part.strip(" \t.\"'*") for part in parts if has_words(part)))
        if not keywords or any(len(keyword.split()) > 5 for keyword in keywords):
            return None
        return [Profile("note", ", ".join(keywords[:_MAX_KEYWORDS]))]

    def messages(self, item: Item, domain: Domain) -> tuple[Message, ...]:
        """The messages of the prompt for an item's keywords."""
        return self.config.render(_ITEM, self.config.keyword_prompt, domain=domain, item=item)

    def keywords_of(self, item: Item, domain: Domain, earlier: Mapping[str, Sequence[Profile]]) -> str:
        """The item's keywords; empty if there are none, or if the answer was unreadable."""
        if self.config.keywords == "none":
            return ""
        if not self._is_generated(item):
            return ", ".join(item.categories)
        profiles = earlier.get(prompt_key(self.messages(item, domain)))
        return profiles[0].text if profiles else ""

    def _items(self, request: Request) -> Iterator[Item]:
        lines = self.config.view(request, ("user",)).user_history
        yield from dict.fromkeys(line.item for line in lines if self._is_generated(line.item))

    def _is_generated(self, item: Item) -> bool:
        return self.config.keywords == "ask" or not item.categories


class PalrStage(Stage):
    """The ranked list of keywords, with a check of the items that it cites."""

    name = "profile"

    def __init__(self, config: Palr.Config, keywords: KeywordStage) -> None:
        self.config = config
        self.max_tokens = config.max_tokens
        self._keywords = keywords

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        """One prompt per distinct history."""
        views = [(n, self.config.view(request, ("user",))) for n, request in enumerate(requests)]
        messages = ((n, self._messages(view, earlier)) for n, view in views if not self.config.skips(view))
        return unique_prompts("user", messages, prefill="1. " if self.config.answer == "prefill" else "")

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        """The list in a uniform format and the model's order; invented items are counted and kept.

        An entry without a quoted item is ignored; a list without entries, or a repetitive one, is unreadable.
        """
        answer = strip_reasoning(text)
        if is_repetitive(answer):
            return None
        entries = [(keyword, re.findall(_QUOTED, items)) for keyword, items in _ENTRY.findall(answer)]
        entries = [
            (keyword, [item[1:-1].strip() for item in items]) for keyword, items in entries if has_words(keyword)
        ]
        cited = [item for _, items in entries for item in items if has_words(item)]
        history_text, fixed_text = _history_text(prompt), _fixed_text(prompt)
        if (
            not cited
            or f"1. {entries[0][0]}:".casefold() in fixed_text
            or all(f'"{item}"'.casefold() in fixed_text for item in cited)
        ):
            return None
        invented = [item for item in cited if f" {_plain(item)} " not in history_text]
        lines = (
            f"{n}. {keyword}: " + ", ".join(f'"{item}"' for item in items)
            for n, (keyword, items) in enumerate(entries, 1)
        )
        return [Profile("user", "\n".join(lines), {"cited": str(len(cited)), "invented": str(len(invented))})]

    def _messages(self, view: Request, earlier: Mapping[str, Sequence[Profile]]) -> tuple[Message, ...]:
        notes = [self._keywords.keywords_of(line.item, view.domain, earlier) for line in view.user_history]
        lines = self.config.history_lines(view.user_history, view.domain, notes)
        values = {"domain": view.domain, "history": lines, "max_keywords": self.config.max_keywords}
        return self.config.render(_USER, self.config.prompt, **values)


def _history_text(prompt: Prompt) -> str:
    """The words of the prompt's history lines, which are its droppable spans, each line between spaces."""
    lines = [message.content[start:end] for message in prompt.messages for start, end in message.droppable]
    return " | ".join(f" {_plain(line)} " for line in lines)


def _fixed_text(prompt: Prompt) -> str:
    """The prompt without its history lines, casefolded; an answer that only repeats it is unreadable."""
    pieces: list[str] = []
    for message in prompt.messages:
        end = 0
        for start, stop in sorted(message.droppable):
            pieces.append(message.content[end:start])
            end = stop
        pieces.append(message.content[end:])
    return "".join(pieces).casefold()


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
