"""From sampled completions to rewards, the same for every trainer: parse, pair, score, reward, marginal means."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from duetbench.errors import EngineError, TrainingError
from duetbench.interfaces import Engine, Reward, Scorer, Stage
from duetbench.profiling import parse_completion
from duetbench.training.credit import marginal_means, partner_pairs
from duetbench.types import Completion, Example, Prediction, Profile, Profiles, Prompt, Rollout, Status


@dataclass(frozen=True, slots=True)
class PromptCompletions:
    """Several completions of one prompt."""

    prompt: Prompt
    completions: tuple[Completion, ...]


@dataclass(frozen=True, slots=True)
class CompletionGroup:
    """All completions that were sampled for one training example."""

    example: Example
    sampled: tuple[PromptCompletions, ...]
    """Completions of one prompt, or of the user's and the item's, whose profiles are scored in pairs."""
    fixed_profiles: Profiles = field(default_factory=Profiles)
    """Profiles that were not sampled here: those of earlier stages, and of a side that is not being trained."""


@dataclass(frozen=True, slots=True)
class GradedCompletion:
    """One completion with its reward."""

    text: str
    status: Status
    """`ok`, or why it is unreadable."""
    profiles: tuple[Profile, ...]
    """() if it is unreadable."""
    reward: float | None
    """None: no reward applies, and it is left out."""
    value: float | None
    """The predicted rating, averaged over partners; None if nothing was predicted."""


@dataclass(frozen=True, slots=True)
class RewardRules:
    """Partners of separately sampled profiles, and rewards in cases that the reward functions do not cover."""

    partners: int = 8
    """Partners of each profile where user and item profiles are sampled separately."""
    unreadable: float | None = -1.0
    """Reward of an unreadable completion to which no reward function applies; None: it is left out."""
    unscored: float | None = None
    """Reward of a readable completion whose predicted rating is unreadable; None: the reward functions decide. A failed
    call of the scorer never has a reward: it says nothing about the completion."""


class ScoringFailures(NamedTuple):
    """How many predictions have no value although there were profiles to read."""

    failed_calls: int = 0
    """Calls of the scorer that failed."""
    unreadable_ratings: int = 0
    """Answers of the scorer from which no rating could be read."""

    def __sub__(self, earlier: ScoringFailures) -> ScoringFailures:
        """The failures since an earlier count."""
        return ScoringFailures(
            self.failed_calls - earlier.failed_calls, self.unreadable_ratings - earlier.unreadable_ratings
        )


class CompletionIndex(NamedTuple):
    """The position of a completion among groups, prompts of the group, and completions of the prompt."""

    group: int
    prompt: int
    completion: int


@dataclass(frozen=True, slots=True)
class _ScoringCase:
    """One completion with the profiles that the scorer reads, its own and a partner's."""

    index: CompletionIndex
    example: Example
    text: str
    profiles: Profiles


