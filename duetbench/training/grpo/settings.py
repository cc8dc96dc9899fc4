"""Settings of the trainer `grpo`, all of them explicit: no default of a library applies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from duetbench.interfaces import option
from duetbench.training.advantage import DESCRIPTIONS, EstimatorName
from duetbench.training.options import TrainerSettings


@dataclass(frozen=True)
class GrpoSettings(TrainerSettings):
    """All settings of GRPO. Each round samples completions once; one or more updates learn from them."""

    credit: Literal["auto", "paired", "cross", "alternate", "user", "item"] = option(
        "auto",
        "paired: one completion holds both profiles and gets one reward; cross: user and item profiles are sampled "
        "separately and each gets its mean reward over partners; alternate: one side at a time; user, item: that side "
        "alone; auto: paired or cross, according to the strategy's prompts",
    )
    advantage: EstimatorName = option(  # noqa: RUF009  ruff does not know that the type is a Literal
        "group_normalized",
        f"from the rewards r of a group to advantages A. {DESCRIPTIONS}",
        old_names=("scale",),
    )
    partners: int = option(
        8, "cross: partners of each profile; with num_generations partners a partner's effect cancels", ge=1
    )
    alternate_every: int = option(10, "alternate: rounds after which training switches to the other side", ge=1)
    rounds: int = option(150, "rounds of sampling", ge=1)
    epochs: int | None = option(
        None,
        "passes over the training examples instead of a number of rounds; the examples of a pass that do not fill a "
        "round are left out (drop_last); none: `rounds` decides",
        ge=1,
    )
    pairs_per_round: int = option(8, "training examples per round", ge=1)
    num_generations: int = option(8, "completions per prompt (G)", ge=2, old_names=("samples",))
    updates_per_round: int = option(1, "updates that each learn from an equal part of a round's completions", ge=1)
    num_iterations: int = option(1, "passes over each round", ge=1, old_names=("iterations",))
    temperature: float = option(1.0, "sampling temperature, also that of the log-probabilities in the loss", gt=0)
    max_completion_length: int | None = option(
        None, "maximum length of a completion in tokens; none: the strategy's", ge=1, old_names=("max_completion",)
    )
    beta: float = option(
        0.0, "weight of the KL divergence from the untrained model (k3 estimate, in the loss)", ge=0, old_names=("kl",)
    )
    epsilon: float = option(0.2, "the likelihood ratio is clipped below at 1 - epsilon", ge=0, old_names=("clip_low",))
    epsilon_high: float = option(
        0.2, "the likelihood ratio is clipped above at 1 + epsilon_high", ge=0, old_names=("clip_high",)
    )
    delta: float | None = option(
        None,
        "dual clip: with a negative advantage the likelihood ratio is clipped above at delta (verl's clip_ratio_c); "
        "none: unbounded",
        gt=1,
    )
    loss_type: Literal["grpo", "bnpo", "dr_grpo", "dapo"] = option(
        "dapo",
        "how the loss is averaged over tokens. dapo: over all tokens of a round; grpo: within each completion first; "
        "dr_grpo: divided by the maximum length; bnpo: over the tokens of loss_batch_size completions each, then over "
        "these batches",
        old_names=("loss",),
    )
    loss_batch_size: int | None = option(
        None,
        "bnpo: completions whose tokens are averaged together, whatever micro_batch_size is; none: all of an update",
        ge=1,
    )
    mask_truncated_completions: bool = option(
        False,
        "leave completions that reached their maximum length out of the loss; they stay in their group's statistics",
        old_names=("mask_truncated",),
    )
    unreadable_reward: float | None = option(
        -1.0, "reward of an unreadable completion to which no reward applies; none: it is left out"
    )
    unscored_reward: float | None = option(
        None,
        "reward of a readable completion whose predicted rating is unreadable; none: the reward functions decide. A "
        "failed call of the scorer never has a reward",
    )
    prefilter_samples: int = option(
        0,
        "completions per prompt that are sampled before training, to leave out examples whose rewards are all equal; "
        "0: no prefilter",
        ge=0,
        old_names=("pilot",),
    )
    prefilter_range: float = option(
        1e-3,
        "prefilter: examples whose largest minus smallest reward is at most this are left out",
        ge=0,
        old_names=("pilot_spread",),
    )
    token_budget: int = option(65_536, "tokens per sampling batch; affects memory", ge=1)

    def __post_init__(self) -> None:
        """Checks that rounds, updates and evaluations divide each other, clipping, and the prefilter.

        Raises:
            ValueError: they do not, or it cannot.
        """
        super().__post_init__()
        updates = self.updates_per_round * self.num_iterations
        if updates > 0 and self.evaluate_every % updates:
            raise ValueError(f"evaluate_every must be a multiple of {updates}, the updates of a round")
        if self.updates_per_round > 0 and (self.pairs_per_round * self.num_generations) % self.updates_per_round:
            raise ValueError("updates_per_round must divide pairs_per_round * num_generations")
        if self.prefilter_samples == 1:
            raise ValueError("prefilter_samples must be 0 (no prefilter) or >= 2, got 1: one reward has no range")
        # Below that bound TRL's delta would also clip ratios with a positive advantage, which a dual clip does not.
        if self.delta is not None and self.delta <= 1 + self.epsilon_high:
            raise ValueError(f"delta must be > 1 + epsilon_high = {1 + self.epsilon_high:g}, got {self.delta:g}")
        per_update = self.pairs_per_round * self.num_generations // max(self.updates_per_round, 1)
        if self.loss_batch_size and per_update % self.loss_batch_size:
            raise ValueError(f"loss_batch_size must divide the {per_update} completions of an update")

    def without_effect(self) -> dict[str, str]:
        reasons = super().without_effect()
        if self.credit not in ("auto", "cross"):
            reasons["partners"] = f"credit={self.credit} scores no profile with several partners"
        if self.credit != "alternate":
            reasons["alternate_every"] = f"credit={self.credit} does not alternate"
        if not self.prefilter_samples:
            reasons["prefilter_range"] = "prefilter_samples=0 turns the prefilter off"
        if self.epochs is not None:
            reasons["rounds"] = f"epochs={self.epochs} determines the number of rounds; set epochs=none to use rounds"
        if self.loss_type != "bnpo":
            reasons["loss_batch_size"] = f"loss_type={self.loss_type} averages over all completions of an update"
        if self.updates_per_round * self.num_iterations == 1:
            reason = "with one update per round the likelihood ratio is always 1 (updates_per_round, num_iterations)"
            reasons |= dict.fromkeys(("epsilon", "epsilon_high", "delta"), reason)
        return reasons
