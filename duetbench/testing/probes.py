"""Runs a strategy without a model and records its prompts and profiles, for the leakage probes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from duetbench.errors import DataError
from duetbench.interfaces import Control, ControlContext, Scorer, Strategy
from duetbench.profiling import write_profiles
from duetbench.testing.dummy import DummyEngine
from duetbench.types import Completion, Profiles, Prompt, Request, Sampling

if TYPE_CHECKING:
    from duetbench.data.leakage.probes import ObservedText, TextCollector


class RecordingEngine(DummyEngine):
    """A dummy engine that records every prompt that it receives."""

    name = "recording"

    def __init__(self) -> None:
        super().__init__()
        self.prompts: list[Prompt] = []

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        self.prompts += prompts
        return super().generate(prompts, sampling)


def prompt_probe(
    strategy: Strategy,
    scorer: Scorer | None = None,
    engine: RecordingEngine | None = None,
    controls: Sequence[Control] = (),
) -> TextCollector:
    """A function from requests to all prompts and profiles of the strategy, and the prompts of the scorer.

    Args:
        strategy: With its options.
        scorer: Its prompts are recorded too; None: no scorer.
        engine: Answers the prompts; None: a new one for each call.
        controls: The prompts of the scorer under each of these are recorded too. A control that finds no partners
            among the requests of a call has none there.
    """

    def collect(requests: Sequence[Request]) -> list[ObservedText]:
        from duetbench.data.leakage.probes import ObservedText

        recorder = engine or RecordingEngine()
        written = write_profiles(strategy, requests, recorder, Sampling())
        prompts = list(recorder.prompts)
        recorder.prompts.clear()
        profile_texts = [
            ObservedText(profile.text, (position,))
            for position, profiles in enumerate(written.profiles)
            for profile in (profiles.user, profiles.item, profiles.pair)
            if profile
        ]
        scorer_prompts = scorer.prompts(requests, written.profiles) if scorer else []
        if scorer:
            for control in controls:
                scorer_prompts += _controlled(control, strategy, scorer, requests, written.profiles)
        return [*map(_observed_text, prompts), *profile_texts, *map(_observed_text, scorer_prompts)]

    return collect


def _controlled(
    control: Control, strategy: Strategy, plain: Scorer, requests: Sequence[Request], profiles: Sequence[Profiles]
) -> list[Prompt]:
    """The prompts of the scorer under a control."""
    changed = replace(plain.config, **control.scorer_options(strategy, plain))
    scorer = type(plain)(changed)
    context = ControlContext(strategy, scorer, plain, 0, lambda text: len(text.split()))
    given = profiles if control.needs in ("profiles", "training") else [Profiles() for _ in requests]
    try:
        result = control.apply(requests, given, context)
    except DataError:  # too few users or items to exchange profiles
        return []
    return scorer.prompts(result.requests, result.profiles)


def _observed_text(prompt: Prompt) -> ObservedText:
    from duetbench.data.leakage.probes import ObservedText

    text = "\n".join([*(message.content for message in prompt.messages), prompt.prefill])
    return ObservedText(text, prompt.for_requests)