class CompletionGrader:
    """Computes the reward of every completion with the frozen scorer and the weighted reward functions.

    Args:
        stage: The strategy's last stage; parses completions.
        scorer: Predicts ratings; frozen.
        engine: Runs the scorer's prompts; None for a scorer without prompts.
        rewards: Reward functions, each with its weight.
        rules: See `RewardRules`.
    """

    def __init__(
        self,
        stage: Stage,
        scorer: Scorer,
        engine: Engine | None,
        rewards: Sequence[tuple[Reward, float]],
        rules: RewardRules,
    ) -> None:
        self._stage = stage
        self._scorer = scorer
        self._engine = engine
        self._rewards = rewards
        self._rules = rules
        self.n_scored = 0
        """Predictions that the scorer made."""
        self.n_reused = 0
        """Scoring cases that reused the prediction of an equal case."""
        self.failures = ScoringFailures()
        """Predictions of the scorer without a value."""
        self.scorer_seconds = 0.0
        """Seconds that the scorer took."""

    def __call__(self, groups: Sequence[CompletionGroup]) -> list[list[list[GradedCompletion]]]:
        """The graded completions: per group, per prompt of the group, per completion of the prompt."""
        parsed = {index: self._parse(prompt, completion) for index, prompt, completion in _completions(groups)}
        cases = [case for number, group in enumerate(groups) for case in self._scoring_cases(number, group, parsed)]
        predictions = self._predict(cases)
        owners = [case.index for case in cases]
        rewards = marginal_means(owners, self._case_rewards(cases, predictions))
        values = marginal_means(owners, [prediction.value for prediction in predictions])
        return [
            [
                [
                    GradedCompletion(text, *parsed[index], rewards.get(index), values.get(index))
                    for index, text in _indexed(number, position, sampled)
                ]
                for position, sampled in enumerate(group.sampled)
            ]
            for number, group in enumerate(groups)
        ]

    def _parse(self, prompt: Prompt, completion: Completion) -> _ParsedStatus:
        parsed = parse_completion(self._stage, prompt, completion)
        return _ParsedStatus(parsed.status, parsed.profiles)

    def _scoring_cases(
        self, number: int, group: CompletionGroup, parsed: dict[CompletionIndex, _ParsedStatus]
    ) -> Iterator[_ScoringCase]:
        """Every pair of partners once for each of its two sides, and each unreadable completion alone."""
        readable: list[list[CompletionIndex]] = []
        for position, sampled in enumerate(group.sampled):
            indices = [index for index, _ in _indexed(number, position, sampled)]
            readable.append([index for index in indices if parsed[index].status == "ok"])
            for index in indices:
                if parsed[index].status != "ok":
                    yield _scoring_case(index, group, Profiles(failed=parsed[index].status))
        if group.fixed_profiles.failed is not None:  # with an unreadable partner there is nothing to score
            return
        for partners in _partners(readable, self._rules.partners):
            profiles = group.fixed_profiles
            for index in partners:
                for profile in parsed[index].profiles:
                    profiles = profiles.with_profile(profile)
            yield from (_scoring_case(index, group, profiles) for index in partners)

    def _predict(self, cases: Sequence[_ScoringCase]) -> list[Prediction]:
        """One prediction per case. Equal cases are scored once; cases with the same user profile are adjacent."""
        keys = [_key(case) for case in cases]
        unique = dict(sorted(((key, case) for key, case in zip(keys, cases, strict=True) if key), key=_first))
        self.n_scored += len(unique)
        self.n_reused += sum(key is not None for key in keys) - len(unique)
        requests = [case.example.request for case in unique.values()]
        started = time.perf_counter()
        predictions = self._scorer.score(requests, [case.profiles for case in unique.values()], self._engine)
        self.scorer_seconds += time.perf_counter() - started
        self._count_failures(predictions)
        check_scorer_errors(predictions)
        by_key = dict(zip(unique, predictions, strict=True))
        return [by_key[key] if key else _no_prediction(case) for key, case in zip(keys, cases, strict=True)]

    def _count_failures(self, predictions: Sequence[Prediction]) -> None:
        failed = sum(_is_failed_call(prediction) for prediction in predictions)
        missing = sum(prediction.value is None for prediction in predictions)
        self.failures = ScoringFailures(
            self.failures.failed_calls + failed, self.failures.unreadable_ratings + missing - failed
        )

    def _case_rewards(self, cases: Sequence[_ScoringCase], predictions: Sequence[Prediction]) -> list[float | None]:
        rollouts = [
            Rollout(case.example, case.text, case.profiles, prediction, case.profiles.failed is None)
            for case, prediction in zip(cases, predictions, strict=True)
        ]
        return ruled_rewards(self._rewards, rollouts, self._rules)


class _ParsedStatus(NamedTuple):
    status: Status
    profiles: tuple[Profile, ...]


