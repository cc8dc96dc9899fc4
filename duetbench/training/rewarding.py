"""From completions to what each of them earned: read, meet, score, reward, give credit. The same for every trainer."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from duetbench.errors import EngineError, TrainingError
from duetbench.interfaces import Engine, Reward, Scorer, Stage
from duetbench.profiling import parse_completion
from duetbench.training.advantage import marginal_means, partner_pairs
from duetbench.types import Completion, Example, Prediction, Profile, Profiles, Prompt, Rollout, Status


@dataclass(frozen=True, slots=True)
class PromptCompletions:
    """Several completions of one prompt."""

    prompt: Prompt
    completions: tuple[Completion, ...]


@dataclass(frozen=True, slots=True)
class CompletionGroup:
    """All that was sampled for one training example."""

    example: Example
    asked: tuple[PromptCompletions, ...]
    """One question; or two, the user's and the item's, whose answers meet each other."""
    given: Profiles = field(default_factory=Profiles)
    """What stands already: the profile of the side that is not being trained."""


@dataclass(frozen=True, slots=True)
class GradedCompletion:
    """One completion and what it earned."""

    text: str
    status: Status
    """`ok`, or why it could not be read."""
    profiles: tuple[Profile, ...]
    """() if it could not be read."""
    reward: float | None
    """None: nothing could be said about it, and it is left out."""
    value: float | None
    """The predicted rating, averaged over its meetings; None where nothing was predicted."""


@dataclass(frozen=True, slots=True)
class RewardRules:
    """How rewards become credit."""

    partners: int = 8
    """How many partners each profile meets where sides are sampled apart."""
    unreadable: float | None = -1.0
    """What a completion that cannot be read earns where no reward speaks of it; None: it is left out."""
    unscored: float | None = None
    """What a readable completion earns where the scorer's rating cannot be read; None: the rewards decide."""


class CompletionIndex(NamedTuple):
    """A completion by its place."""

    group: int
    asked: int
    completion: int


@dataclass(frozen=True, slots=True)
class _ScoringCase:
    """One completion in one meeting, as its own side sees it."""

    owner: CompletionIndex
    example: Example
    text: str
    profiles: Profiles


class CompletionGrader:
    """Judges groups of completions with the frozen scorer and the weighted rewards.

    Args:
        stage: The strategy's last stage; reads completions.
        scorer: Predicts ratings; frozen.
        engine: What the scorer asks; None for a scorer that asks nothing.
        rewards: Each with its weight.
        credit: See `RewardRules`.
    """

    def __init__(
        self,
        stage: Stage,
        scorer: Scorer,
        engine: Engine | None,
        rewards: Sequence[tuple[Reward, float]],
        credit: RewardRules,
    ) -> None:
        self._stage = stage
        self._scorer = scorer
        self._engine = engine
        self._rewards = rewards
        self._credit = credit
        self.scored = 0
        """How many predictions were asked of the scorer."""
        self.shared = 0
        """How many further times such a prediction was used."""
        self.scorer_seconds = 0.0
        """How long the scorer took for them."""

    def __call__(self, groups: Sequence[CompletionGroup]) -> list[list[list[GradedCompletion]]]:
        """What every completion earned: one list per group, in it one per question, in it one value per completion."""
        read = {owner: self._read(*what) for owner, what in _completions(groups)}
        scenes = [scene for place, group in enumerate(groups) for scene in self._scenes(place, group, read)]
        predictions = self._predict(scenes)
        owners = [scene.owner for scene in scenes]
        earned = marginal_means(owners, self._earned(scenes, predictions))
        values = marginal_means(owners, [prediction.value for prediction in predictions])
        return [
            [
                [
                    GradedCompletion(text, *read[owner], earned.get(owner), values.get(owner))
                    for owner, text in _places(place, position, asked)
                ]
                for position, asked in enumerate(group.asked)
            ]
            for place, group in enumerate(groups)
        ]

    def _read(self, prompt: Prompt, completion: Completion) -> _ParsedStatus:
        answer = parse_completion(self._stage, prompt, completion)
        return _ParsedStatus(answer.status, answer.profiles)

    def _scenes(
        self, place: int, group: CompletionGroup, read: dict[CompletionIndex, _ParsedStatus]
    ) -> Iterator[_ScoringCase]:
        """Every meeting once per side that takes part, and each unreadable completion alone."""
        readable: list[list[CompletionIndex]] = []
        for position, asked in enumerate(group.asked):
            owners = [owner for owner, _ in _places(place, position, asked)]
            readable.append([owner for owner in owners if read[owner].status == "ok"])
            for owner in owners:
                if read[owner].status != "ok":
                    yield _scene(owner, group, Profiles(failed=read[owner].status))
        if group.given.failed is not None:  # a partner that cannot be read judges nobody
            return
        for met in _meetings(readable, self._credit.partners):
            profiles = group.given
            for owner in met:
                for profile in read[owner].profiles:
                    profiles = profiles.with_profile(profile)
            yield from (_scene(owner, group, profiles) for owner in met)

    def _predict(self, scenes: Sequence[_ScoringCase]) -> list[Prediction]:
        """One prediction per scene; equal questions are asked once, those about one user's text side by side."""
        keys = [_key(scene) for scene in scenes]
        unique = dict(sorted(((key, scene) for key, scene in zip(keys, scenes, strict=True) if key), key=_first))
        self.scored += len(unique)
        self.shared += sum(key is not None for key in keys) - len(unique)
        requests = [scene.example.request for scene in unique.values()]
        started = time.perf_counter()
        found = self._scorer.score(requests, [scene.profiles for scene in unique.values()], self._engine)
        self.scorer_seconds += time.perf_counter() - started
        check_scorer_errors(found)
        by_key = dict(zip(unique, found, strict=True))
        return [by_key[key] if key else _unwritten(scene) for key, scene in zip(keys, scenes, strict=True)]

    def _earned(self, scenes: Sequence[_ScoringCase], predictions: Sequence[Prediction]) -> list[float | None]:
        rollouts = [
            Rollout(scene.example, scene.text, scene.profiles, prediction, scene.profiles.failed is None)
            for scene, prediction in zip(scenes, predictions, strict=True)
        ]
        values = weighted_rewards(self._rewards, rollouts)
        for place, rollout in enumerate(rollouts):
            if not rollout.readable and values[place] is None:
                values[place] = self._credit.unreadable
            elif rollout.readable and rollout.prediction.value is None and self._credit.unscored is not None:
                values[place] = self._credit.unscored
        return values


