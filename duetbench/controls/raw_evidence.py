"""Raw evidence: the scorer reads what the writer read instead of the profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any, NamedTuple

from duetbench.controls.slots import missing_slots
from duetbench.interfaces import Control, ControlContext, ControlledInput, Scorer, Strategy
from duetbench.types import Interaction, Profiles, Request


class EvidenceControl(Control):
    """Shared by both controls: the scorer's windows hold what the writer reads."""

    source = "arXiv 2510.00449 compares concrete reviews with descriptions of preferences"

    def obstacle(self, strategy: Strategy, scorer: Scorer) -> str | None:
        if not strategy.history_needed():
            return f"the writer of {strategy.name} reads no history"
        if scorer.reads_line_notes():
            return "the scorer reads the writer's texts on single interactions instead of the reviews"
        own, shows_averages = _Windows.of(scorer), getattr(scorer.config, "show_averages", False)
        if min(own) >= strategy.history_needed() and shows_averages is not False:
            return "the scorer shows what the writer reads in every row, so this is the row without a profile"
        return missing_slots(scorer, ("history", "item_history", "user_average", "item_average"))

    def scorer_options(self, strategy: Strategy, scorer: Scorer) -> Mapping[str, Any]:
        """Windows that hold the writer's and the scorer's own."""
        own, needed = _Windows.of(scorer), strategy.history_needed()
        return {
            "history_k": max(own.user, needed),
            "item_history_k": max(own.item, needed),
            "show_averages": True,
        }


class RawEvidenceFull(EvidenceControl):
    """Both histories with reviews, as far as the writer sees them, and the averages that it sees."""

    name = "raw_evidence_full"
    summary = "the scorer reads both histories that the writer read, and the averages, instead of profiles"
    needs = "window"

    def apply(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], context: ControlContext
    ) -> ControlledInput:
        """The requests with all lines that the writer or the scorer sees, without profiles."""
        evidence = [_Evidence.of(request, context) for request in requests]
        shown = [entry.request(entry.n_levels - 1) for entry in evidence]
        n_lines = [len(entry.lines) for entry in evidence]
        measures = {"evidence_lines": fmean(n_lines) if n_lines else None}
        return ControlledInput(shown, [Profiles() for _ in requests], measures)


class RawEvidence(EvidenceControl):
    """The same, cut to the length of the profiles that it replaces.

    The scorer's prompt has at most as many tokens as with the profiles. The oldest lines are left out first, and the
    averages if they alone do not fit.
    """

    name = "raw_evidence"
    summary = "the same as raw_evidence_full, in at most as many tokens as the profiles"
    needs = "profiles"

    def apply(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], context: ControlContext
    ) -> ControlledInput:
        """The requests with as many of the newest lines as fit; where profiles failed, all stays as it is."""
        fitted = {
            position: _fit(_Evidence.of(request, context), written, context)
            for position, (request, written) in enumerate(zip(requests, profiles, strict=True))
            if not written.failed
        }
        shown = [fitted[n].request if n in fitted else request for n, request in enumerate(requests)]
        without = [written if written.failed else Profiles() for written in profiles]
        fits = list(fitted.values())
        measures = {
            "evidence_lines": fmean(fit.n_lines for fit in fits) if fits else None,
            "evidence_tokens": fmean(fit.n_tokens for fit in fits) if fits else None,
            "profile_tokens": fmean(fit.n_budget for fit in fits) if fits else None,
        }
        return ControlledInput(shown, without, measures)


class _Windows(NamedTuple):
    """How many of the latest interactions a scorer shows."""

    user: int
    item: int

    @classmethod
    def of(cls, scorer: Scorer) -> _Windows:
        user = int(getattr(scorer.config, "history_k", 0))
        item = getattr(scorer.config, "item_history_k", 0)
        return cls(user, user if item is None else int(item))


class _Line(NamedTuple):
    """One interaction that is not in the scorer's own prompt."""

    age: int
    """1 for the newest line of its history."""
    is_item: bool
    position: int
    """In its history."""


@dataclass(frozen=True)
class _Evidence:
    """What can be added to the scorer's prompt of one request."""

    full: Request
    averages: Request
    """Its averages can be added: those that the writer reads."""
    own: _Windows
    lines: tuple[_Line, ...]
    """The newest of both histories first."""
    shows_averages: bool
    """Whether the scorer shows the averages anyway."""

    @classmethod
    def of(cls, request: Request, context: ControlContext) -> _Evidence:
        own = _Windows.of(context.plain_scorer)
        view = context.strategy.writer_view(request)
        lines = [
            *_lines(request.user_history, view.user_history, own.user, is_item=False),
            *_lines(request.item_history, view.item_history, own.item, is_item=True),
        ]
        shown = getattr(context.plain_scorer.config, "show_averages", False)  # None: where there is a history
        averages = view if shown is False else request
        return cls(request, averages, own, tuple(sorted(lines)), shown is True)

    @property
    def n_levels(self) -> int:
        """Level 0 adds nothing, level 1 the averages, each further one a line."""
        return len(self.lines) + 2

    def request(self, level: int) -> Request:
        """The request with the evidence of a level."""
        chosen = self.lines[: max(level - 1, 0)]
        has_averages = level > 0 or self.shows_averages
        return replace(
            self.full,
            user_history=_kept(self.full.user_history, self.own.user, chosen, is_item=False),
            item_history=_kept(self.full.item_history, self.own.item, chosen, is_item=True),
            user_average=self.averages.user_average if has_averages else None,
            item_average=self.averages.item_average if has_averages else None,
        )


def _lines(history: Sequence[Interaction], window: Sequence[Interaction], own: int, *, is_item: bool) -> list[_Line]:
    """The lines of the writer's window that the scorer's own does not hold."""
    in_window = {id(line) for line in window}
    older = [position for position, line in enumerate(history[: max(len(history) - own, 0)]) if id(line) in in_window]
    return [_Line(age, is_item, position) for age, position in enumerate(reversed(older), start=1)]


def _kept(
    history: tuple[Interaction, ...], own: int, chosen: Sequence[_Line], *, is_item: bool
) -> tuple[Interaction, ...]:
    """The scorer's own window and the chosen lines, oldest first."""
    positions = {line.position for line in chosen if line.is_item == is_item}
    start = max(len(history) - own, 0)
    return tuple(line for position, line in enumerate(history) if position >= start or position in positions)


class _Fit(NamedTuple):
    """The evidence that fits."""

    request: Request
    n_lines: int
    n_tokens: int
    """Tokens that it adds to the prompt."""
    n_budget: int
    """Tokens that the profiles add to the prompt."""


def _fit(evidence: _Evidence, profiles: Profiles, context: ControlContext) -> _Fit:
    """The highest level whose prompt is not longer than the one with profiles."""

    def length(level: int) -> int:
        return _prompt_tokens(context.scorer, evidence.request(level), Profiles(), context)

    empty = length(0)
    budget = _prompt_tokens(context.plain_scorer, evidence.full, profiles, context)
    low, high = 0, evidence.n_levels - 1
    while low < high:  # a prompt with more lines is longer
        middle = (low + high + 1) // 2
        low, high = (middle, high) if length(middle) <= budget else (low, middle - 1)
    return _Fit(evidence.request(low), max(low - 1, 0), length(low) - empty, budget - empty)


def _prompt_tokens(scorer: Scorer, request: Request, profiles: Profiles, context: ControlContext) -> int:
    (prompt,) = scorer.prompts([request], [profiles])
    return sum(context.count_tokens(message.content) for message in prompt.messages)
