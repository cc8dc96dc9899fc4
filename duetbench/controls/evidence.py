"""What the writer read and the scorer's own prompt does not show, whole or cut to a length."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from duetbench.interfaces import ControlContext, Scorer
from duetbench.types import Interaction, Request

_WORD = re.compile(r"\S{1,20}\s*")
"""Longer runs are cut too: not every language has spaces."""


class ScorerWindows(NamedTuple):
    """How many of the latest interactions a scorer shows."""

    user: int
    item: int

    @classmethod
    def of(cls, scorer: Scorer) -> ScorerWindows:
        user = int(getattr(scorer.config, "history_k", 0))
        item = getattr(scorer.config, "item_history_k", 0)
        return cls(user, user if item is None else int(item))


class EvidenceLine(NamedTuple):
    """One interaction that is not in the scorer's own prompt."""

    age: int
    """1 for the newest line of its history."""
    is_item: bool
    position: int
    """In its history."""
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
    """Its averages can be added: those that the writer reads."""
    own: ScorerWindows
    lines: tuple[EvidenceLine, ...]
    """The newest of both histories first."""
    shows_averages: bool
    """Whether the scorer shows the averages anyway."""

    @classmethod
    def of(cls, request: Request, context: ControlContext) -> Evidence:
        own = ScorerWindows.of(context.plain_scorer)
        view = context.strategy.writer_view(request)
        lines = [
            *_lines(request.user_history, view.user_history, own.user, is_item=False),
            *_lines(request.item_history, view.item_history, own.item, is_item=True),
        ]
        shown = getattr(context.plain_scorer.config, "show_averages", False)  # None: where there is a history
        averages = view if shown is False else request
        return cls(request, averages, own, tuple(sorted(lines, key=lambda line: line[:3])), shown is True)

    def request(self, part: EvidencePart) -> Request:
        """The request with a part of the evidence."""
        has_averages = part.averages or self.shows_averages
        return replace(
            self.full,
            user_history=_kept(self.full.user_history, self.own.user, part.lines, is_item=False),
            item_history=_kept(self.full.item_history, self.own.item, part.lines, is_item=True),
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
            fewest = 0 if line.is_item else 1  # a rating of the item says something, one without its title nothing
            n_words = _n_words(history[line.position], is_item=line.is_item)
            cuts = [part.with_line(line, n) for n in range(fewest, n_words + 1)]
            if cuts and fits(cuts[0]):
                return _last_that_fits(cuts, fits)
        return part


def _last_that_fits(parts: Sequence[EvidencePart], fits: Callable[[EvidencePart], bool]) -> EvidencePart:
    """The longest of these parts that fits; they are in the order of their lengths, and the first one fits."""
    return parts[bisect_left(parts, True, lo=1, key=lambda part: not fits(part)) - 1]


def _lines(
    history: Sequence[Interaction], window: Sequence[Interaction], own: int, *, is_item: bool
) -> list[EvidenceLine]:
    """The lines of the writer's window that the scorer's own does not hold."""
    in_window = {id(line) for line in window}
    older = [position for position, line in enumerate(history[: max(len(history) - own, 0)]) if id(line) in in_window]
    return [EvidenceLine(age, is_item, position) for age, position in enumerate(reversed(older), start=1)]


def _kept(
    history: tuple[Interaction, ...], own: int, chosen: Sequence[EvidenceLine], *, is_item: bool
) -> tuple[Interaction, ...]:
    """The scorer's own window and the chosen lines, oldest first."""
    words = {line.position: line.words for line in chosen if line.is_item == is_item}
    start = max(len(history) - own, 0)
    return tuple(
        _cut(line, words.get(position), is_item=is_item)
        for position, line in enumerate(history)
        if position >= start or position in words
    )


def _texts(line: Interaction, *, is_item: bool) -> tuple[list[str], list[str], list[str]]:
    """The words of title and review and the categories, in the order of a line; item histories show reviews only."""
    review = _WORD.findall(line.review)
    return ([], [], review) if is_item else (_WORD.findall(line.item.title), list(line.item.categories), review)


def _n_words(line: Interaction, *, is_item: bool) -> int:
    return sum(map(len, _texts(line, is_item=is_item)))


def _cut(line: Interaction, n: int | None, *, is_item: bool) -> Interaction:
    """The line with its first n words; a category counts as one."""
    if n is None:
        return line
    title, categories, review = _texts(line, is_item=is_item)
    after_title = max(n - len(title), 0)
    text = "".join(review[: max(after_title - len(categories), 0)]).rstrip()
    if is_item:
        return replace(line, review=text)
    item = replace(line.item, title="".join(title[:n]).rstrip(), categories=tuple(categories[:after_title]))
    return replace(line, item=item, review=text)
