"""What the writer read and the scorer's own prompt does not show, whole or cut to a length."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from duetbench.interfaces import Scorer, Strategy
from duetbench.prompts import cut
from duetbench.types import Domain, Interaction, Item, Request

_WORD = re.compile(r"\S{1,20}\s*")
"""Longer runs are cut too: not every language has spaces."""
_LONGEST_PROBE = 10_000
"""Interactions per history of the request that shows what a writer reads of long histories."""


class ScorerWindows(NamedTuple):
    """How many of the latest interactions a scorer shows, and how much of their reviews."""

    user: int
    item: int
    review_chars: int = 0
    """Characters of each review; 0: all."""

    @classmethod
    def of(cls, scorer: Scorer) -> ScorerWindows:
        user = int(getattr(scorer.config, "history_k", 0))
        item = getattr(scorer.config, "item_history_k", 0)
        return cls(user, user if item is None else int(item), int(getattr(scorer.config, "review_chars", 0)))


class EvidenceLine(NamedTuple):
    """One interaction of which the scorer's own prompt shows nothing, or less of the review than the writer reads."""

    age: int
    """1 for the newest line of its history."""
    is_item: bool
    position: int
    """In its history."""
    review: str
    """As the writer reads it."""
    own_words: int | None = None
    """Words of the review in the scorer's own prompt; None: the line is not there."""
    words: int | None = None
    """Number of words that are shown; None: all."""


class EvidencePart(NamedTuple):
    """What is added to the scorer's prompt."""

    averages: bool = False
    lines: tuple[EvidenceLine, ...] = ()

    def with_line(self, line: EvidenceLine, words: int) -> EvidencePart:
        """The part with a further line, cut to its first words."""
        return self._replace(lines=(*self.lines, line._replace(words=words)))


@dataclass(frozen=True)
class Evidence:
    """What can be added to the scorer's prompt of one request."""

    full: Request
    averages: Request
    """Its averages can be added: those that the writer reads, as its prompts show them."""
    own: ScorerWindows
    lines: tuple[EvidenceLine, ...]
    """The newest of both histories first."""
    shows_averages: bool
    """Whether the scorer shows the averages anyway."""

    @classmethod
    def of(cls, request: Request, strategy: Strategy, plain_scorer: Scorer) -> Evidence:
        """What the strategy's writer reads of the request and the scorer without the control does not show."""
        own = ScorerWindows.of(plain_scorer)
        view = strategy.writer_view(request)
        lines = [
            *_lines(request.user_history, view.user_history, own.user, own.review_chars, is_item=False),
            *_lines(request.item_history, view.item_history, own.item, own.review_chars, is_item=True),
        ]
        shown = getattr(plain_scorer.config, "show_averages", False)  # None: where there is a history
        averages = view if shown is False else request
        return cls(request, averages, own, tuple(sorted(lines, key=lambda line: line[:3])), shown is True)

    @classmethod
    def adds_to(cls, strategy: Strategy, plain_scorer: Scorer) -> bool:
        """Whether there is a history of which the writer reads more than the scorer without the control shows."""
        evidence = cls.of(_probe(strategy, plain_scorer), strategy, plain_scorer)
        read = (evidence.averages.user_average, evidence.averages.item_average)
        adds_averages = getattr(plain_scorer.config, "show_averages", False) is False and any(read)
        return bool(evidence.lines) or adds_averages

    def request(self, part: EvidencePart) -> Request:
        """The request with a part of the evidence."""
        has_averages = part.averages or self.shows_averages
        return replace(
            self.full,
            user_history=self._kept(self.full.user_history, self.own.user, part.lines, is_item=False),
            item_history=self._kept(self.full.item_history, self.own.item, part.lines, is_item=True),
            user_average=self.averages.user_average if has_averages else None,
            item_average=self.averages.item_average if has_averages else None,
        )

    def largest_part(self, fits: Callable[[EvidencePart], bool]) -> EvidencePart:
        """The averages if they fit, the newest lines that fit whole, and as many words of the next one as fit.

        Args:
            fits: Whether a part is short enough; a part with more lines or words is longer.
        """
        base = EvidencePart(averages=fits(EvidencePart(averages=True)))
        part = _last_that_fits([base._replace(lines=self.lines[:n]) for n in range(len(self.lines) + 1)], fits)
        return self._with_cut_line(part, self.lines[len(part.lines) :], fits)

    def _with_cut_line(
        self, part: EvidencePart, others: Sequence[EvidenceLine], fits: Callable[[EvidencePart], bool]
    ) -> EvidencePart:
        """The part with the beginning of the next line, or else of the next one of the other history."""
        for line in sorted({line.is_item: line for line in reversed(others)}.values(), key=others.index):
            history = self.full.item_history if line.is_item else self.full.user_history
            n_words = sum(map(len, _texts(history[line.position], line)))
            fewest = int(not line.is_item) if line.own_words is None else line.own_words + 1
            # a rating of the item says something, a rating without the title of what is rated says nothing
            cuts = [part.with_line(line, n) for n in range(fewest, n_words + 1)]
            if cuts and fits(cuts[0]):
                return _last_that_fits(cuts, fits)
        return part

    def _kept(
        self, history: tuple[Interaction, ...], own: int, chosen: Sequence[EvidenceLine], *, is_item: bool
    ) -> tuple[Interaction, ...]:
        """The scorer's own window and the chosen lines, oldest first, each with as much of its review as is shown."""
        lines = {line.position: line for line in chosen if line.is_item == is_item}
        start = max(len(history) - own, 0)
        return tuple(
            _shown(line, lines[position])
            if position in lines
            else replace(line, review=cut(line.review, self.own.review_chars))
            for position, line in enumerate(history)
            if position >= start or position in lines
        )


