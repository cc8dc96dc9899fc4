"""Warns of rewards by which failing pays: probes them with successes and failures before anything is trained.

A typical fault is a reward of `-|error|` that returns 0.0 when something goes wrong inside it: the failure gets the
best reward there is, and training makes failures more likely.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from duetbench.interfaces import Reward
from duetbench.training.rewarding import RewardRules, ruled_rewards, weighted_rewards
from duetbench.types import Example, Prediction, Profile, Profiles, Rollout, Status

_N_EXAMPLES = 5
_TOLERANCE = 1e-9

RewardFunction = Callable[[Sequence[Rollout]], Sequence[float | None]]


class _RaisingPrediction(Prediction):
    """A prediction whose value cannot be read, as if the code that computes the reward had a fault."""

    def __getattribute__(self, name: str) -> object:
        if name == "value":
            raise RuntimeError("the value cannot be read")
        return super().__getattribute__(name)


@dataclass(frozen=True)
class _Failure:
    """One way in which a completion or its scoring fails."""

    name: str
    make: Callable[[Example], Rollout]


_FAILURES = (
    _Failure("an unreadable completion", lambda example: _unreadable(example, "no tags at all")),
    _Failure("an empty completion", lambda example: _unreadable(example, "")),
    _Failure("an unreadable rating", lambda example: _scored(example, Prediction(None, "unreadable", "rating", "?"))),
    _Failure("a failed call of the scorer", lambda example: _scored(example, Prediction(None, "error", "rating"))),
)

_EXCEPTION = _Failure(
    "an exception inside the reward", lambda example: _scored(example, _RaisingPrediction(example.rating))
)


def lint_rewards(rewards: Sequence[tuple[Reward, float]], examples: Sequence[Example], rules: RewardRules) -> list[str]:
    """Warnings about rewards with which a failure earns about as much as a success; empty if there are none.

    A success is the mean of an exact prediction and of one that is one label off. Rewards that do not depend on the
    prediction, such as penalties for length, are only judged as a part of the combination.

    Args:
        rewards: The rewards with their weights.
        examples: Examples whose requests and ratings are used; at least one.
        rules: What the training does where no reward applies.
    """
    probed = _distinct_ratings(examples)
    warnings = [warning for reward, _ in rewards for warning in lint_reward(reward, probed)]

    def combined(rollouts: Sequence[Rollout]) -> Sequence[float | None]:
        return ruled_rewards(rewards, rollouts, rules)

    if not _depends_on_prediction(combined, probed):
        return [*warnings, "no reward depends on the predicted rating: training does not improve predictions"]
    return [*warnings, *_warnings("the combined reward", combined, probed)]


def lint_reward(reward: Reward, examples: Sequence[Example]) -> list[str]:
    """The warnings about one reward alone; see `lint_rewards`."""

    def alone(rollouts: Sequence[Rollout]) -> Sequence[float | None]:
        return weighted_rewards([(reward, 1.0)], rollouts)

    probed = _distinct_ratings(examples)
    if not _depends_on_prediction(alone, probed):
        return []
    return _warnings(f"reward '{reward.name}'", alone, probed, (*_FAILURES, _EXCEPTION))


def _warnings(
    title: str, reward: RewardFunction, examples: Sequence[Example], failures: Sequence[_Failure] = _FAILURES
) -> list[str]:
    success = _success(reward, examples)
    values = {failure.name: _of_failure(reward, failure, examples) for failure in failures}
    paid = [f"{name} {value:.3g}" for name, value in values.items() if _is_as_much(value, success)]
    if not paid:
        return []
    return [
        f"with {title} a failure earns about as much as a success ({success:.3g}), so that training would learn to "
        f"fail: {', '.join(paid)}; return None, or less than for a bad prediction"
    ]


def _of_failure(reward: RewardFunction, failure: _Failure, examples: Sequence[Example]) -> float | None:
    try:  # an exception of a reward ends the training, so that nothing is learned from it
        return _mean(reward, [failure.make(example) for example in examples])
    except KeyboardInterrupt:
        raise
    except BaseException:
        return None


def _is_as_much(value: float | None, success: float | None) -> bool:
    return value is not None and success is not None and value >= success - _TOLERANCE


def _success(reward: RewardFunction, examples: Sequence[Example]) -> float | None:
    near = [_scored(example, Prediction(_one_label_off(example))) for example in examples]
    return _mean(reward, [*_exact(examples), *near])


def _depends_on_prediction(reward: RewardFunction, examples: Sequence[Example]) -> bool:
    """Whether the exact prediction earns more than the worst one."""
    exact = _mean(reward, _exact(examples))
    worst = _mean(reward, [_scored(example, Prediction(_farthest(example))) for example in examples])
    return exact is not None and (worst is None or exact > worst + _TOLERANCE)


def _mean(reward: RewardFunction, rollouts: Sequence[Rollout]) -> float | None:
    known = [value for value in reward(rollouts) if value is not None]
    return fmean(known) if known else None


def _exact(examples: Sequence[Example]) -> list[Rollout]:
    return [_scored(example, Prediction(example.rating)) for example in examples]


def _one_label_off(example: Example) -> float:
    labels = example.request.domain.labels
    step = labels[1] - labels[0]
    return example.rating - step if example.rating - step >= labels[0] else example.rating + step


def _farthest(example: Example) -> float:
    labels = example.request.domain.labels
    return float(max(labels[0], labels[-1], key=lambda label: abs(label - example.rating)))


def _scored(example: Example, prediction: Prediction) -> Rollout:
    user, item = "Keeps coming back to slow songs.", "A quiet record that patient listeners praise."
    text = (
        f"<user_profile><profile>{user}</profile></user_profile><item_profile><profile>{item}</profile></item_profile>"
    )
    return Rollout(example, text, Profiles(Profile("user", user), Profile("item", item)), prediction)


def _unreadable(example: Example, text: str) -> Rollout:
    status: Status = "unreadable" if text else "empty"
    return Rollout(example, text, Profiles(failed=status), Prediction(None, status, "profile"), readable=False)


def _distinct_ratings(examples: Sequence[Example]) -> list[Example]:
    """One example per rating, at most five."""
    return list({example.rating: example for example in examples}.values())[:_N_EXAMPLES]
