"""Advantage estimators of GRPO: the reward of a completion relative to the rewards of its group.

To add an estimator, write a function and enter it in `ESTIMATORS`; the option `grpo.advantage` takes its values from
that table. Where user and item profiles are sampled separately, the rewards are marginal means over partners (see
`credit`), and each side of a training example is a group of its own.

An estimator maps rewards to advantages, both float32 of shape (groups, G), with G completions of one prompt per row.
NaN marks a completion without a reward: it must not enter any statistic, and its advantage is set to 0 afterwards, as
is every other advantage that comes out as NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

EPSILON = 1e-4
"""Added to standard deviations, as in TRL."""


def group_normalized(rewards: torch.Tensor) -> torch.Tensor:
    """`A[i] = (r[i] - mean(r)) / (std(r) + 1e-4)` within each group.

    `std` is the sample standard deviation (n - 1 in the denominator). Completions without a reward are left out of both
    statistics; a group with one known reward has advantage 0. If all rewards of a group are equal, the advantages are
    0 up to the float32 rounding of the mean. Shapes: (groups, G) to (groups, G).

    Source: GRPO, Shao et al. 2024 (DeepSeekMath), section 4.1; constant and degrees of freedom as in TRL
    (`scale_rewards="group"`).
    """
    return mean_only(rewards) / (_sample_std(rewards, dim=1) + EPSILON)


def batch_normalized(rewards: torch.Tensor) -> torch.Tensor:
    """`A[i] = (r[i] - mean(r)) / (std(R) + 1e-4)` within each group, with `R` all rewards of the round.

    `std` is the sample standard deviation over all known rewards of the round. Completions without a reward are left
    out of both statistics. If all rewards of a group are equal, the advantages are 0 up to the float32 rounding of the
    mean. Shapes: (groups, G) to (groups, G).

    Source: Liu et al. 2025 (Tricks or Traps? A Deep Dive into RL for LLM Reasoning); TRL (`scale_rewards="batch"`).
    """
    return mean_only(rewards) / (_sample_std(rewards.flatten(), dim=0) + EPSILON)


def mean_only(rewards: torch.Tensor) -> torch.Tensor:
    """`A[i] = r[i] - mean(r)` within each group, without a division by the standard deviation.

    Completions without a reward are left out of the mean; a group with one known reward has advantage 0. If all rewards
    of a group are equal, the advantages are 0 up to the float32 rounding of the mean. Shapes: (groups, G) to
    (groups, G).

    Source: Dr. GRPO, Liu et al. 2025 (Understanding R1-Zero-Like Training); TRL (`scale_rewards="none"`).
    """
    return rewards - rewards.nanmean(dim=1, keepdim=True)


def leave_one_out(rewards: torch.Tensor) -> torch.Tensor:
    """`A[i] = r[i] - mean of r[j] over j != i` within each group, which equals `n / (n - 1) * (r[i] - mean(r))`.

    `n` counts the known rewards of the group: completions without a reward are in no mean, and a group with one known
    reward has advantage 0. If all rewards of a group are equal, the advantages are 0 up to the float32 rounding of the
    mean. Shapes: (groups, G) to (groups, G).

    Source: RLOO, Kool et al. 2019 (Buy 4 REINFORCE Samples, Get a Baseline for Free!); Ahmadian et al. 2024.
    """
    n_known = (~rewards.isnan()).sum(dim=1, keepdim=True)  # (groups, 1)
    baseline = (rewards.nansum(dim=1, keepdim=True) - rewards) / (n_known - 1)  # 0 / 0 = NaN without another reward
    return rewards - baseline


ESTIMATORS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "group_normalized": group_normalized,
    "batch_normalized": batch_normalized,
    "mean_only": mean_only,
    "leave_one_out": leave_one_out,
}
"""All estimators by the name that selects them."""

DESCRIPTIONS = "; ".join(
    f"{name}: {(estimator.__doc__ or '').partition(chr(10))[0].replace('`', '').rstrip('.')}"
    for name, estimator in ESTIMATORS.items()
)
"""The first line of each estimator's docstring, for the option's help text."""

if TYPE_CHECKING:
    EstimatorName = str
else:
    EstimatorName = Literal[tuple(ESTIMATORS)]


def estimate_advantages(rewards: torch.Tensor, estimator: EstimatorName, *, group_size: int) -> torch.Tensor:
    """The advantages of all completions of a round, in the order of their rewards.

    Args:
        rewards: Shape (groups * group_size,), the completions of one prompt side by side; NaN: no reward.
        estimator: A name in `ESTIMATORS`.
        group_size: Completions per prompt (G), >= 2.

    Returns:
        Shape (groups * group_size,); 0 where the estimator yields NaN, in particular for completions without a reward.
    """
    grouped = rewards.view(-1, group_size)  # (groups, G)
    return ESTIMATORS[estimator](grouped).nan_to_num(nan=0.0).flatten()


def reward_range(rewards: Sequence[float | None]) -> float | None:
    """The largest minus the smallest reward of a group; None with fewer than two known rewards."""
    known = [reward for reward in rewards if reward is not None]
    return max(known) - min(known) if len(known) > 1 else None


def _sample_std(values: torch.Tensor, *, dim: int) -> torch.Tensor:
    """The standard deviation of the known values along a dimension, which is kept; NaN for fewer than two."""
    mean = values.nanmean(dim=dim, keepdim=True)
    variance = ((values - mean) ** 2).nanmean(dim=dim, keepdim=True)
    n_known = (~values.isnan()).sum(dim=dim, keepdim=True)
    # Computed as TRL does, in the same order of operations, so that equal rewards give equal bits.
    correction = (n_known / (n_known - 1)).where(n_known > 1, float("nan"))
    return (variance * correction).sqrt()
