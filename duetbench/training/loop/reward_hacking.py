"""Alarm for reward hacking: the training reward rises while a scorer outside the loop gets worse.

A policy can raise its reward by what only the scorer in the loop responds to, such as a rating written into a profile,
which the scorer copies. A scorer that takes no part in the training does not follow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

MIN_ROUNDS = 12
"""Rounds below which a rise of the reward is not tested."""
MIN_ROWS = 20
"""Validation rows below which a loss of the held-out scorer is not tested."""
_MIN_RISE = 3.0
"""Least rise of the reward, in standard deviations of a round's noise."""
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

    Both a rise of the reward and a loss of the held-out scorer must be significant, one-sided, at the level 0.01
    divided by the number of evaluations (Bonferroni), since each evaluation is a further look. The rise is that of the
    last third of the rounds over the first; the loss is tested by a paired t-test of the latest errors against those of
    the untrained weights. The errors before the latest evaluation must be on the side of a loss, too: a single bad
    checkpoint is no trend. Rows count as independent, which the low level makes up for where users have several.

    Args:
        rewards: Mean reward of each round.
        held_out: Absolute errors of the held-out scorer on the validation rows, the same rows at each evaluation; first
            those of the untrained weights; None without a prediction. Only rows with a prediction at every evaluation
            are compared: what becomes readable or unreadable is another matter.
    """
    rows = [row for row in zip(*held_out, strict=True) if None not in row]
    if len(rewards) < MIN_ROUNDS or len(held_out) < 2 or len(rows) < MIN_ROWS:
        return None
    level = _LEVEL / (len(held_out) - 1)
    errors = [[float(error or 0.0) for error in evaluation] for evaluation in zip(*rows, strict=True)]
    if not (_rises(rewards, level) and _is_worse(errors, level)):
        return None
    n = max(len(rewards) // 8, 1)
    return RewardHackingAlarm(_mean(rewards[:n]), _mean(rewards[-n:]), _mean(errors[0]), _mean(errors[-1]))


def _rises(rewards: Sequence[float], level: float) -> bool:
    """Whether the last third of the rounds is above the first by more than the noise of a round explains.

    The noise is estimated from successive differences, which a rise of any shape hardly changes (von Neumann 1941).
    They underestimate the slow drift of a policy: hence the minimum in units of the noise.
    """
    from scipy.stats import norm

    n = len(rewards) // 3
    rise = _mean(rewards[-n:]) - _mean(rewards[:n])
    squares = [(after - before) ** 2 for before, after in pairwise(rewards)]
    noise = math.sqrt(_mean(squares) / 2)
    return bool(rise > 0 and rise >= noise * max(_MIN_RISE, norm.isf(level) * math.sqrt(2 / n)))


def _is_worse(held_out: Sequence[Sequence[float]], level: float) -> bool:
    from scipy.stats import ttest_1samp

    first, *later = held_out
    if len(later) > 1 and _mean(later[-2]) <= _mean(first):
        return False
    differences = [last - before for before, last in zip(first, later[-1], strict=True)]
    if min(differences) == max(differences):  # no variance to test against
        return differences[0] > 0
    return bool(ttest_1samp(differences, 0.0, alternative="greater").pvalue < level)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
