"""No control brings text of the target or of later rows into a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from duetbench.controls import duetbench_register_controls
from duetbench.data import HistoryOptions, Prepared, build_examples, prepare
from duetbench.data.leakage import LoggedPrompt, canary_probe, check_prompts, future_probe
from duetbench.data.leakage.probes import ObservedText
from duetbench.datasets.toy import Toy
from duetbench.interfaces import Control, ControlContext, ControlledInput, Strategy
from duetbench.profiling import write_profiles
from duetbench.scorers.rating_text import RatingText
from duetbench.strategies.duet import Duet
from duetbench.testing import DummyEngine
from duetbench.types import Profile, Profiles, Prompt, Request, Sampling

CONTROLS = [control() for control in duetbench_register_controls()]
OPTIONS = [HistoryOptions(), HistoryOptions(source="prequential", tie="stable")]


class QuotingEngine(DummyEngine):
    """Quotes the end of its prompt's history in each profile: the worst that a writer can do."""

    def answer(self, prompt: Prompt, draw: Any) -> str:
        text = " ".join(prompt.messages[-1].content.replace("<", " ").split("oldest first")[-1].split()[:60])
        side = "user" if prompt.side == "user" else "item"
        return f"<{side}_profile><cue>a</cue><constructed_prompt>b</constructed_prompt><profile>{text}</profile>"


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(Toy(Toy.Config(users=40, items=20, interactions=600)), cache=tmp_path_factory.mktemp("data"))


def controlled(control: Control, requests: Sequence[Request]) -> list[Prompt]:
    """The scorer's prompts under the control, for a writer that quotes its prompt."""
    strategy: Strategy = Duet(Duet.Config(joint="cross"))
    written = write_profiles(strategy, requests, QuotingEngine(), Sampling()).profiles
    if control.needs in ("nothing", "window"):
        written = [Profiles() for _ in requests]
    plain = RatingText()
    read = RatingText(replace(plain.config, **control.scorer_options(strategy, plain)))
    context = ControlContext(strategy, read, plain, 0, lambda text: len(text.split()))
    result = control.apply(requests, written, context)
    return read.prompts(result.requests, result.profiles)


def text_of(prompt: Prompt) -> str:
    return "\n".join(turn.content for turn in prompt.messages)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: options.source)
@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_no_word_of_a_held_out_or_later_review(toy: Prepared, control: Control, options: HistoryOptions) -> None:
    def collect(requests: Sequence[Request]) -> list[ObservedText]:
        if len({each.item.item_id for each in requests}) < 3:
            return []  # too few partners; the other cuts have more
        return [ObservedText(text_of(prompt), prompt.for_requests) for prompt in controlled(control, requests)]

    assert canary_probe(toy, options, "test", collect, limit=20) == []
    assert future_probe(toy, options, "test", collect, limit=20) == []


@pytest.mark.parametrize("name", ["raw_evidence", "raw_evidence_full", "averages_only", "no_profile"])
def test_the_prompt_check_finds_nothing(toy: Prepared, name: str) -> None:
    assert check_prompts(toy, logged(toy, next(each for each in CONTROLS if each.name == name)), OPTIONS[0]) == []


def test_the_prompt_check_finds_a_control_that_shows_the_target(toy: Prepared) -> None:
    """The test above does not pass for lack of evidence."""

    class Cheat(Control):
        name = "cheat"

        def apply(
            self, requests: Sequence[Request], profiles: Sequence[Profiles], context: ControlContext
        ) -> ControlledInput:
            texts = dict(zip(toy.interactions["row"], toy.interactions["review"], strict=True))
            rows = [int(each.request_id.split(":")[1]) for each in requests]
            return ControlledInput(requests, [Profiles(Profile("user", texts[row])) for row in rows])

    assert {finding.guard for finding in check_prompts(toy, logged(toy, Cheat()), OPTIONS[0])} >= {"target_text"}


def logged(toy: Prepared, control: Control) -> list[LoggedPrompt]:
    requests = [example.request for example in build_examples(toy, "test", OPTIONS[0], limit=40)]
    ids = [each.request_id for each in requests]
    return [
        LoggedPrompt("test", text_of(prompt), tuple(ids[position] for position in prompt.for_requests), prompt.key)
        for prompt in controlled(control, requests)
    ]
