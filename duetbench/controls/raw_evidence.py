"""Raw evidence: the scorer reads what the writer read instead of the profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from duetbench.controls.evidence import Evidence, EvidencePart, ScorerWindows
from duetbench.controls.slots import missing_slots
from duetbench.interfaces import Control, ControlContext, ControlledInput, Scorer, Strategy
from duetbench.types import Profiles, Request


class EvidenceControl(Control):
    """Shared by both controls: the scorer's windows hold what the writer reads.

    Histories, reviews and averages are those that the writer's prompts show, with the reviews cut as there. Titles,
    categories and the decimals of averages are shown as the scorer's own prompt shows them. Ratings are always numbers:
    where the writer reads sentiments, the scorer learns more than the writer did, and the measure
    `ratings_for_sentiments` is 1.
    """

    source = "arXiv 2510.00449 compares concrete reviews with descriptions of preferences"

    def obstacle(self, strategy: Strategy, scorer: Scorer) -> str | None:
        if not strategy.history_needed():
            return f"the writer of {strategy.name} reads no history"
        if scorer.reads_line_notes():
            return "the scorer reads the writer's texts on single interactions instead of the reviews"
        if not Evidence.adds_to(strategy, scorer):
            return "the scorer shows what the writer reads in every row, so this is the row without a profile"
        return missing_slots(scorer, ("history", "item_history", "user_average", "item_average"))

    def scorer_options(self, strategy: Strategy, scorer: Scorer) -> Mapping[str, Any]:
        """Windows that hold the writer's and the scorer's own; the reviews in the requests are cut already."""
        own, needed = ScorerWindows.of(scorer), strategy.history_needed()
        windows = {"history_k": max(own.user, needed), "item_history_k": max(own.item, needed), "show_averages": True}
        return windows | ({"review_chars": 0} if hasattr(scorer.config, "review_chars") else {})


class RawEvidenceFull(EvidenceControl):
    """Both histories with reviews, as far as the writer sees them, and the averages that it sees."""

    name = "raw_evidence_full"
    summary = "the scorer reads both histories that the writer read, and the averages, instead of profiles"
    needs = "window"

    def apply(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], context: ControlContext
    ) -> ControlledInput:
        """The requests with all lines that the writer or the scorer sees, without profiles."""
        evidence = [_evidence(request, context) for request in requests]
        shown = [entry.request(EvidencePart(averages=True, lines=entry.lines)) for entry in evidence]
        n_lines = [len(entry.lines) for entry in evidence]
        measures = {"evidence_lines": fmean(n_lines) if n_lines else None, **_ratings_for_sentiments(context)}
        return ControlledInput(shown, [Profiles() for _ in requests], measures)


class RawEvidence(EvidenceControl):
    """The same, cut to the length of the profiles that it replaces.

    The scorer's prompt has at most as many tokens as with the profiles. The averages come first, then the newest lines;
    the next line is cut to the words that still fit. Averages that do not fit are left out. Fewer tokens remain only
    where the evidence is shorter than the profiles, or less is left than one word or the beginning of a line takes.
    """

    name = "raw_evidence"
    summary = "the same as raw_evidence_full, cut to the number of tokens of the profiles"
    needs = "profiles"

    def apply(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], context: ControlContext
    ) -> ControlledInput:
        """The requests with as much of the newest lines as fits; where profiles failed, all stays as it is."""
        fitted = {
            position: _fit(_evidence(request, context), written, context)
            for position, (request, written) in enumerate(zip(requests, profiles, strict=True))
            if not written.failed
        }
        shown = [fitted[n].request if n in fitted else request for n, request in enumerate(requests)]
        without = [written if written.failed else Profiles() for written in profiles]
        fits = list(fitted.values())
        measures = {
            "evidence_lines": fmean(len(fit.part.lines) for fit in fits) if fits else None,
            "evidence_tokens": fmean(fit.n_tokens for fit in fits) if fits else None,
            "profile_tokens": fmean(fit.n_budget for fit in fits) if fits else None,
            "without_evidence": fmean(fit.n_tokens == 0 for fit in fits) if fits else None,
            **_ratings_for_sentiments(context),
        }
        return ControlledInput(shown, without, measures)


def _evidence(request: Request, context: ControlContext) -> Evidence:
    return Evidence.of(request, context.strategy, context.plain_scorer)


def _ratings_for_sentiments(context: ControlContext) -> dict[str, float | None]:
    """1: the scorer reads ratings where the writer reads sentiments, which tell less; 0: both read ratings."""
    return {"ratings_for_sentiments": float(getattr(context.strategy.config, "history_ratings", "") == "sentiment")}


class _Fit(NamedTuple):
    """The evidence that fits."""

    request: Request
    part: EvidencePart
    n_tokens: int
    """Tokens that it adds to the prompt; 0: nothing fits, or there is no evidence."""
    n_budget: int
    """Tokens that the profiles add to the prompt."""


def _fit(evidence: Evidence, profiles: Profiles, context: ControlContext) -> _Fit:
    """The largest part whose prompt is not longer than the one with profiles."""

    def length(part: EvidencePart) -> int:
        return _prompt_tokens(context.scorer, evidence.request(part), Profiles(), context)

    empty = length(EvidencePart())
    budget = _prompt_tokens(context.plain_scorer, evidence.full, profiles, context)
    part = evidence.largest_part(lambda part: length(part) <= budget)
    return _Fit(evidence.request(part), part, length(part) - empty, budget - empty)


def _prompt_tokens(scorer: Scorer, request: Request, profiles: Profiles, context: ControlContext) -> int:
    (prompt,) = scorer.prompts([request], [profiles])
    return sum(context.count_tokens(message.content) for message in prompt.messages)
