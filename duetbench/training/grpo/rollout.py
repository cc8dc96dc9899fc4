"""GRPO's rounds: which prompts are sampled, how completions are generated, and which rewards they get."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duetbench.engines.complete import complete
from duetbench.engines.tokens.truncation import TruncatedPrompt
from duetbench.errors import TrainingError
from duetbench.evaluation.leakage import leak_rate
from duetbench.interfaces import Stage
from duetbench.profiling import parse_completion
from duetbench.training.advantage import reward_range
from duetbench.training.grpo.generation import GenerationSpec, SampledCompletion, sample_prompts
from duetbench.training.policy import Policy
from duetbench.training.policy_engine import policy_engine
from duetbench.training.questions import CreditMode, TrainingQuestion
from duetbench.training.rewarding import CompletionGrader, CompletionGroup, GradedCompletion, PromptCompletions
from duetbench.training.trl.adapter import RolloutBatch
from duetbench.types import Profiles, Sampling

_TIED = 1e-9
"""Rewards of a group whose range is smaller are equal: their advantages are 0."""


def rollout_keys(questions: Sequence[int], mode: CreditMode, n_round: int, alternate_every: int) -> list[str]:
    """The prompts of one round as `QUESTION:PROMPT`; the two prompts of a question are adjacent.

    Args:
        questions: Positions of the questions.
        mode: Which of their prompts are sampled.
        n_round: Number of the round, from 0.
        alternate_every: Rounds after which `alternate` switches to the other side.
    """
    match mode:
        case "paired":
            prompts: tuple[int, ...] = (0,)
        case "cross":
            prompts = (0, 1)
        case "user" | "item":
            prompts = (int(mode == "item"),)
        case "alternate":
            prompts = (n_round // alternate_every % 2,)
    return [f"{question}:{prompt}" for question in questions for prompt in prompts]


def rollout_seed(seed: int, step: int) -> int:
    """The seed of the round that begins after `step` updates."""
    digest = hashlib.sha256(f"round {seed} {step}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


@dataclass(frozen=True, slots=True)
class _SampledPrompt:
    """One prompt of a round with its completions."""

    question: int
    prompt: int
    """Position among the question's prompts."""
    encoded: TruncatedPrompt
    samples: list[SampledCompletion]


