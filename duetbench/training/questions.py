"""Training questions: the last stage's prompts for each training example, with the profiles of earlier stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from duetbench.errors import ConfigError, TrainingError
from duetbench.interfaces import Engine, Stage, Strategy
from duetbench.profiling import write_profiles
from duetbench.types import Example, Interaction, Profile, Profiles, Prompt, Request, Sampling

if TYPE_CHECKING:
    from duetbench.engines.tokens.truncation import TruncatedPrompt
    from duetbench.training.policy import Policy

CreditMode = Literal["paired", "cross", "alternate", "user", "item"]
"""How the two profiles of a pair are trained. `paired`: one completion holds both; `cross`: they are sampled separately
and each gets its marginal mean; `alternate`: one side at a time; `user`, `item`: that side alone."""


@dataclass(frozen=True, slots=True)
class TrainingQuestion:
    """One training example with its prompts."""

    example: Example
    prompts: tuple[Prompt, ...]
    """One prompt; or the user's and the item's, in this order."""
    fixed_profiles: Profiles = field(default_factory=Profiles)
    """The profiles that earlier stages wrote for it."""


class TrainingQuestions(NamedTuple):
    """The questions of a training, and how many examples were left out."""

    questions: list[TrainingQuestion]
    n_skipped: int
    """Examples for which an earlier stage's completion is unreadable, or for which the strategy has no prompt."""


def trained_stage(strategy: Strategy) -> Stage:
    """The stage that is trained: the last one.

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
    """The last stage's prompts for each example.

    Args:
        strategy: Its earlier stages are run once, with greedy decoding.
        examples: Training rows.
        engine: Runs the earlier stages.

    Raises:
        ConfigError: an example has more prompts than training can assign credit to.
    """
    stage = trained_stage(strategy)
    requests = [example.request for example in examples]
    written = write_profiles(EarlierStages(strategy, stage.name), requests, engine, Sampling())
    earlier: Mapping[str, Sequence[Profile]] = {
        answer.key: answer.profiles for answer in written.answers if answer.status == "ok"
    }
    prompts_of: list[list[Prompt]] = [[] for _ in examples]
    for prompt in stage.prompts(requests, earlier):
        for position in prompt.for_requests:
            prompts_of[position].append(replace(prompt, for_requests=(0,)))
    questions = [
        TrainingQuestion(example, _user_then_item(strategy.name, prompts), profiles)
        for example, prompts, profiles in zip(examples, prompts_of, written.profiles, strict=True)
        if prompts and profiles.failed is None
    ]
    return TrainingQuestions(questions, len(examples) - len(questions))


def encode_questions(
    policy: Policy, questions: Sequence[TrainingQuestion], max_tokens: int
) -> tuple[list[TrainingQuestion], dict[tuple[int, int], TruncatedPrompt]]:
    """The questions whose prompts all fit, and the tokens of each prompt.

    Args:
        policy: Tokenizes.
        questions: All questions.
        max_tokens: Tokens that are reserved for a completion.

    Returns:
        The questions that are kept; the tokens by position of the question among these and position of the prompt.

    Raises:
        TrainingError: no question fits.
    """
    kept: list[TrainingQuestion] = []
    encoded: dict[tuple[int, int], TruncatedPrompt] = {}
    error = "the strategy has no prompt for any training example"
    for question in questions:
        prompts = [policy.encode(prompt, max_tokens) for prompt in question.prompts]
        if all(tokens.ids for tokens in prompts):
            encoded |= {(len(kept), number): tokens for number, tokens in enumerate(prompts)}
            kept.append(question)
        else:
            error = next(tokens.error for tokens in prompts if not tokens.ids)
    if not kept:
        raise TrainingError(f"nothing to train on: {error}")
    return kept, encoded


class EarlierStages(Strategy):
    """A strategy without one of its stages and all stages after it.

    Args:
        strategy: The complete strategy.
        stage: Name of the first stage that is left out.
    """

    name = "earlier_stages"

    def __init__(self, strategy: Strategy, stage: str) -> None:
        super().__init__()
        self._strategy = strategy
        stages = strategy.stages()
        self._stages = stages[: [earlier.name for earlier in stages].index(stage)]

    def stages(self) -> tuple[Stage, ...]:
        return self._stages

    def line_notes(self, request: Request, earlier: Mapping[str, Sequence[Profile]]) -> Mapping[Interaction, str]:
        return self._strategy.line_notes(request, earlier)


def _user_then_item(name: str, prompts: Sequence[Prompt]) -> tuple[Prompt, ...]:
    if len(prompts) == 1:
        return tuple(prompts)
    by_side = {prompt.side: prompt for prompt in prompts}
    if len(prompts) == 2 and set(by_side) == {"user", "item"}:
        return by_side["user"], by_side["item"]
    sides = ", ".join(prompt.side for prompt in prompts)
    raise ConfigError(
        [
            f"strategy '{name}' has several prompts for one pair ({sides}) in its last stage; a trainer supports one "
            "prompt, or one for the user and one for the item"
        ]
    )


def resolve_credit_mode(
    mode: CreditMode | Literal["auto"], questions: Sequence[TrainingQuestion], strategy: Strategy
) -> CreditMode:
    """The credit mode; `auto` is resolved from the number of prompts per question.

    Raises:
        ConfigError: the mode does not fit the prompts.
    """
    n_prompts = max((len(question.prompts) for question in questions), default=1)
    if mode == "auto":
        return "cross" if n_prompts == 2 else "paired"
    if (mode == "paired") != (n_prompts == 1):
        prompts = "one prompt for both profiles" if n_prompts == 1 else "separate prompts for user and item"
        raise ConfigError(
            [
                f"credit {mode}: strategy '{strategy.name}' has {prompts} here; for duet, joint=paired requires credit "
                "paired, joint=cross requires cross, alternate, user or item"
            ]
        )
    return mode
