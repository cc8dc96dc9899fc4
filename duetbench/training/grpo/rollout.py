"""GRPO's rounds: which prompts are asked, how completions are drawn, and what each of them earns."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duetbench.engines.complete import complete
from duetbench.engines.tokens.truncation import TruncatedPrompt
from duetbench.interfaces import Stage
from duetbench.profiling import parse_completion
from duetbench.training.advantage import reward_range
from duetbench.training.grpo.generation import GenerationSpec, SampledCompletion, sample_prompts
from duetbench.training.leaks import leak_rate
from duetbench.training.policy import Policy
from duetbench.training.questions import CreditMode, TrainingQuestion
from duetbench.training.rewarding import CompletionGrader, CompletionGroup, GradedCompletion, PromptCompletions
from duetbench.training.trl.adapter import RolloutBatch
from duetbench.types import Profiles, Sampling

_TIED = 1e-9
"""Credits of a group that lie closer than this are equal, and the group teaches nothing."""


def rollout_keys(units: Sequence[int], mode: CreditMode, n_round: int, alternate_every: int) -> list[str]:
    """The prompts of one round as `UNIT:QUESTION`; a unit's two questions stand side by side.

    Args:
        units: Positions of the units.
        mode: See `units.Mode`.
        n_round: Which round it is, from 0.
        alternate_every: Rounds after which `alternate` turns to the other side.
    """
    match mode:
        case "paired":
            questions: tuple[int, ...] = (0,)
        case "cross":
            questions = (0, 1)
        case "user" | "item":
            questions = (int(mode == "item"),)
        case "alternate":
            questions = (n_round // alternate_every % 2,)
    return [f"{unit}:{question}" for unit in units for question in questions]


def rollout_seed(seed: int, step: int) -> int:
    """The seed of the round that begins after `step` updates."""
    digest = hashlib.sha256(f"round {seed} {step}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


@dataclass(frozen=True, slots=True)
class _Question:
    """One prompt of a round."""

    unit: int
    place: int
    """Which of the unit's questions."""
    fitted: TruncatedPrompt
    drafts: list[SampledCompletion]


