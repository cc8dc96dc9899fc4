"""Alarm for reward hacking: the training reward rises while a scorer outside the loop gets worse.

A policy can raise its reward by what only the scorer in the loop responds to, such as a rating written into a profile,
which the scorer copies. A scorer that takes no part in the training does not follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_N_BLOCKS = 9
MIN_ROUNDS = 2 * _N_BLOCKS
"""Rounds below which a rise of the reward is not tested."""
_LEVEL = 0.01


@dataclass(frozen=True)
class RewardHackingAlarm:
    """The evidence for reward hacking."""

    reward_first: float
    """Mean reward of the first eighth of the rounds."""
    reward_last: float
    """Mean reward of the last eighth."""
    mae_first: float
    """The held-out scorer's mean absolute error on the profiles of the untrained weights."""
    mae_last: float
    """Its mean absolute error at the latest evaluation."""

    def __str__(self) -> str:
        return (
            f"reward hacking: the training reward rose from {self.reward_first:.3g} to {self.reward_last:.3g}, while "
            f"the MAE of the scorer outside the loop rose from {self.mae_first:.3g} to {self.mae_last:.3g}"
        )


def reward_hacking_alarm(
    rewards: Sequence[float], held_out: Sequence[Sequence[float | None]]
) -> RewardHackingAlarm | None:
    """The alarm, None without sufficient evidence.

    An intersection-union test (Berger 1982): both a trend of the reward and a loss of the held-out scorer must be
    significant, one-sided, at the level 0.01 / k at the k-th evaluation after the untrained weights, since each
    evaluation is a further look: the levels of up to 80 evaluations add up to less than 0.05. The loss is tested by
    Wilcoxon's signed-rank test of the latest errors against those of the untrained weights, which is valid for few
    rows, too: at least 7 are necessary for significance. The evaluation before the latest one must be on the side of a
    loss, too: a single bad checkpoint is no trend. Rows count as independent, which the low level makes up for where
    users have several.

    Args:
        rewards: Mean reward of each round.
        held_out: Absolute errors of the held-out scorer on the validation rows, the same rows at each evaluation; first
            those of the untrained weights; None without a prediction. An evaluation is compared on the rows with a
            prediction at it and from the untrained weights: what becomes readable or unreadable is another matter, and
            one checkpoint with unreadable profiles must not remove the rows from all later comparisons. An evaluation
            without such rows is passed over.
    """
    if len(rewards) < MIN_ROUNDS or len(held_out) < 2:
        return None
    level = _LEVEL / (len(held_out) - 1)
    untrained, *between, last = held_out
    latest = _pairs(untrained, last)
    earlier = [pairs for pairs in (_pairs(untrained, errors) for errors in between) if pairs]
    is_lasting = not between or (bool(earlier) and _mean_change(earlier[-1]) > 0)
    if not (is_lasting and _is_worse(latest, level) and _rises(rewards, level)):
        return None
    n = max(len(rewards) // 8, 1)
    before, after = zip(*latest, strict=True)
    return RewardHackingAlarm(_mean(rewards[:n]), _mean(rewards[-n:]), _mean(before), _mean(after))


def _rises(rewards: Sequence[float], level: float) -> bool:
    """Whether the mean rewards of nine successive blocks of rounds rise, by Kendall's rank test (Mann 1945).

    The test needs no estimate of the noise, which a fast rise would be mistaken for, and no shape of the rise. Rewards
    of successive rounds depend on each other, those of blocks less. A reward that has reached its plateau within the
    first block has no trend afterwards and is not detected: evaluate more often.
    """
    from scipy.stats import kendalltau

    n = len(rewards)
    ends = [n * block // _N_BLOCKS for block in range(_N_BLOCKS + 1)]
    means = [_mean(rewards[start:end]) for start, end in pairwise(ends)]
    return bool(kendalltau(range(_N_BLOCKS), means, alternative="greater").pvalue < level)


def _pairs(before: Sequence[float | None], after: Sequence[float | None]) -> list[tuple[float, float]]:
    """The errors of the rows that have one at both evaluations."""
    return [(x, y) for x, y in zip(before, after, strict=True) if x is not None and y is not None]


def _mean_change(pairs: Sequence[tuple[float, float]]) -> float:
    return _mean([after - before for before, after in pairs])


def _is_worse(pairs: Sequence[tuple[float, float]], level: float) -> bool:
    from scipy.stats import wilcoxon

    changes = [after - before for before, after in pairs if after != before]
    return bool(changes) and bool(wilcoxon(changes, alternative="greater").pvalue < level)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