class RolloutSampler:
    """Samples completions from the policy and grades them; implements `trl.adapter.RolloutSource`.

    Args:
        policy: Generates.
        stage: The stage that is trained.
        questions: The questions that the keys refer to.
        encoded: The tokens of each prompt of each question.
        grader: Computes the rewards.
        generation: How completions are sampled.
        seed: The seed of the training.
        mask_truncated: Whether completions that reached their maximum length are left out of the loss.
    """

    def __init__(
        self,
        policy: Policy,
        stage: Stage,
        questions: Sequence[TrainingQuestion],
        encoded: Mapping[tuple[int, int], TruncatedPrompt],
        *,
        grader: CompletionGrader,
        generation: GenerationSpec,
        seed: int,
        mask_truncated: bool = False,
    ) -> None:
        self._policy = policy
        self._stage = stage
        self._questions = questions
        self._encoded = encoded
        self._grader = grader
        self._generation = generation
        self._seed = seed
        self._mask_truncated = mask_truncated
        self._sampled: list[_SampledPrompt] = []
        self._fixed_profiles: dict[tuple[int, int], Profiles] = {}
        self._phase_end = 0.0
        self._report: dict[str, float] = {}

    def sample(self, keys: Sequence[str], model: Any, step: int) -> RolloutBatch:
        """The completions of one round, see `RolloutSource`."""
        import torch

        started = time.perf_counter()
        self._policy.model = model
        seed = rollout_seed(self._seed, step)
        # TRL shuffles a round's rows with torch's global generator: seeded by the step, a resumed run shuffles alike.
        torch.manual_seed(seed)
        positions = [tuple(map(int, key.split(":"))) for key in keys[:: self._generation.num_generations]]
        prompts = [(self._questions[n].prompts[m], self._encoded[n, m]) for n, m in positions]
        groups = sample_prompts(self._policy, prompts, self._generation, seed)
        self._sampled = [
            _SampledPrompt(question, prompt, encoded, samples)
            for (question, prompt), (_, encoded), samples in zip(positions, prompts, groups, strict=True)
        ]
        self._fixed_profiles = self._profiles_of_other_sides()
        self._phase_end = time.perf_counter()
        self._report = {"generate_seconds": self._phase_end - started}
        flat = [(sampled, sample) for sampled in self._sampled for sample in sampled.samples]
        loss_masks = [self._loss_mask(sample) for _, sample in flat]
        if not any(map(any, loss_masks)):
            raise TrainingError(self._no_token_in_the_loss(step, len(flat)))
        self._report["loss_tokens"] = sum(map(sum, loss_masks))
        return RolloutBatch(
            [list(sampled.encoded.ids) for sampled, _ in flat],
            [sample.ids for _, sample in flat],
            loss_masks,
        )

    def _no_token_in_the_loss(self, step: int, n_completions: int) -> str:
        truncated = sum(sample.is_truncated for sampled in self._sampled for sample in sampled.samples)
        return (
            f"no token of the round after update {step} is in the loss: {truncated} of {n_completions} completions "
            f"reached their maximum length of {self._generation.max_tokens} tokens"
            + ("; raise grpo.max_completion_length or set grpo.mask_truncated_completions=false" if truncated else "")
        )

    def _loss_mask(self, sample: SampledCompletion) -> list[int]:
        # TRL's own option takes a completion for truncated unless it ends with an end-of-sequence or padding token.
        # Completions here end at stop texts, so that it would mask all of them.
        return [0] * len(sample.ids) if self._mask_truncated and sample.is_truncated else sample.loss_mask

    def rewards(self) -> list[float | None]:
        """The rewards of the round, see `RolloutSource`. TRL computes log-probabilities between sampling and this."""
        started, scored_before = time.perf_counter(), self._grader.scorer_seconds
        failures_before = self._grader.failures
        prompts = [completions for group in self._grader(list(self._groups())) for completions in group]
        summary = summarize_rollout(prompts) | self._lengths() | (self._grader.failures - failures_before)._asdict()
        score_seconds = self._grader.scorer_seconds - scored_before
        times = {"logps_seconds": started - self._phase_end, "score_seconds": score_seconds}
        self._phase_end = time.perf_counter()
        self._report |= summary | times | {"reward_seconds": self._phase_end - started - score_seconds}
        return [graded.reward for completions in prompts for graded in completions]

    def report(self) -> dict[str, float]:
        """Statistics and phase times of the latest round; empty until the next round has been graded.

        `score_seconds` is the scorer's own time, `reward_seconds` that of parsing, pairing and rewarding,
        `update_seconds` the time between the rewards and this call.
        """
        report, self._report = self._report, {}
        return report | {"update_seconds": time.perf_counter() - self._phase_end} if report else {}

    def _groups(self) -> Iterator[CompletionGroup]:
        """One group per question; a side that was not sampled has a fixed profile."""
        pending = list(self._sampled)
        while pending:
            first = pending.pop(0)
            sides = [first]
            if first.prompt == 0 and pending and (pending[0].question, pending[0].prompt) == (first.question, 1):
                sides.append(pending.pop(0))
            question = self._questions[first.question]
            completions = tuple(
                PromptCompletions(question.prompts[side.prompt], tuple(sample.completion for sample in side.samples))
                for side in sides
            )
            fixed = self._fixed_profiles.get((first.question, first.prompt), question.fixed_profiles)
            yield CompletionGroup(question.example, completions, fixed)

    def _profiles_of_other_sides(self) -> dict[tuple[int, int], Profiles]:
        """The greedy profile of the other side, from the current weights, where one side is sampled alone."""
        positions = {(sampled.question, sampled.prompt) for sampled in self._sampled}
        alone = sorted(
            (question, prompt)
            for question, prompt in positions
            if len(self._questions[question].prompts) == 2 and (question, 1 - prompt) not in positions
        )
        prompts = [self._questions[question].prompts[1 - prompt] for question, prompt in alone]
        if not prompts:
            return {}
        sampling = Sampling(max_tokens=self._generation.max_tokens, stop=self._generation.stop)
        completions = complete(policy_engine(self._policy, trained=True), prompts, sampling)
        fixed: dict[tuple[int, int], Profiles] = {}
        for position, prompt, completion in zip(alone, prompts, completions, strict=True):
            parsed = parse_completion(self._stage, prompt, completion)
            profiles = self._questions[position[0]].fixed_profiles
            for profile in parsed.profiles:
                profiles = profiles.with_profile(profile)
            fixed[position] = profiles if parsed.status == "ok" else Profiles(failed=parsed.status)
        return fixed

    def _lengths(self) -> dict[str, float]:
        samples = [sample for sampled in self._sampled for sample in sampled.samples]
        n_tokens = sum(len(sample.ids) for sample in samples)
        lengths = {"tokens": n_tokens, "mean_tokens": n_tokens / len(samples)}
        if self._mask_truncated:
            lengths["masked"] = sum(sample.is_truncated for sample in samples) / len(samples)
        return lengths


def summarize_rollout(prompts: Sequence[Sequence[GradedCompletion]]) -> dict[str, float]:
    """Statistics of a round for its curve: mean reward, reward range within groups, shares.

    Args:
        prompts: The graded completions of each prompt.

    Returns:
        `reward`, mean; `spread`, mean reward range of a group; shares `tied` of groups with equal rewards, `readable`
        and `unjudged` (without a reward) of completions, `leaks` of profiles that contain a rating. No entry without
        data.
    """
    graded = [completion for completions in prompts for completion in completions]
    rewards = [completion.reward for completion in graded if completion.reward is not None]
    ranges = [
        spread
        for completions in prompts
        if (spread := reward_range([completion.reward for completion in completions])) is not None
    ]
    summary = {
        "reward": _mean(rewards),
        "spread": _mean(ranges),
        "tied": _mean([float(spread < _TIED) for spread in ranges]),
        "readable": _mean([float(completion.status == "ok") for completion in graded]),
        "unjudged": _mean([float(completion.reward is None) for completion in graded]),
        "leaks": leak_rate([profile for completion in graded for profile in completion.profiles]),
    }
    return {name: value for name, value in summary.items() if value is not None}


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
