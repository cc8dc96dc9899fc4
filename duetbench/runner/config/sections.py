"""Options of the core itself: sections that stand beside the plugins' options (`--set sampling.temperature=0.7`)."""

from __future__ import annotations

from dataclasses import dataclass

from duetbench.errors import ConfigError
from duetbench.interfaces import option


@dataclass(frozen=True)
class DataOptions:
    """How raw files become tables."""

    raw: str | None = option(None, "folder of the raw files; none: where the dataset itself looks")
    steps: tuple[str, ...] | None = option(None, "the steps in order, each name or name:argument; none: the dataset's")
    max_error_rate: float = option(
        0.01, "share of malformed rows that is accepted; they are counted", ge=0, le=1, old_names=("tolerated",)
    )
    sample_seed: int = option(0, "which rows a limit takes; not the cells' seed, so that all cells see the same rows")


@dataclass(frozen=True)
class SamplingOptions:
    """How profiles are drawn when they are evaluated."""

    temperature: float = option(0.0, "0: always the likeliest token, the same on every run", ge=0)
    top_p: float = option(1.0, "draw from the likeliest tokens that hold this share", gt=0, le=1)


@dataclass(frozen=True)
class EvaluationOptions:
    """How predictions become metrics."""

    fill: str | float = option(
        "train_mean", "stands in for an unreadable rating: train_mean, user_mean, middle, worst, official or a number"
    )

    def __post_init__(self) -> None:
        """Refuses a word that names no fill."""
        from duetbench.evaluation.conventions import fill_name

        try:
            fill_name(self.fill)
        except ConfigError as error:
            raise ValueError(error.faults[0]) from None


@dataclass(frozen=True)
class TrainingOptions:
    """What every trainer is given."""

    examples: int | None = option(None, "at most so many examples from train; none: all", ge=1)
    valid_examples: int | None = option(None, "at most so many examples from valid; none: all", ge=1)
    rewards: tuple[str, ...] = option(("fractional",), "rewards by name, each with a weight: fractional:1,format:0.2")
    scorer: str | None = option(None, "the scorer in the loop; none: the one that evaluates")
    scorer_model: str | None = option(
        None, "the model that the scorer in the loop asks; none: the trained one's untrained weights"
    )
    scorer_engine: str | None = option(
        None, "the engine that runs it, such as openai for a server of its own; none: the writer's"
    )
    shuffled_ratings: bool = option(
        False, "a control: deal the ratings that the training sees out anew, so that nothing true can be learnt"
    )