class _ParsedStatus(NamedTuple):
    status: Status
    profiles: tuple[Profile, ...]


def weighted_rewards(rewards: Sequence[tuple[Reward, float]], rollouts: Sequence[Rollout]) -> list[float | None]:
    """The weighted sum of the rewards that apply to each rollout; None where none applies.

    Raises:
        TrainingError: a reward is no finite number.
    """
    totals: list[float | None] = [None] * len(rollouts)
    for reward, weight in rewards:
        for place, value in enumerate(reward(rollouts)):
            if value is not None:
                if not math.isfinite(value):
                    raise TrainingError(f"reward '{reward.name}' gives {value}, which nothing can learn from")
                totals[place] = (totals[place] or 0.0) + weight * value
    return totals


def check_scorer_errors(predictions: Sequence[Prediction]) -> None:
    """Stops where the scorer mostly fails: training would learn nothing from it, or keep the wrong weights.

    Raises:
        EngineError: with the first error.
    """
    errors = [prediction for prediction in predictions if prediction.status == "error"]
    if 2 * len(errors) > len(predictions):
        raise EngineError(f"{len(errors)} of {len(predictions)} predictions failed, first: {errors[0].text}")


def _completions(groups: Sequence[CompletionGroup]) -> Iterator[tuple[CompletionIndex, tuple[Prompt, Completion]]]:
    for place, group in enumerate(groups):
        for position, asked in enumerate(group.asked):
            for number, completion in enumerate(asked.completions):
                yield CompletionIndex(place, position, number), (asked.prompt, completion)


def _places(place: int, position: int, asked: PromptCompletions) -> list[tuple[CompletionIndex, str]]:
    return [(CompletionIndex(place, position, n), completion.text) for n, completion in enumerate(asked.completions)]


def _meetings(readable: Sequence[Sequence[CompletionIndex]], partners: int) -> list[tuple[CompletionIndex, ...]]:
    """Who stands in one scene: each alone if one question was asked, else pairs of either side."""
    if len(readable) == 1:
        return [(owner,) for owner in readable[0]]
    users, items = readable
    return [(users[a], items[b]) for a, b in partner_pairs(len(users), len(items), partners)]


def _scene(owner: CompletionIndex, group: CompletionGroup, profiles: Profiles) -> _ScoringCase:
    return _ScoringCase(owner, group.example, group.asked[owner.asked].completions[owner.completion].text, profiles)


def _key(scene: _ScoringCase) -> tuple[str, ...] | None:
    """What a prediction depends on; None if there is nothing to predict from."""
    written = scene.profiles
    if written.failed is not None:
        return None
    texts = (profile.text if profile else "" for profile in (written.user, written.item, written.pair))
    return (scene.example.request.request_id, *texts)


def _first(entry: tuple[tuple[str, ...], _ScoringCase]) -> tuple[str, ...]:
    return entry[0]


def _unwritten(scene: _ScoringCase) -> Prediction:
    return Prediction(None, scene.profiles.failed or "unreadable", "profile")
