"""Pairs as the values that the HTML templates show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from duetbench.inspection.pairs import Exchange, InspectedPair
from duetbench.inspection.phrases import Phrase, Piece, mark, shared_phrases
from duetbench.inspection.terminal import exchange_title, outcome_text
from duetbench.pages import render_page
from duetbench.scales import label_text

_GOOD, _BAD = 0.5, 1.5
"""Errors up to the first are shown as good, from the second on as bad."""


@dataclass(frozen=True, slots=True)
class MarkedTurn:
    """One message of a prompt."""

    role: str
    pieces: list[Piece]


@dataclass(frozen=True, slots=True)
class ExchangeView:
    """One prompt and its answer."""

    title: str
    turns: list[MarkedTurn]
    answer: list[Piece]
    is_open: bool


@dataclass(frozen=True, slots=True)
class ProfileView:
    """A profile with its notes."""

    title: str
    pieces: list[Piece]
    notes: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class LabelBar:
    """The probability of one label."""

    label: str
    text: str
    percent: str
    is_true: bool


@dataclass(frozen=True, slots=True)
class PairView:
    """One pair."""

    title: str
    outcome: str
    quality: str
    """`good`, `fair`, `bad` or `missing`."""
    profiles: list[ProfileView]
    phrases: list[list[Piece]]
    probabilities: list[LabelBar]
    mass: str
    exchanges: list[ExchangeView]


@dataclass(frozen=True, slots=True)
class PairsPage:
    """The pairs of a cell."""

    title: str
    subtitle: str
    pairs: list[PairView]


def view_of(pair: InspectedPair, labels: Sequence[float], *, is_open: bool = False) -> PairView:
    """A pair as the templates show it.

    Args:
        pair: With its exchanges.
        labels: The rating scale of the data.
        is_open: Whether prompts and answers are unfolded.
    """
    phrases = shared_phrases(pair.profile("user"), pair.profile("item"))
    return PairView(
        title=f"{pair.request_id} · user {pair.user_id} · item {pair.item_id}",
        outcome=outcome_text(pair),
        quality=_quality(pair),
        profiles=[
            ProfileView(f"{profile.side} profile", mark(profile.text, phrases), list(profile.notes.items()))
            for profile in pair.profiles
        ],
        phrases=[[Piece(" ".join(phrase), number)] for number, phrase in enumerate(phrases)],
        probabilities=_bars(pair, labels),
        mass="" if pair.label_mass is None else f" (all labels together: {pair.label_mass:.3f})",
        exchanges=[_exchange(exchange, phrases, is_open) for exchange in pair.exchanges],
    )


def pairs_page(title: str, subtitle: str, pairs: Sequence[InspectedPair], labels: Sequence[float]) -> str:
    """A complete HTML page with the pairs; it needs no script."""
    views = [view_of(pair, labels, is_open=True) for pair in pairs]
    return render_page("pairs.html.jinja", PairsPage(title, subtitle, views), title=title)


def _quality(pair: InspectedPair) -> str:
    if pair.error is None:
        return "missing"
    return "good" if pair.error <= _GOOD else "bad" if pair.error >= _BAD else "fair"


def _bars(pair: InspectedPair, labels: Sequence[float]) -> list[LabelBar]:
    return [
        LabelBar(label_text(label), f"{probability:.3f}", f"{100 * probability:.1f}", label == pair.rating)
        for label, probability in zip(labels, pair.probabilities, strict=False)
    ]


def _exchange(exchange: Exchange, phrases: Sequence[Phrase], is_open: bool) -> ExchangeView:
    answer = exchange.text or exchange.error or exchange.prefill
    return ExchangeView(
        title=exchange_title(exchange),
        turns=[MarkedTurn(turn.role, mark(turn.content.strip(), phrases)) for turn in exchange.turns],
        answer=mark(answer, phrases),
        is_open=is_open,
    )
