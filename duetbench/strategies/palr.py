"""PALR: keywords of the user's taste, ranked, each with the items of the history that support it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from duetbench.interfaces import Stage, Strategy, option
from duetbench.parsing import has_words, is_repetitive, parse_free_text, strip_reasoning
from duetbench.prompts import prompt_key, unique_prompts
from duetbench.strategies.writing import WriterConfig, digests, window
from duetbench.types import Domain, Item, Message, Profile, Profiles, Prompt, Request

_USER, _ITEM = "palr_user", "palr_item"
_QUOTED = r'["\u201c][^"\u201c\u201d\n]*["\u201d]'
_ENTRY = re.compile(
    rf'(?:^|[\s;{{"\u201d])(?:\d{{1,2}}\s*[.):]|[-*\u2022])\s*\**\s*([^:"\u201c\u201d\n;{{}}]{{1,80}}?)\s*\**\s*:\s*\**\s*'
    rf"({_QUOTED}(?:[\s,]*{_QUOTED})*)",
)
_BULLET = re.compile(r"^\s*(?:\d{1,2}[.)]|[-*\u2022])\s+")
_MOST_KEYWORDS = 10


class Palr(Strategy):
    """The profile of PALR, read by the scorer; the original gives it to a fine-tuned ranker instead."""

    name = "palr"
    summary = "keywords of the user's taste in order of importance, each with the items that support it"
    source = "PALR (Yang et al. 2023); DUET, appendix A.2"

    @dataclass(frozen=True)
    class Config(WriterConfig):
        """Options of PALR."""

        keywords: Literal["auto", "ask", "none"] = option(
            "auto", "of the items. auto: their categories, asked for where there are none; ask: asked for always; none"
        )
        answer: Literal["free", "prefill"] = option("free", "prefill: the answer begins with the list's first number")
        keyword_prompt: str | None = option(None, "a prompt file of one's own for an item's keywords")

    def stages(self) -> tuple[Stage, ...]:
        """The items' keywords first, then the user's."""
        keywords = KeywordStage(self.config)
        return (
            (keywords, PalrStage(self.config, keywords))
            if self.config.keywords != "none"
            else (PalrStage(self.config, keywords),)
        )

    def measures(self, requests: Sequence[Request], profiles: Sequence[Profiles]) -> dict[str, float | None]:
        """How many of the cited items stand in no line of the history, over all distinct profiles."""
        distinct = {each.user.text: each.user.notes for each in profiles if each.user is not None}
        n_cited, n_invented = (sum(int(notes[name]) for notes in distinct.values()) for name in ("cited", "invented"))
        return {"cited_items": float(n_cited), "invented_rate": n_invented / n_cited if n_cited else None}

    def prompt_digests(self) -> dict[str, str]:
        """See the base class."""
        names = [self.config.prompt or _USER]
        names += [self.config.keyword_prompt or _ITEM] if self.config.keywords != "none" else []
        return digests(names, self.config.prompt_set)


class KeywordStage(Stage):
    """Asks for the keywords of items that have no categories: once per item, for the whole grid."""

    name = "keywords"
    max_tokens = 64

    def __init__(self, config: Palr.Config) -> None:
        self.config = config

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        """One prompt per distinct item whose keywords have to be asked for."""
        asked = ((n, item) for n, request in enumerate(requests) for item in self._items(request))
        return unique_prompts("note", ((n, self.messages(item, requests[n].domain)) for n, item in asked))

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        """The keywords between commas, bullets or line breaks: at most 10, of at most 5 words each."""
        answer = (parse_free_text(text) or "").removeprefix("Keywords:")
        parts = (_BULLET.sub("", part) for part in re.split(r"[,;\n]+", answer))
        words = list(dict.fromkeys(part.strip(" \t.\"'*") for part in parts if has_words(part)))
        if not words or any(len(word.split()) > 5 for word in words):
            return None
        return [Profile("note", ", ".join(words[:_MOST_KEYWORDS]))]

    def messages(self, item: Item, domain: Domain) -> tuple[Message, ...]:
        """What is asked about an item."""
        return self.config.render(_ITEM, self.config.keyword_prompt, domain=domain, item=item)

    def of(self, item: Item, domain: Domain, earlier: Mapping[str, Sequence[Profile]]) -> str:
        """The item's keywords; empty if there are none, or if they could not be read."""
        if self.config.keywords == "none":
            return ""
        if not self._is_asked(item):
            return ", ".join(item.categories)
        found = earlier.get(prompt_key(self.messages(item, domain)))
        return found[0].text if found else ""

    def _items(self, request: Request) -> Iterator[Item]:
        lines = window(request.user_history, self.config.history_k)
        yield from dict.fromkeys(line.item for line in lines if self._is_asked(line.item))

    def _is_asked(self, item: Item) -> bool:
        return self.config.keywords == "ask" or not item.categories


class PalrStage(Stage):
    """Asks for the ranked list and checks what it cites."""

    name = "profile"

    def __init__(self, config: Palr.Config, keywords: KeywordStage) -> None:
        self.config = config
        self.max_tokens = config.max_tokens
        self._keywords = keywords

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        """One prompt per distinct history."""
        asked = ((n, self._messages(each, earlier)) for n, each in enumerate(requests))
        return unique_prompts("user", asked, prefill="1. " if self.config.answer == "prefill" else "")

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        """The list in one form, as the model ordered it; what it invented is counted and left in.

        An entry without a quoted item is no entry; a list without entries, or one that never ends, is unreadable.
        """
        answer = strip_reasoning(text)
        if is_repetitive(answer):
            return None
        entries = [(keyword, re.findall(_QUOTED, items)) for keyword, items in _ENTRY.findall(answer)]
        entries = [
            (keyword, [item[1:-1].strip() for item in items]) for keyword, items in entries if has_words(keyword)
        ]
        cited = [item for _, items in entries for item in items if has_words(item)]
        known, form = _history(prompt), _form(prompt)
        if (
            not cited
            or f"1. {entries[0][0]}:".casefold() in form
            or all(f'"{item}"'.casefold() in form for item in cited)
        ):
            return None
        invented = [item for item in cited if f" {_plain(item)} " not in known]
        lines = (
            f"{n}. {keyword}: " + ", ".join(f'"{item}"' for item in items)
            for n, (keyword, items) in enumerate(entries, 1)
        )
        return [Profile("user", "\n".join(lines), {"cited": str(len(cited)), "invented": str(len(invented))})]

    def _messages(self, request: Request, earlier: Mapping[str, Sequence[Profile]]) -> tuple[Message, ...]:
        history = window(request.user_history, self.config.history_k)
        notes = [self._keywords.of(line.item, request.domain, earlier) for line in history]
        told = self.config.lines(history, request.domain, notes)
        return self.config.render(_USER, self.config.prompt, domain=request.domain, history=told)


def _history(prompt: Prompt) -> str:
    """The words of the prompt's history lines, which are its droppable spans, each line between blanks."""
    lines = [message.content[start:end] for message in prompt.messages for start, end in message.droppable]
    return " | ".join(f" {_plain(line)} " for line in lines)


def _form(prompt: Prompt) -> str:
    """The prompt without its history lines, casefolded: an answer that only repeats the form there says nothing."""
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
