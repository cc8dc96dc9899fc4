"""What completions earn, with a strategy, a scorer and rewards that are made up."""

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
    """A profile is a number; anything else cannot be read."""

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        raise NotImplementedError

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        return [Profile(prompt.side, text)] if text.replace(".", "").replace("-", "").isdigit() else None


class Adding(Scorer):
    """Predicts the sum of the numbers; counts what it is asked."""

    name = "adding"

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Profiles] = []

    def score(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Engine | None
    ) -> list[Prediction]:
        self.asked += profiles
        return [Prediction(sum(float(side.text) for side in (one.user, one.item) if side)) for one in profiles]


class Value(Reward):
    """The prediction itself."""

    name = "value"

    def __call__(self, rollouts: Sequence[Rollout]) -> list[float | None]:
        return [rollout.prediction.value for rollout in rollouts]


class Length(Reward):
    """The completion's own length."""

    name = "length"

    def __call__(self, rollouts: Sequence[Rollout]) -> list[float | None]:
        return [float(len(rollout.completion)) for rollout in rollouts]


def asked(prompt: Prompt, *texts: str) -> PromptCompletions:
    return PromptCompletions(prompt, tuple(Completion(text) for text in texts))


def grade(
    *groups: CompletionGroup, credit: RewardRules = DEFAULT, rewards: Sequence[tuple[Reward, float]] = ()
) -> list[list[list[GradedCompletion]]]:
    return CompletionGrader(Numbers(), Adding(), None, rewards or [(Value(), 1.0)], credit)(groups)


def rewards_of(graded: Sequence[GradedCompletion]) -> list[float | None]:
    return [one.reward for one in graded]


def test_a_single_question_earns_its_own_reward():
    ((found,),) = grade(CompletionGroup(EXAMPLE, (asked(USER, "1", "2"),)))
    assert rewards_of(found) == [1.0, 2.0]


def test_crossing_gives_each_side_its_marginal_mean():
    ((users, items),) = grade(CompletionGroup(EXAMPLE, (asked(USER, "1", "3"), asked(ITEM, "0", "0.5"))))
    assert rewards_of(users) == pytest.approx([1.25, 3.25])
    assert rewards_of(items) == pytest.approx([2.0, 2.5])


def test_permuting_partners_changes_no_credit_at_full_crossing():
    ((users, _),) = grade(CompletionGroup(EXAMPLE, (asked(USER, "1", "3", "2"), asked(ITEM, "0", "0.5", "7"))))
    ((again, _),) = grade(CompletionGroup(EXAMPLE, (asked(USER, "1", "3", "2"), asked(ITEM, "7", "0", "0.5"))))
    assert rewards_of(again) == pytest.approx(rewards_of(users))


@pytest.mark.parametrize("partners", [1, 2, 8])
def test_a_malformed_partner_changes_nobody_else(partners):
    credit = RewardRules(partners=partners)
    ((users, items),) = grade(CompletionGroup(EXAMPLE, (asked(USER, "1", "3"), asked(ITEM, "0", "0.5"))), credit=credit)
    ((with_bad, others),) = grade(
        CompletionGroup(EXAMPLE, (asked(USER, "1", "no tags", "3"), asked(ITEM, "0", "0.5"))), credit=credit
    )
    assert [with_bad[0].reward, with_bad[2].reward] == rewards_of(users)
    assert rewards_of(others) == rewards_of(items)
    assert with_bad[1].reward == -1.0


def test_a_malformed_completion_is_left_out_if_nothing_says_otherwise():
    ((found,),) = grade(CompletionGroup(EXAMPLE, (asked(USER, "bad", "2"),)), credit=RewardRules(unreadable=None))
    assert rewards_of(found) == [None, 2.0]


def test_without_a_readable_partner_nothing_can_be_said():
    ((users, items),) = grade(CompletionGroup(EXAMPLE, (asked(USER, "1", "2"), asked(ITEM, "bad", "worse"))))
    assert rewards_of(users) == [None, None]
    assert rewards_of(items) == [-1.0, -1.0]


def test_an_unreadable_given_side_judges_nobody():
    ((found,),) = grade(CompletionGroup(EXAMPLE, (asked(USER, "1", "bad"),), Profiles(failed="unreadable")))
    assert rewards_of(found) == [None, -1.0]


def test_a_given_side_takes_part_in_every_meeting():
    ((found,),) = grade(CompletionGroup(EXAMPLE, (asked(USER, "1", "2"),), Profiles(item=Profile("item", "10"))))
    assert rewards_of(found) == [11.0, 12.0]


def test_a_reward_on_the_text_is_paid_by_its_own_side():
    group = CompletionGroup(EXAMPLE, (asked(USER, "1111", "2"), asked(ITEM, "3", "4")))
    ((users, items),) = grade(group, rewards=[(Length(), 1.0)])
    assert rewards_of(users) == [4.0, 1.0]
    assert rewards_of(items) == [1.0, 1.0]


def test_equal_questions_are_asked_once():
    scorer = Adding()
    graded = CompletionGrader(Numbers(), scorer, None, [(Value(), 1.0)], RewardRules())
    graded([CompletionGroup(EXAMPLE, (asked(USER, "1", "1", "1"), asked(ITEM, "2", "2", "2")))])
    assert len(scorer.asked) == graded.scored == 1
    assert graded.shared == 9 * 2 - 1


def test_questions_about_one_user_stand_side_by_side():
    scorer = Adding()
    group = CompletionGroup(EXAMPLE, (asked(USER, "2", "1"), asked(ITEM, "5", "3")))
    CompletionGrader(Numbers(), scorer, None, [(Value(), 1.0)], RewardRules())([group])
    assert [one.user.text for one in scorer.asked if one.user] == ["1", "1", "2", "2"]


def test_groups_do_not_mix():
    other = Example(replace(REQUEST, request_id="train:2"), 1.0)
    first, second = grade(CompletionGroup(EXAMPLE, (asked(USER, "1"),)), CompletionGroup(other, (asked(USER, "2"),)))
    assert rewards_of(first[0]) == [1.0]
    assert rewards_of(second[0]) == [2.0]


def test_a_refused_completion_says_why():
    ((found,),) = grade(
        CompletionGroup(EXAMPLE, (PromptCompletions(USER, (Completion("", "empty"), Completion("1", "truncated"))),))
    )
    assert [one.status for one in found] == ["empty", "truncated"]


def test_weights_add_up_and_what_does_not_apply_is_left_out():
    rollouts = [
        Rollout(EXAMPLE, "abc", Profiles(), Prediction(2.0)),
        Rollout(EXAMPLE, "abc", Profiles(), Prediction(None, "unreadable", "rating")),
    ]
    assert weighted_rewards([(Value(), 2.0), (Length(), 0.5)], rollouts) == [5.5, 1.5]
    assert weighted_rewards([(Value(), 2.0)], rollouts) == [4.0, None]


def test_a_rating_that_cannot_be_read_may_have_its_own_price():
    class Silent(Adding):
        def score(self, requests, profiles, engine):
            return [Prediction(None, "unreadable", "rating") for _ in requests]

    group = CompletionGroup(EXAMPLE, (asked(USER, "1"),))
    assert CompletionGrader(Numbers(), Silent(), None, [(Value(), 1.0)], RewardRules())([group])[0][0][0].reward is None
    assert (
        CompletionGrader(Numbers(), Silent(), None, [(Value(), 1.0)], RewardRules(unscored=-1.0))([group])[0][0][
            0
        ].reward
        == -1.0
    )
