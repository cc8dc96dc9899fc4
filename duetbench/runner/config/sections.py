"""Options of the core, set by section like those of plugins (`--set sampling.temperature=0.7`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from duetbench.errors import ConfigError
from duetbench.interfaces import option

SECTION_NAMES = ("model", "data", "history", "sampling", "evaluation", "training")
"""Names of the sections, known without their classes."""


@dataclass(frozen=True)
class ModelOptions:
    """Options of the models of a grid."""

    template_args: Mapping[str, bool | int | float | str | None] | None = option(
        None, "arguments of the chat template, each model.template_args.NAME=VALUE, in addition to those of the card"
    )
    merge_system: bool | None = option(
        None,
        "put the system turn at the beginning of the user turn, for chat templates without a system turn; none: as in "
        "the card",
    )


@dataclass(frozen=True)
class DataOptions:
    """Options of the preparation of raw files."""

    raw: str | None = option(None, "folder of the raw files; none: the dataset's default")
    steps: tuple[str, ...] | None = option(None, "the steps in order, each name or name:argument; none: the dataset's")
    max_error_rate: float = option(
        0.01, "share of malformed rows that is accepted; they are counted", ge=0, le=1, old_names=("tolerated",)
    )
    sample_seed: int = option(
        0, "seed of the rows that a limit selects; independent of the cells' seeds, so that all cells see the same rows"
    )


@dataclass(frozen=True)
class SamplingOptions:
    """Sampling of profiles at evaluation."""

    temperature: float = option(0.0, "0: greedy decoding", ge=0)
    top_p: float = option(1.0, "sample from the smallest set of tokens with at least this probability", gt=0, le=1)

    def without_effect(self) -> dict[str, str]:
        """See `Plugin.Config`."""
        return {} if self.temperature > 0 else {"top_p": "sampling.temperature=0 is greedy decoding"}


@dataclass(frozen=True)
class EvaluationOptions:
    """Options of the evaluation."""

    fill: str | float = option(
        "train_mean", "value for an unreadable rating: train_mean, user_mean, middle, worst, official or a number"
    )

    def __post_init__(self) -> None:
        """Refuses an unknown fill."""
        from duetbench.evaluation.conventions import fill_name

        try:
            fill_name(self.fill)
        except ConfigError as error:
            raise ValueError(error.faults[0]) from None


@dataclass(frozen=True)
class TrainingOptions:
    """Options of all trainings."""

    examples: int | None = option(None, "maximum number of training examples; none: all", ge=1)
    min_user_history: int = option(
        0,
        "training rows of users with fewer earlier interactions are dropped, and counted; authors' code: 1",
        ge=0,
    )
    valid_examples: int | None = option(None, "maximum number of validation examples; none: all", ge=1)
    rewards: tuple[str, ...] = option(("fractional",), "rewards by name, each with a weight: fractional:1,format:0.2")
    scorer: str | None = option(None, "the scorer in the loop; none: the one that evaluates")
    scorer_model: str | None = option(
        None, "the model of the scorer in the loop; none: the untrained weights of the trained model"
    )
    scorer_engine: str | None = option(
        None, "the engine of that model, such as openai for a separate server; none: the writer's engine"
    )
    monitor_scorer: str | None = option(
        None,
        "a scorer outside the loop, on the same engine, that is evaluated at each checkpoint and must not get worse "
        "while the reward rises, such as rating_text beside rating_expectation; none: reward hacking goes unnoticed",
    )
    stop_on_alarm: bool = option(False, "end the training when the reward rises and monitor_scorer gets worse")
    shuffled_ratings: bool = option(
        False, "a control: permute the ratings that the training sees, so that nothing true can be learned"
    )

    def __post_init__(self) -> None:
        """Refuses an alarm that cannot be raised."""
        if self.stop_on_alarm and self.monitor_scorer is None:
            raise ValueError("stop_on_alarm has no effect: without monitor_scorer there is no alarm")