class RolloutSampler:
    """Samples from the policy and has the grader pay; see `trl_adapter.Rounds`.

    Args:
        policy: Writes.
        stage: The stage that is trained.
        units: What the keys name.
        fitted: The tokens of each question of each unit.
        grader: Pays.
        pen: How completions are drawn.
        seed: Of the whole training.
    """

    def __init__(
        self,
        policy: Policy,
        stage: Stage,
        units: Sequence[TrainingQuestion],
        fitted: Mapping[tuple[int, int], TruncatedPrompt],
        *,
        grader: CompletionGrader,
        pen: GenerationSpec,
        seed: int,
    ) -> None:
        self._policy = policy
        self._stage = stage
        self._units = units
        self._fitted = fitted
        self._grader = grader
        self._pen = pen
        self._seed = seed
        self._questions: list[_Question] = []
        self._given: dict[tuple[int, int], Profiles] = {}
        self._clock = 0.0
        self._report: dict[str, float] = {}
        self.tokens = 0
        """Tokens drawn so far by this process."""

    def sample(self, keys: Sequence[str], model: Any, step: int) -> RolloutBatch:
        """See `Rounds`."""
        import torch

        started = time.perf_counter()
        self._policy.model = model
        seed = rollout_seed(self._seed, step)
        # TRL shuffles a round's rows with torch's global generator: tied to the step, a resumed run shuffles alike.
        torch.manual_seed(seed)
        places = [tuple(map(int, key.split(":"))) for key in keys[:: self._pen.samples]]
        asked = [(self._units[unit].prompts[place], self._fitted[unit, place]) for unit, place in places]
        drafts = sample_prompts(self._policy, asked, self._pen, seed)
        self._questions = [
            _Question(unit, place, fitted, found)
            for (unit, place), (_, fitted), found in zip(places, asked, drafts, strict=True)
        ]
        self._given = self._partners()
        self._clock = time.perf_counter()
        self._report = {"generate_seconds": self._clock - started}
        flat = [(question, draft) for question in self._questions for draft in question.drafts]
        return RolloutBatch(
            [list(question.fitted.ids) for question, _ in flat],
            [draft.ids for _, draft in flat],
            [draft.own for _, draft in flat],
        )

    def rewards(self) -> list[float | None]:
        """See `Rounds`. TRL computes log-probabilities between sampling and this."""
        started, scoring = time.perf_counter(), self._grader.scorer_seconds
        groups = list(self._groups())
        graded = [one for group in self._grader(groups) for one in group]
        found = summarize_rollout(graded) | self._lengths()
        score = self._grader.scorer_seconds - scoring
        times = {"logps_seconds": started - self._clock, "score_seconds": score}
        self._clock = time.perf_counter()
        self._report |= found | times | {"reward_seconds": self._clock - started - score}
        return [one.reward for group in graded for one in group]

    def report(self) -> dict[str, float]:
        """What the latest round was like and how long its phases took; empty until the next one has been graded.

        `score_seconds` are the scorer's own, `reward_seconds` go to reading, meeting and rewarding, `update_seconds`
        lie between the rewards and this call.
        """
        report, self._report = self._report, {}
        return report | {"update_seconds": time.perf_counter() - self._clock} if report else {}

    def _groups(self) -> Iterator[CompletionGroup]:
        """Questions of one unit that were asked together form one group; a side that was not asked is given."""
        waiting = list(self._questions)
        while waiting:
            first = waiting.pop(0)
            mine = [first]
            if first.place == 0 and waiting and (waiting[0].unit, waiting[0].place) == (first.unit, 1):
                mine.append(waiting.pop(0))
            unit = self._units[first.unit]
            asked = tuple(
                PromptCompletions(unit.prompts[one.place], tuple(draft.completion for draft in one.drafts))
                for one in mine
            )
            yield CompletionGroup(unit.example, asked, self._given.get((first.unit, first.place), unit.given))

    def _partners(self) -> dict[tuple[int, int], Profiles]:
        """The other side's greedy profile, as the weights write it now, wherever one side is asked alone."""
        asked = {(one.unit, one.place) for one in self._questions}
        alone = sorted(
            (unit, place)
            for unit, place in asked
            if len(self._units[unit].prompts) == 2 and (unit, 1 - place) not in asked
        )
        prompts = [self._units[unit].prompts[1 - place] for unit, place in alone]
        if not prompts:
            return {}
        sampling = Sampling(max_tokens=self._pen.max_tokens, stop=self._pen.stop)
        completions = complete(self._policy.engine(trained=True), prompts, sampling)
        found: dict[tuple[int, int], Profiles] = {}
        for key, prompt, completion in zip(alone, prompts, completions, strict=True):
            answer = parse_completion(self._stage, prompt, completion)
            given = self._units[key[0]].given
            for profile in answer.profiles:
                given = given.with_profile(profile)
            found[key] = given if answer.status == "ok" else Profiles(failed=answer.status)
        return found

    def _lengths(self) -> dict[str, float]:
        drafts = [draft for question in self._questions for draft in question.drafts]
        n_tokens = sum(len(draft.ids) for draft in drafts)
        self.tokens += n_tokens
        return {"tokens": n_tokens, "mean_tokens": n_tokens / len(drafts)}


def summarize_rollout(groups: Sequence[Sequence[GradedCompletion]]) -> dict[str, float]:
    """What a round was like: mean reward and error, spread, ties, and how much could be read."""
    graded = [one for group in groups for one in group]
    rewards = [one.reward for one in graded if one.reward is not None]
    spreads = [found for group in groups if (found := reward_range([one.reward for one in group])) is not None]
    profiles = [profile for one in graded for profile in one.profiles]
    known = {
        "reward": _mean(rewards),
        "spread": _mean(spreads),
        "tied": _mean([float(value < _TIED) for value in spreads]),
        "readable": _mean([float(one.status == "ok") for one in graded]),
        "unjudged": _mean([float(one.reward is None) for one in graded]),
        "leaks": leak_rate(profiles),
    }
    return {name: value for name, value in known.items() if value is not None}


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