def weighted_rewards(rewards: Sequence[tuple[Reward, float]], rollouts: Sequence[Rollout]) -> list[float | None]:
    """The weighted sum of the rewards that apply to each rollout; None if none applies.

    Raises:
        TrainingError: a reward is not finite.
    """
    totals: list[float | None] = [None] * len(rollouts)
    for reward, weight in rewards:
        for position, value in enumerate(reward(rollouts)):
            if value is not None:
                if not math.isfinite(value):
                    raise TrainingError(f"reward '{reward.name}' returned {value}; rewards must be finite or None")
                totals[position] = (totals[position] or 0.0) + weight * value
    return totals


def ruled_rewards(
    rewards: Sequence[tuple[Reward, float]], rollouts: Sequence[Rollout], rules: RewardRules
) -> list[float | None]:
    """The reward of each rollout in training: the weighted sum, with the rules for what rewards do not cover.

    None without any reward, and always after a failed call of the scorer, also where a reward function that does not
    read the prediction applies: else the completions of one group would be compared by different rewards.
    """
    totals = weighted_rewards(rewards, rollouts)
    for position, rollout in enumerate(rollouts):
        if not rollout.readable:
            totals[position] = rules.unreadable if totals[position] is None else totals[position]
        elif _is_failed_call(rollout.prediction):
            totals[position] = None
        elif rollout.prediction.value is None and rules.unscored is not None:
            totals[position] = rules.unscored
    return totals


def _is_failed_call(prediction: Prediction) -> bool:
    return prediction.value is None and prediction.status == "error"


def check_scorer_errors(predictions: Sequence[Prediction]) -> None:
    """Stops a training whose scorer calls mostly fail: it would learn nothing, or keep the wrong weights.

    Raises:
        EngineError: more than half of the predictions failed; the message contains the first error.
    """
    errors = [prediction for prediction in predictions if prediction.status == "error"]
    if 2 * len(errors) > len(predictions):
        raise EngineError(f"{len(errors)} of {len(predictions)} predictions failed, first: {errors[0].text}")


def _completions(groups: Sequence[CompletionGroup]) -> Iterator[tuple[CompletionIndex, Prompt, Completion]]:
    for number, group in enumerate(groups):
        for position, sampled in enumerate(group.sampled):
            for n, completion in enumerate(sampled.completions):
                yield CompletionIndex(number, position, n), sampled.prompt, completion


def _indexed(number: int, position: int, sampled: PromptCompletions) -> list[tuple[CompletionIndex, str]]:
    return [(CompletionIndex(number, position, n), completion.text) for n, completion in enumerate(sampled.completions)]


def _partners(readable: Sequence[Sequence[CompletionIndex]], n_partners: int) -> list[tuple[CompletionIndex, ...]]:
    """The completions that are scored together: each alone if one prompt was sampled, else user-item pairs."""
    if len(readable) == 1:
        return [(index,) for index in readable[0]]
    users, items = readable
    return [(users[a], items[b]) for a, b in partner_pairs(len(users), len(items), n_partners)]


def _scoring_case(index: CompletionIndex, group: CompletionGroup, profiles: Profiles) -> _ScoringCase:
    text = group.sampled[index.prompt].completions[index.completion].text
    return _ScoringCase(index, group.example, text, profiles)


def _key(case: _ScoringCase) -> tuple[str, ...] | None:
    """All that a prediction depends on; None if there is nothing to predict from."""
    profiles = case.profiles
    if profiles.failed is not None:
        return None
    texts = (profile.text if profile else "" for profile in (profiles.user, profiles.item, profiles.pair))
    return (case.example.request.request_id, *texts)


def _first(entry: tuple[tuple[str, ...], _ScoringCase]) -> tuple[str, ...]:
    return entry[0]


def _no_prediction(case: _ScoringCase) -> Prediction:
    return Prediction(None, case.profiles.failed or "unreadable", "profile")
