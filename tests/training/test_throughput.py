"""Which work is done once and which is batched, measured by counting forward passes and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from tiny_world import Near, Tiny, Writing, examples

from duetbench.scorers.rating_expectation import RatingExpectation
from duetbench.training.grpo.generation import EncodedPrompt, GenerationSpec, sample_prompts
from duetbench.training.options import TrainerSettings
from duetbench.training.policy import Policy
from duetbench.training.policy_engine import policy_engine
from duetbench.training.rewarding import CompletionGrader, CompletionGroup, PromptCompletions, RewardRules
from duetbench.types import Completion, Example, Profiles, Prompt, Request

USERS = tuple(f"listens to jazz number {n} and more" for n in range(4))
ITEMS = tuple(f"a record of sort {n}" for n in range(4))


@pytest.fixture
def policy(tiny_ref):
    return Policy(tiny_ref, TrainerSettings())


class ForwardPasses:
    """Records the shapes of the inputs of a model."""

    def __init__(self, model: Any) -> None:
        self.shapes: list[tuple[int, int]] = []
        """(rows, tokens) of each pass."""
        model.register_forward_pre_hook(self._record, with_kwargs=True)

    def _record(self, _model: Any, _args: Any, kwargs: Any) -> None:
        self.shapes.append(tuple(kwargs["input_ids"].shape))

    @property
    def tokens(self) -> int:
        return sum(rows * length for rows, length in self.shapes)


def group(example: Example, users: Sequence[str] = USERS, items: Sequence[str] = ITEMS) -> CompletionGroup:
    stage = Writing(("user", "item"))
    texts = {"user": users, "item": items}
    return CompletionGroup(
        example,
        tuple(
            PromptCompletions(prompt, tuple(Completion(text) for text in texts[prompt.side]))
            for prompt in stage.prompts([example.request], {})
        ),
    )


class RecordingScorer(RatingExpectation):
    """Keeps its prompts."""

    def __init__(self) -> None:
        super().__init__(RatingExpectation.Config(history_k=0, prompt_set="compact"))
        self.sent: list[Prompt] = []

    def prompts(self, requests: Sequence[Request], profiles: Sequence[Profiles]) -> list[Prompt]:
        self.sent = super().prompts(requests, profiles)
        return self.sent


def graded(
    policy: Policy, groups: Sequence[CompletionGroup]
) -> tuple[CompletionGrader, RecordingScorer, ForwardPasses]:
    """A grader that has graded the groups with the policy's frozen weights, its scorer, and the forward passes."""
    policy.model  # noqa: B018  the weights are loaded before counting begins
    passes, scorer = ForwardPasses(policy.model), RecordingScorer()
    (stage,) = Tiny(Tiny.Config("cross")).stages()
    engine = policy_engine(policy, trained=False)
    grader = CompletionGrader(stage, scorer, engine, [(Near(), 1.0)], RewardRules())
    grader(groups)
    return grader, scorer, passes


def test_equal_profiles_of_one_pair_are_scored_once(policy):
    (example,) = examples("train", 1)
    grader, _, _ = graded(policy, [group(example, (USERS[0],) * 4, (ITEMS[0], ITEMS[1]) * 2)])
    assert grader.n_scored == 2
    assert grader.n_reused == 2 * 16 - 2


def test_equal_profiles_of_two_pairs_are_scored_separately(policy):
    grader, _, _ = graded(policy, [group(example, USERS[:1], ITEMS[:1]) for example in examples("train", 2)])
    assert grader.n_scored == 2


def test_all_cases_of_a_round_are_scored_in_a_few_passes(policy):
    grader, _, passes = graded(policy, [group(example) for example in examples("train", 4)])
    assert grader.n_scored == 4 * 16
    assert len(passes.shapes) <= 4


def test_the_user_s_part_of_a_prompt_is_processed_once_for_all_partners(policy):
    _, scorer, passes = graded(policy, [group(example) for example in examples("train", 4)])
    lengths = [len(policy.encode(prompt, 0).ids) for prompt in scorer.sent]
    assert len(lengths) == 4 * 16
    separately, n_partners = sum(lengths), len(ITEMS)
    prefixes = sum(rows * length for rows, length in passes.shapes if rows < 4 * 16)
    assert prefixes < separately / n_partners  # one prefix per user profile, shorter than the complete prompt
    assert passes.tokens < separately / 2


def encoded_prompts(policy: Policy, n: int) -> list[EncodedPrompt]:
    prompts = Writing(("pair",)).prompts([example.request for example in examples("train", n)], {})
    return [(prompt, policy.encode(prompt, 6)) for prompt in prompts]


def test_a_prompt_is_processed_once_for_all_of_its_completions(policy):
    prompts = encoded_prompts(policy, 3)
    policy.model  # noqa: B018
    passes = ForwardPasses(policy.model)
    sample_prompts(policy, prompts, GenerationSpec(8, 1.0, 6, (), 65_536), seed=0)
    longest = max(len(encoded.ids) for _, encoded in prompts)
    assert passes.shapes[0] == (3, longest)  # not 24 rows
    assert all(rows <= 24 and length == 1 for rows, length in passes.shapes[1:])


def test_a_sampling_batch_holds_all_prompts_that_fit_the_budget(policy):
    prompts = encoded_prompts(policy, 6)
    policy.model  # noqa: B018
    passes = ForwardPasses(policy.model)
    longest = max(len(encoded.ids) for _, encoded in prompts) + 6
    sample_prompts(policy, prompts, GenerationSpec(4, 1.0, 6, (), 3 * 4 * longest), seed=0)
    assert [rows for rows, length in passes.shapes if length > 1] == [3, 3]
