"""What is computed once and what is computed together, by counting calls and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from tiny_world import Near, Tiny, Writing, examples

from duetbench.scorers.rating_expectation import RatingExpectation
from duetbench.training.grpo.generation import GenerationSpec, sample_prompts
from duetbench.training.options import TrainerSettings
from duetbench.training.policy import Policy
from duetbench.training.rewarding import CompletionGrader, CompletionGroup, PromptCompletions, RewardRules
from duetbench.types import Completion, Example, Profiles, Prompt, Request

USERS = tuple(f"listens to jazz number {n} and more" for n in range(4))
ITEMS = tuple(f"a record of sort {n}" for n in range(4))


@pytest.fixture
def policy(tiny_ref):
    return Policy(tiny_ref, TrainerSettings())


class Passes:
    """Counts what goes forward through a model."""

    def __init__(self, model: Any) -> None:
        self.shapes: list[tuple[int, int]] = []
        """(rows, tokens) of each pass."""
        model.register_forward_pre_hook(self._note, with_kwargs=True)

    def _note(self, _model: Any, _args: Any, kwargs: Any) -> None:
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


class Counted(RatingExpectation):
    """Keeps the prompts that it asks."""

    def __init__(self) -> None:
        super().__init__(RatingExpectation.Config(history_k=0, prompt_set="compact"))
        self.asked: list[Prompt] = []

    def prompts(self, requests: Sequence[Request], profiles: Sequence[Profiles]) -> list[Prompt]:
        self.asked = super().prompts(requests, profiles)
        return self.asked


def grading(policy: Policy, groups: Sequence[CompletionGroup]) -> tuple[CompletionGrader, Counted, Passes]:
    """A grader that has graded with the policy's frozen weights, its scorer, and what went through the model."""
    policy.model  # noqa: B018  the weights are loaded before counting begins
    passes, scorer = Passes(policy.model), Counted()
    (stage,) = Tiny(Tiny.Config("cross")).stages()
    grader = CompletionGrader(stage, scorer, policy.engine(trained=False), [(Near(), 1.0)], RewardRules())
    grader(groups)
    return grader, scorer, passes


def test_equal_profiles_of_one_pair_are_scored_once(policy):
    (example,) = examples("train", 1)
    grader, _, _ = grading(policy, [group(example, (USERS[0],) * 4, (ITEMS[0], ITEMS[1]) * 2)])
    assert grader.scored == 2
    assert grader.shared == 2 * 16 - 2


def test_equal_profiles_of_two_pairs_are_two_questions(policy):
    grader, _, _ = grading(policy, [group(one, USERS[:1], ITEMS[:1]) for one in examples("train", 2)])
    assert grader.scored == 2


def test_all_meetings_of_a_round_are_read_in_a_few_passes(policy):
    grader, _, passes = grading(policy, [group(one) for one in examples("train", 4)])
    assert grader.scored == 4 * 16
    assert len(passes.shapes) <= 4


def test_the_user_s_part_is_read_once_for_all_partners(policy):
    _, scorer, passes = grading(policy, [group(one) for one in examples("train", 4)])
    lengths = [len(policy.encode(prompt, 0).ids) for prompt in scorer.asked]
    assert len(lengths) == 4 * 16
    alone, n_partners = sum(lengths), len(ITEMS)
    heads = sum(rows * length for rows, length in passes.shapes if rows < 4 * 16)
    assert heads < alone / n_partners  # one beginning per user profile, shorter than the whole prompt
    assert passes.tokens < alone / 2


def test_a_prompt_is_read_once_for_all_of_its_samples(policy):
    prompts = Writing(("pair",)).prompts([example.request for example in examples("train", 3)], {})
    asked = [(prompt, policy.encode(prompt, 6)) for prompt in prompts]
    policy.model  # noqa: B018
    passes = Passes(policy.model)
    sample_prompts(policy, asked, GenerationSpec(8, 1.0, 6, (), 65_536), seed=0)
    longest = max(len(fitted.ids) for _, fitted in asked)
    assert passes.shapes[0] == (3, longest)  # not 24 rows
    assert all(rows <= 24 and length == 1 for rows, length in passes.shapes[1:])


def test_a_sampling_batch_holds_all_prompts_that_fit_the_budget(policy):
    prompts = Writing(("pair",)).prompts([example.request for example in examples("train", 6)], {})
    asked = [(prompt, policy.encode(prompt, 6)) for prompt in prompts]
    policy.model  # noqa: B018
    passes = Passes(policy.model)
    longest = max(len(fitted.ids) for _, fitted in asked) + 6
    sample_prompts(policy, asked, GenerationSpec(4, 1.0, 6, (), 3 * 4 * longest), seed=0)
    assert [rows for rows, length in passes.shapes if length > 1] == [3, 3]
