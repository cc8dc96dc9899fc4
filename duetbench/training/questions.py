"""What is asked for one training example: the questions of the last stage, and what earlier stages found for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from duetbench.errors import ConfigError, TrainingError
from duetbench.interfaces import Engine, Stage, Strategy
from duetbench.profiling import write_profiles
from duetbench.types import Example, Profile, Profiles, Prompt, Sampling

if TYPE_CHECKING:
    from duetbench.engines.tokens.truncation import TruncatedPrompt
    from duetbench.training.policy import Policy

CreditMode = Literal["paired", "cross", "alternate", "user", "item"]
"""How a pair's two profiles are trained: written together; apart, each with its marginal mean; one side at a time; one
side alone."""


@dataclass(frozen=True, slots=True)
class TrainingQuestion:
    """One training example with its questions."""

    example: Example
    prompts: tuple[Prompt, ...]
    """One, or the user's and the item's."""
    given: Profiles = field(default_factory=Profiles)
    """What earlier stages wrote for it."""


class TrainingQuestions(NamedTuple):
    """The units of a training, and what was left out."""

    units: list[TrainingQuestion]
    unasked: int
    """Examples for which an earlier stage's answer could not be read, or which the strategy asks nothing for."""


def trained_stage(strategy: Strategy) -> Stage:
    """The stage that is trained: the last.

    Raises:
        TrainingError: the strategy writes nothing.
    """
    stages = strategy.stages()
    if not stages:
        raise TrainingError(
            f"strategy '{strategy.name}' writes no profile: there is nothing to train; use --trainer none"
        )
    return stages[-1]


def training_questions(strategy: Strategy, examples: Sequence[Example], engine: Engine) -> TrainingQuestions:
    """The questions of the last stage for each example.

    Args:
        strategy: Earlier stages are asked once, with greedy answers.
        examples: Training rows.
        engine: Answers the earlier stages.

    Raises:
        ConfigError: an example has more questions than training knows how to give credit for.
    """
    stage = trained_stage(strategy)
    requests = [example.request for example in examples]
    before = write_profiles(EarlierStages(strategy, stage.name), requests, engine, Sampling())
    earlier: Mapping[str, Sequence[Profile]] = {
        answer.key: answer.profiles for answer in before.answers if answer.status == "ok"
    }
    asked: list[list[Prompt]] = [[] for _ in examples]
    for prompt in stage.prompts(requests, earlier):
        for position in prompt.for_requests:
            asked[position].append(replace(prompt, for_requests=(0,)))
    units = [
        TrainingQuestion(example, _sides(strategy.name, prompts), given)
        for example, prompts, given in zip(examples, asked, before.profiles, strict=True)
        if prompts and given.failed is None
    ]
    return TrainingQuestions(units, len(examples) - len(units))


def encode_questions(
    policy: Policy, units: Sequence[TrainingQuestion], max_tokens: int
) -> tuple[list[TrainingQuestion], dict[tuple[int, int], TruncatedPrompt]]:
    """The units whose questions all fit, and the tokens of each question by position of unit and question.

    Raises:
        TrainingError: none fits.
    """
    kept: list[TrainingQuestion] = []
    fitted: dict[tuple[int, int], TruncatedPrompt] = {}
    error = "no training example could be asked about"
    for unit in units:
        found = [policy.encode(prompt, max_tokens) for prompt in unit.prompts]
        if all(one.ids for one in found):
            fitted |= {(len(kept), place): one for place, one in enumerate(found)}
            kept.append(unit)
        else:
            error = next(one.error for one in found if not one.ids)
    if not kept:
        raise TrainingError(f"nothing to train on: {error}")
    return kept, fitted


class EarlierStages(Strategy):
    """A strategy without one of its stages and all after it.

    Args:
        strategy: The whole.
        stage: The first stage that is left out, by name.
    """

    name = "before"

    def __init__(self, strategy: Strategy, stage: str) -> None:
        super().__init__()
        stages = strategy.stages()
        self._stages = stages[: [each.name for each in stages].index(stage)]

    def stages(self) -> tuple[Stage, ...]:
        return self._stages


def _sides(name: str, prompts: Sequence[Prompt]) -> tuple[Prompt, ...]:
    if len(prompts) == 1:
        return tuple(prompts)
    by_side = {prompt.side: prompt for prompt in prompts}
    if len(prompts) == 2 and set(by_side) == {"user", "item"}:
        return by_side["user"], by_side["item"]
    sides = ", ".join(prompt.side for prompt in prompts)
    raise ConfigError(
        [
            f"strategy '{name}' asks several questions for one pair ({sides}) in its last stage; a trainer can give "
            "credit to one, or to one of the user and one of the item"
        ]
    )


def resolve_credit_mode(
    mode: CreditMode | Literal["auto"], units: Sequence[TrainingQuestion], strategy: Strategy
) -> CreditMode:
    """The credit mode that fits the questions.

    Raises:
        ConfigError: the mode asked for does not fit them.
    """
    n_questions = max((len(unit.prompts) for unit in units), default=1)
    if mode == "auto":
        return "cross" if n_questions == 2 else "paired"
    if (mode == "paired") != (n_questions == 1):
        what = "one question for both profiles" if n_questions == 1 else "the user and the item apart"
        raise ConfigError(
            [
                f"credit {mode}: strategy '{strategy.name}' asks {what} here; for duet, joint=paired goes with credit "
                "paired, joint=cross with cross, alternate, user and item"
            ]
        )
    return mode
