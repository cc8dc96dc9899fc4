"""From graded candidates to training targets: the best of n, or pairs of a better and a worse one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, NamedTuple

from duetbench.training.rewarding import GradedCompletion
from duetbench.types import Domain


class PreferencePair(NamedTuple):
    """Two candidates of one prompt, by position."""

    better: int
    worse: int


@dataclass(frozen=True, slots=True)
class PairingRule:
    """Which pairs are made."""

    judge: Literal["reward", "class", "sentiment"] = "reward"
    """`reward`: the rewards differ by at least `margin`; `class`: one predicts the nearest label of the true rating,
    the other does not; `sentiment`: the same for the three classes of `Domain.sentiment`."""
    pairing: Literal["all", "best_worst", "sampled"] = "all"
    margin: float = 0.125
    max_pairs: int | None = 8
    """Per prompt: those with the largest differences, or a random subset; None: all."""


def best_candidate(candidates: Sequence[GradedCompletion], *, least: float | None, gain: float = 0.0) -> int | None:
    """The position of the candidate with the highest reward, the first of equals; None if none is good enough.

    Args:
        candidates: Completions of one prompt; unreadable ones are ignored.
        least: Minimum reward of the best one; None: no minimum.
        gain: If > 0, its minimum difference from the mean reward of the readable ones: where all rewards are equal,
            the best candidate is no better than the others.
    """
    rewards = _rewards(candidates)
    if not rewards:
        return None
    best, highest = max(rewards, key=lambda entry: entry[1])
    if gain > 0 and highest - sum(reward for _, reward in rewards) / len(rewards) < gain:
        return None
    return best if least is None or highest >= least else None


def preference_pairs(
    candidates: Sequence[GradedCompletion], truth: float, rule: PairingRule, rng: Random, *, domain: Domain
) -> list[PreferencePair]:
    """Pairs of a better and a worse candidate of one prompt; none if all are good or all are bad.

    Unreadable candidates are in no pair: only texts that were read can be compared.

    Args:
        candidates: Completions of one prompt.
        truth: The true rating.
        rule: See `PairingRule`.
        rng: Chooses the pairs if `pairing` is `sampled`.
        domain: The scale.

    Source: LettinGo (KDD 2025) pairs every candidate that leads to the right one of three classes with every candidate
        that leads to a wrong one: `judge` sentiment, `pairing` all, no `max_pairs`.
    """
    if rule.judge == "reward":
        pairs = _by_reward(candidates, rule.margin)
    else:
        pairs = _by_class(candidates, truth, domain.sentiment if rule.judge == "sentiment" else domain.nearest)
    if rule.pairing == "best_worst":
        return [pair for pair, _ in pairs[:1]]
    if rule.pairing == "sampled":
        pairs = rng.sample(pairs, len(pairs) if rule.max_pairs is None else min(len(pairs), rule.max_pairs))
    return [pair for pair, _ in pairs[: rule.max_pairs]]


def _rewards(candidates: Sequence[GradedCompletion]) -> list[tuple[int, float]]:
    """Position and reward of the readable candidates that have a reward."""
    return [
        (position, candidate.reward)
        for position, candidate in enumerate(candidates)
        if candidate.status == "ok" and candidate.reward is not None
    ]


def _by_reward(candidates: Sequence[GradedCompletion], margin: float) -> list[tuple[PreferencePair, float]]:
    """All pairs of different texts whose rewards differ enough, the largest difference first."""
    rewards = _rewards(candidates)
    pairs = [
        (PreferencePair(a, b), high - low)
        for a, high in rewards
        for b, low in rewards
        if high - low >= margin and high > low and candidates[a].text != candidates[b].text
    ]
    return sorted(pairs, key=lambda entry: (-entry[1], entry[0]))


def _by_class(
    candidates: Sequence[GradedCompletion], truth: float, class_of: Callable[[float], Hashable]
) -> list[tuple[PreferencePair, float]]:
    """All pairs of a right and a wrong candidate, the largest difference of errors first."""
    values = [
        (position, candidate.value)
        for position, candidate in enumerate(candidates)
        if candidate.status == "ok" and candidate.value is not None
    ]
    right = [(position, value) for position, value in values if class_of(value) == class_of(truth)]
    wrong = [(position, value) for position, value in values if class_of(value) != class_of(truth)]
    pairs = [
        (PreferencePair(a, b), abs(far - truth) - abs(near - truth))
        for a, near in right
        for b, far in wrong
        if candidates[a].text != candidates[b].text
    ]
    return sorted(pairs, key=lambda entry: (-entry[1], entry[0]))
