"""Settings of the trainers `sft` and `dpo`, all of them explicit: no default of a library applies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from duetbench.interfaces import option
from duetbench.training.options import TrainerSettings


@dataclass(frozen=True)
class SftSettings(TrainerSettings):
    """All settings of supervised fine-tuning."""

    pairs: int | None = option(
        None, "training examples for which candidates are sampled, a random subset; none: all", ge=1
    )
    candidates: int = option(8, "completions sampled per prompt, of which the best one becomes the target", ge=1)
    temperature: float = option(1.0, "sampling temperature of the candidates", ge=0)
    top_p: float = option(1.0, "sample from the most likely tokens that hold this share of the probability", gt=0, le=1)
    least_reward: float | None = option(
        None, "prompts whose best candidate has a lower reward are left out; none: all are kept"
    )
    least_gain: float = option(
        0.0, "prompts whose best reward exceeds the mean reward of their candidates by less than this are left out"
    )
    teachers: tuple[str, ...] = option((), "models that write the candidates; none: the trained model itself")
    epochs: float = option(3.0, "passes over the targets", gt=0)
    batch: int = option(16, "targets per update", ge=1)
    targets: int | None = option(None, "maximum number of targets, a random subset; none: all", ge=1)
    stage_settings: Literal["published", "own"] = option(
        "published",
        "strategies with several training stages. published: each stage has the settings that its paper gives; own: "
        "all stages have the settings given here",
        old_names=("lessons",),
    )


@dataclass(frozen=True)
class DpoSettings(TrainerSettings):
    """All settings of direct preference optimization."""

    learning_rate: float = option(1e-5, "AdamW's learning rate", gt=0)
    beta: float = option(0.1, "strength of the constraint to stay near the untrained model", gt=0)
    loss_type: Literal["sigmoid", "hinge", "ipo"] = option("sigmoid", "sigmoid: the loss of DPO", old_names=("loss",))
    label_smoothing: float = option(0.0, "share of preferences that are assumed to be wrong", ge=0, lt=0.5)
    pairs: int | None = option(
        None, "training examples for which candidates are sampled, a random subset; none: all", ge=1
    )
    candidates: int = option(10, "completions sampled per prompt and model", ge=1)
    temperature: float = option(1.0, "sampling temperature of the candidates", ge=0)
    top_p: float = option(1.0, "sample from the most likely tokens that hold this share of the probability", gt=0, le=1)
    explorers: tuple[str, ...] = option((), "further models that write candidates, in addition to the trained model")
    judge: Literal["reward", "class", "sentiment"] = option(
        "reward",
        "which candidate is better. reward: rewards differ by at least margin; class: one predicts the label of the "
        "rating, the other does not; sentiment: the same for three classes, negative, neutral and positive",
    )
    margin: float = option(
        0.125, "reward: minimum difference of the rewards of a pair; 0.125 is half a star on 1 to 5", ge=0
    )
    pairing: Literal["all", "best_worst", "sampled"] = option("all", "which pairs of a prompt's candidates are used")
    max_pairs: int | None = option(
        8, "maximum number of pairs per prompt, those with the largest differences or a random subset; none: all", ge=1
    )
    epochs: float = option(1.0, "passes over the pairs", gt=0)
    batch: int = option(16, "pairs per update", ge=1)

    def __post_init__(self) -> None:
        """Checks that every prompt has at least two candidates.

        Raises:
            ValueError: it has only one, or a random subset of pairs has no size.
        """
        super().__post_init__()
        if self.candidates * (1 + len(self.explorers)) < 2:
            raise ValueError("candidates must be >= 2 without explorers")
        if self.pairing == "sampled" and self.max_pairs is None:
            raise ValueError("pairing=sampled requires max_pairs: a random subset needs a size")

    def without_effect(self) -> dict[str, str]:
        reasons = super().without_effect()
        if self.judge != "reward":
            reasons["margin"] = f"judge={self.judge} does not compare rewards"
        if self.pairing == "best_worst":
            reasons["max_pairs"] = "pairing=best_worst makes one pair per prompt"
        return reasons
