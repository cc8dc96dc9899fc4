"""The rewards of completions, with a synthetic strategy, scorer and reward functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from duetbench.interfaces import Engine, Reward, Scorer, Stage
from duetbench.training.rewarding import (
    CompletionGrader,
    CompletionGroup,
    GradedCompletion,
    PromptCompletions,
    RewardRules,
    ScoringFailures,
    weighted_rewards,
)
from duetbench.types import (
    Completion,
    Domain,
    Example,
    Item,
    Prediction,
    Profile,
    Profiles,
    Prompt,
    Request,
    Rollout,
)

REQUEST = Request("train:1", "user", Item("item", "Title"), 10, Domain("album", "albums"))
EXAMPLE = Example(REQUEST, 4.0)
DEFAULT = RewardRules()
USER, ITEM = Prompt("u", "user", ()), Prompt("i", "item", ())


class Numbers(Stage):
    """A profile is a number; anything else is unreadable."""

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        raise NotImplementedError

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        return [Profile(prompt.side, text)] if text.replace(".", "").replace("-", "").isdigit() else None


class Adding(Scorer):
    """Predicts the sum of the numbers; records the profiles that it scores."""

    name = "adding"

    def __init__(self) -> None:
        super().__init__()
        self.scored: list[Profiles] = []

    def score(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Engine | None
    ) -> list[Prediction]:
        self.scored += profiles
        return [Prediction(sum(float(side.text) for side in (pair.user, pair.item) if side)) for pair in profiles]


class Value(Reward):
    """The prediction itself."""

    name = "value"

    def __call__(self, rollouts: Sequence[Rollout]) -> list[float | None]:
        return [rollout.prediction.value for rollout in rollouts]


class Length(Reward):
    """The length of the completion."""

    name = "length"

    def __call__(self, rollouts: Sequence[Rollout]) -> list[float | None]:
        return [float(len(rollout.completion)) for rollout in rollouts]


def sampled(prompt: Prompt, *texts: str) -> PromptCompletions:
    return PromptCompletions(prompt, tuple(Completion(text) for text in texts))


def grade(
    *groups: CompletionGroup, rules: RewardRules = DEFAULT, rewards: Sequence[tuple[Reward, float]] = ()
) -> list[list[list[GradedCompletion]]]:
    return CompletionGrader(Numbers(), Adding(), None, rewards or [(Value(), 1.0)], rules)(groups)


def rewards_of(completions: Sequence[GradedCompletion]) -> list[float | None]:
    return [completion.reward for completion in completions]


def test_the_completions_of_a_single_prompt_have_their_own_rewards():
    ((pairs,),) = grade(CompletionGroup(EXAMPLE, (sampled(USER, "1", "2"),)))
    assert rewards_of(pairs) == [1.0, 2.0]


def test_crossing_gives_each_side_its_marginal_mean():
    ((users, items),) = grade(CompletionGroup(EXAMPLE, (sampled(USER, "1", "3"), sampled(ITEM, "0", "0.5"))))
    assert rewards_of(users) == pytest.approx([1.25, 3.25])
    assert rewards_of(items) == pytest.approx([2.0, 2.5])


def test_permuting_partners_changes_no_reward_at_full_crossing():
    ((users, _),) = grade(CompletionGroup(EXAMPLE, (sampled(USER, "1", "3", "2"), sampled(ITEM, "0", "0.5", "7"))))
    ((again, _),) = grade(CompletionGroup(EXAMPLE, (sampled(USER, "1", "3", "2"), sampled(ITEM, "7", "0", "0.5"))))
    assert rewards_of(again) == pytest.approx(rewards_of(users))


@pytest.mark.parametrize("partners", [1, 2, 8])
def test_an_unreadable_partner_changes_no_other_reward(partners):
    rules = RewardRules(partners=partners)
    ((users, items),) = grade(
        CompletionGroup(EXAMPLE, (sampled(USER, "1", "3"), sampled(ITEM, "0", "0.5"))), rules=rules
    )
    ((with_bad, others),) = grade(
        CompletionGroup(EXAMPLE, (sampled(USER, "1", "no tags", "3"), sampled(ITEM, "0", "0.5"))), rules=rules
    )
    assert [with_bad[0].reward, with_bad[2].reward] == rewards_of(users)
    assert rewards_of(others) == rewards_of(items)
    assert with_bad[1].reward == -1.0


def test_an_unreadable_completion_without_a_reward_is_left_out():
    group = CompletionGroup(EXAMPLE, (sampled(USER, "bad", "2"),))
    ((completions,),) = grade(group, rules=RewardRules(unreadable=None))
    assert rewards_of(completions) == [None, 2.0]


def test_without_a_readable_partner_there_is_no_reward():
    ((users, items),) = grade(CompletionGroup(EXAMPLE, (sampled(USER, "1", "2"), sampled(ITEM, "bad", "worse"))))
    assert rewards_of(users) == [None, None]
    assert rewards_of(items) == [-1.0, -1.0]


def test_with_an_unreadable_fixed_profile_there_is_no_reward():
    ((users,),) = grade(CompletionGroup(EXAMPLE, (sampled(USER, "1", "bad"),), Profiles(failed="unreadable")))
    assert rewards_of(users) == [None, -1.0]


def test_a_fixed_profile_is_scored_with_every_completion():
    fixed = Profiles(item=Profile("item", "10"))
    ((users,),) = grade(CompletionGroup(EXAMPLE, (sampled(USER, "1", "2"),), fixed))
    assert rewards_of(users) == [11.0, 12.0]


def test_a_reward_on_the_text_is_that_of_the_completions_own_side():
    group = CompletionGroup(EXAMPLE, (sampled(USER, "1111", "2"), sampled(ITEM, "3", "4")))
    ((users, items),) = grade(group, rewards=[(Length(), 1.0)])
    assert rewards_of(users) == [4.0, 1.0]
    assert rewards_of(items) == [1.0, 1.0]


def test_equal_cases_are_scored_once():
    scorer = Adding()
    grader = CompletionGrader(Numbers(), scorer, None, [(Value(), 1.0)], RewardRules())
    grader([CompletionGroup(EXAMPLE, (sampled(USER, "1", "1", "1"), sampled(ITEM, "2", "2", "2")))])
    assert len(scorer.scored) == grader.n_scored == 1
    assert grader.n_reused == 9 * 2 - 1


def test_cases_with_the_same_user_profile_are_adjacent():
    scorer = Adding()
    group = CompletionGroup(EXAMPLE, (sampled(USER, "2", "1"), sampled(ITEM, "5", "3")))
    CompletionGrader(Numbers(), scorer, None, [(Value(), 1.0)], RewardRules())([group])
    assert [pair.user.text for pair in scorer.scored if pair.user] == ["1", "1", "2", "2"]


def test_groups_do_not_mix():
    other = Example(replace(REQUEST, request_id="train:2"), 1.0)
    first, second = grade(
        CompletionGroup(EXAMPLE, (sampled(USER, "1"),)), CompletionGroup(other, (sampled(USER, "2"),))
    )
    assert rewards_of(first[0]) == [1.0]
    assert rewards_of(second[0]) == [2.0]


def test_an_unusable_completion_keeps_its_status():
    completions = PromptCompletions(USER, (Completion("", "empty"), Completion("1", "truncated")))
    ((graded,),) = grade(CompletionGroup(EXAMPLE, (completions,)))
    assert [completion.status for completion in graded] == ["empty", "truncated"]


def test_weighted_rewards_add_up_and_inapplicable_ones_are_left_out():
    rollouts = [
        Rollout(EXAMPLE, "abc", Profiles(), Prediction(2.0)),
        Rollout(EXAMPLE, "abc", Profiles(), Prediction(None, "unreadable", "rating")),
    ]
    assert weighted_rewards([(Value(), 2.0), (Length(), 0.5)], rollouts) == [5.5, 1.5]
    assert weighted_rewards([(Value(), 2.0)], rollouts) == [4.0, None]


def test_an_unreadable_rating_may_have_a_reward_of_its_own():
    class Silent(Adding):
        def score(self, requests, profiles, engine):
            return [Prediction(None, "unreadable", "rating") for _ in requests]

    def reward(rules: RewardRules) -> float | None:
        grader = CompletionGrader(Numbers(), Silent(), None, [(Value(), 1.0)], rules)
        (((completion,),),) = grader([CompletionGroup(EXAMPLE, (sampled(USER, "1"),))])
        return completion.reward

    assert reward(RewardRules()) is None
    assert reward(RewardRules(unscored=-1.0)) == -1.0


class Unreliable(Adding):
    """The call for the profile 1 fails, the answer for the profile 2 is unreadable."""

    def score(self, requests, profiles, engine):
        failures = {
            "1": Prediction(None, "error", "rating", "HTTP 503"),
            "2": Prediction(None, "unreadable", "rating", "no idea"),
        }
        return [failures.get(pair.user.text, Prediction(3.0)) for pair in profiles]


def test_a_failed_call_has_no_reward_and_is_counted_apart_from_an_unreadable_rating():
    rules = RewardRules(unscored=-1.0)
    grader = CompletionGrader(Numbers(), Unreliable(), None, [(Length(), 1.0)], rules)
    (((completions),),) = grader([CompletionGroup(EXAMPLE, (sampled(USER, "1", "2", "3", "bad"),))])
    assert rewards_of(completions) == [None, -1.0, 1.0, 3.0]
    assert grader.failures == ScoringFailures(failed_calls=1, unreadable_ratings=1)


def test_a_failed_call_is_left_out_of_the_marginal_means():
    grader = CompletionGrader(Numbers(), Unreliable(), None, [(Value(), 1.0)], DEFAULT)
    ((users, items),) = grader([CompletionGroup(EXAMPLE, (sampled(USER, "1", "3", "4"), sampled(ITEM, "0")))])
    assert rewards_of(users) == [None, 3.0, 3.0]
    assert rewards_of(items) == [3.0]
