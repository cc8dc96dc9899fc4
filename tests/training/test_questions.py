"""The prompts of training examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from tiny_world import Tiny, examples

from duetbench.errors import ConfigError, TrainingError
from duetbench.interfaces import Stage, Strategy
from duetbench.prompts import prompt_key
from duetbench.testing.dummy import DummyEngine
from duetbench.training.grpo.rollout import rollout_keys, rollout_seed
from duetbench.training.questions import TrainingQuestion, resolve_credit_mode, trained_stage, training_questions
from duetbench.types import Message, Profile, Prompt, Request


class Notes(Stage):
    """One note per user; readable for all but the first."""

    name = "notes"

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        return [_prompt(f"note {request.user_id}", "item", n) for n, request in enumerate(requests)]

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        return None if prompt.messages[0].content.endswith(" 0") else [Profile("item", "noted")]


class Last(Stage):
    """One prompt per request that contains the number of readable notes."""

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        return [_prompt(f"{request.user_id} {len(earlier)}", "user", n) for n, request in enumerate(requests)]

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        return [Profile("user", text)]


def _prompt(text: str, side: str, n: int) -> Prompt:
    messages = (Message("user", text),)
    return Prompt(prompt_key(messages), side, messages, (n,))  # type: ignore[arg-type]


class TwoStages(Strategy):
    name = "two"

    def stages(self) -> tuple[Stage, ...]:
        return Notes(), Last()


class Nothing(Strategy):
    name = "nothing"

    def stages(self) -> tuple[Stage, ...]:
        return ()


def questions(joint: str) -> list[TrainingQuestion]:
    return training_questions(Tiny(Tiny.Config(joint)), examples("train", 3), DummyEngine()).questions


def test_paired_has_one_prompt_per_example():
    assert [len(question.prompts) for question in questions("paired")] == [1, 1, 1]


def test_with_separate_sides_the_users_prompt_comes_first():
    assert [prompt.side for prompt in questions("cross")[1].prompts] == ["user", "item"]


def test_earlier_stages_run_once_and_their_profiles_are_fixed():
    kept, n_skipped = training_questions(TwoStages(), examples("train", 3), DummyEngine())
    assert n_skipped == 1
    notes = [question.fixed_profiles.item for question in kept]
    assert [note.text for note in notes if note] == ["noted", "noted"]
    assert kept[0].prompts[0].messages[0].content == "user 1 2"


def test_a_strategy_that_writes_nothing_cannot_be_trained():
    with pytest.raises(TrainingError, match="writes no profile"):
        trained_stage(Nothing())


def test_auto_follows_the_prompts():
    assert resolve_credit_mode("auto", questions("paired"), Tiny()) == "paired"
    assert resolve_credit_mode("auto", questions("cross"), Tiny()) == "cross"
    assert resolve_credit_mode("item", questions("cross"), Tiny()) == "item"


@pytest.mark.parametrize(("mode", "joint"), [("cross", "paired"), ("alternate", "paired"), ("paired", "cross")])
def test_a_mode_that_does_not_fit_the_prompts_is_an_error(mode, joint):
    with pytest.raises(ConfigError, match=f"credit {mode}"):
        resolve_credit_mode(mode, questions(joint), Tiny())


def test_too_many_prompts_for_one_pair_are_an_error():
    class ThreePrompts(Last):
        def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
            return [_prompt(f"{n}", "user", 0) for n in range(3)]

    class Unsupported(Nothing):
        def stages(self) -> tuple[Stage, ...]:
            return (ThreePrompts(),)

    with pytest.raises(ConfigError, match="several prompts"):
        training_questions(Unsupported(), examples("train", 1), DummyEngine())


def test_the_prompts_of_a_round_by_mode():
    assert rollout_keys([4, 7], "paired", 0, 1) == ["4:0", "7:0"]
    assert rollout_keys([4, 7], "cross", 0, 1) == ["4:0", "4:1", "7:0", "7:1"]
    assert rollout_keys([4], "user", 3, 1) == ["4:0"]
    assert rollout_keys([4], "item", 3, 1) == ["4:1"]


def test_alternating_switches_to_the_other_side():
    assert [rollout_keys([0], "alternate", n, 2)[0] for n in range(6)] == ["0:0", "0:0", "0:1", "0:1", "0:0", "0:0"]


def test_every_round_has_its_own_seed():
    seeds = {rollout_seed(seed, step) for seed in range(3) for step in range(5)}
    assert len(seeds) == 15
    assert rollout_seed(1, 2) == rollout_seed(1, 2)
