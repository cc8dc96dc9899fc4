"""From judged candidates to what is learned from: the best of n, and better/worse pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, NamedTuple

from duetbench.training.rewarding import GradedCompletion


class PreferencePair(NamedTuple):
    """Two candidates of one question, by position."""

    better: int
    worse: int


@dataclass(frozen=True, slots=True)
class PairingRule:
    """Which pairs are made."""

    judge: Literal["reward", "class"] = "reward"
    """`reward`: their rewards lie at least `margin` apart; `class`: one hits the rating's class, the other does not."""
    pairing: Literal["all", "best_worst", "sampled"] = "all"
    margin: float = 0.125
    max_pairs: int = 8
    """Of one question; the widest ones, or a seeded sample."""


def best_candidate(candidates: Sequence[GradedCompletion], *, least: float | None, gain: float = 0.0) -> int | None:
    """The position of the candidate that earned most, the first of equals; None if none is readable and good enough.

    Args:
        candidates: Answers to one question.
        least: What the best must have earned; None: anything will do.
        gain: How far it must lie above the mean of the readable ones, if this is more than 0: where all earned the
            same, being the best says nothing.
    """
    known = _known(candidates)
    if not known:
        return None
    place, reward = max(known, key=lambda entry: entry[1])
    if gain > 0 and reward - sum(each for _, each in known) / len(known) < gain:
        return None
    return place if least is None or reward >= least else None


def preference_pairs(
    candidates: Sequence[GradedCompletion], truth: float, how: PairingRule, rng: Random
) -> list[PreferencePair]:
    """Better and worse candidates of one question; none of a pool that is all good or all bad.

    Unreadable candidates take no part: which of two texts is better can only be said of texts that were read.

    Args:
        candidates: Answers to one question.
        truth: The true rating.
        how: See `PairingRule`.
        rng: Decides which pairs stay where `pairing` is `sampled`.

    Source: LettinGo (KDD 2025) pairs every right with every wrong candidate: `judge` class, `pairing` all.
    """
    found = _by_reward(candidates, how.margin) if how.judge == "reward" else _by_class(candidates, truth)
    if how.pairing == "best_worst":
        return [pair for pair, _ in found[:1]]
    if how.pairing == "sampled":
        found = rng.sample(found, min(len(found), how.max_pairs))
    return [pair for pair, _ in found[: how.max_pairs]]


def _known(candidates: Sequence[GradedCompletion]) -> list[tuple[int, float]]:
    return [
        (place, one.reward) for place, one in enumerate(candidates) if one.status == "ok" and one.reward is not None
    ]


def _by_reward(candidates: Sequence[GradedCompletion], margin: float) -> list[tuple[PreferencePair, float]]:
    """All pairs that lie far enough apart and do not say the same, the widest first."""
    known = _known(candidates)
    found = [
        (PreferencePair(a, b), high - low)
        for a, high in known
        for b, low in known
        if high - low >= margin and high > low and candidates[a].text != candidates[b].text
    ]
    return sorted(found, key=lambda entry: (-entry[1], entry[0]))


def _by_class(candidates: Sequence[GradedCompletion], truth: float) -> list[tuple[PreferencePair, float]]:
    """All pairs of a right and a wrong one, the widest first."""
    known = [(place, one.value) for place, one in enumerate(candidates) if one.status == "ok" and one.value is not None]
    right = [(place, value) for place, value in known if _class_of(value) == _class_of(truth)]
    wrong = [(place, value) for place, value in known if _class_of(value) != _class_of(truth)]
    found = [
        (PreferencePair(a, b), abs(wide - truth) - abs(near - truth))
        for a, near in right
        for b, wide in wrong
        if candidates[a].text != candidates[b].text
    ]
    return sorted(found, key=lambda entry: (-entry[1], entry[0]))


def _class_of(value: float) -> int:
    """The nearest whole rating; a half belongs to the upper one (Python's own rounding takes 2.5 to 2)."""
    return int(value + 0.5)