def _last_that_fits(parts: Sequence[EvidencePart], fits: Callable[[EvidencePart], bool]) -> EvidencePart:
    """The longest of these parts that fits; they are in the order of their lengths, and the first one fits."""
    return parts[bisect_left(parts, True, lo=1, key=lambda part: not fits(part)) - 1]


def _lines(
    history: Sequence[Interaction], window: Sequence[Interaction], own: int, chars: int, *, is_item: bool
) -> list[EvidenceLine]:
    """The lines of the writer's window of which the scorer's own shows nothing, or less of the review."""
    lines: list[EvidenceLine] = []
    start = max(len(history) - own, 0)
    for position, review in _read_lines(history, window):
        shown = cut(history[position].review, chars) if position >= start else None
        if shown is None or _n_read(review, history[position]) > _n_read(shown, history[position]):
            own_words = None if shown is None else len(_WORD.findall(shown))
            lines.append(EvidenceLine(len(lines) + 1, is_item, position, review, own_words))
    return lines


def _read_lines(history: Sequence[Interaction], window: Sequence[Interaction]) -> Iterator[tuple[int, str]]:
    """The position of each line of the writer's window and its review there, newest first."""
    end = len(history)
    for line in reversed(window):
        same = (n for n in reversed(range(end)) if replace(history[n], review=line.review) == line)
        position = next(same, None)
        if position is not None:
            end = position
            yield position, line.review


def _n_read(text: str, line: Interaction) -> int:
    """How many characters of the line's review a text shows; a text that was cut ends with `...`."""
    text, whole = cut(text, 0), cut(line.review, 0)
    return len(text) if text == whole else len(text.removesuffix("..."))


def _texts(line: Interaction, shown: EvidenceLine) -> tuple[list[str], list[str], list[str]]:
    """The words of title and review and the categories, in the order of a line, as far as they can be left out.

    Item histories show reviews only, and the scorer's own lines show their titles anyway.
    """
    review = _WORD.findall(shown.review)
    if shown.is_item or shown.own_words is not None:
        return [], [], review
    return _WORD.findall(line.item.title), list(line.item.categories), review


def _shown(line: Interaction, shown: EvidenceLine) -> Interaction:
    """The line as the writer reads it, or its first words; a category counts as one."""
    if shown.words is None:
        return replace(line, review=shown.review)
    title, categories, review = _texts(line, shown)
    after_title = max(shown.words - len(title), 0)
    text = "".join(review[: max(after_title - len(categories), 0)]).rstrip()
    if not title:
        return replace(line, review=text)
    item = replace(line.item, title="".join(title[: shown.words]).rstrip(), categories=tuple(categories[:after_title]))
    return replace(line, item=item, review=text)


def _probe(strategy: Strategy, scorer: Scorer) -> Request:
    """A request with histories as long as the writer reads at most, and with longer reviews than the scorer shows."""
    n, item = min(strategy.history_needed(), _LONGEST_PROBE), Item("item", "title")
    review = "x" * (ScorerWindows.of(scorer).review_chars + 10)
    user, others = (
        tuple(Interaction(name, item, 3.0, time, review) for time in range(n)) for name in ("user", "other")
    )
    return Request("probe", "user", item, n, Domain("item", "items"), user, others, 3.0, 3.0)
