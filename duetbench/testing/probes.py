"""Runs a strategy without a model and keeps all that it shows: what the leakage probes need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from duetbench.interfaces import Scorer, Strategy
from duetbench.profiling import write_profiles
from duetbench.testing.dummy import DummyEngine
from duetbench.types import Completion, Prompt, Request, Sampling

if TYPE_CHECKING:
    from duetbench.data.leakage.probes import ObservedText, TextCollector


class RecordingEngine(DummyEngine):
    """A dummy that keeps every prompt that it is asked."""

    name = "listening"

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Prompt] = []

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """See the base class."""
        self.heard += prompts
        return super().generate(prompts, sampling)


def prompt_probe(
    strategy: Strategy, scorer: Scorer | None = None, engine: RecordingEngine | None = None
) -> TextCollector:
    """Runs the strategy, and the scorer behind it, on requests: all prompts and all profiles.

    Args:
        strategy: With its options.
        scorer: Its prompts are looked at too; None: none.
        engine: None: a new one for each run.
    """

    def ask(requests: Sequence[Request]) -> list[ObservedText]:
        from duetbench.data.leakage.probes import ObservedText

        listening = engine or RecordingEngine()
        written = write_profiles(strategy, requests, listening, Sampling())
        seen = [ObservedText(_text(prompt), prompt.for_requests) for prompt in listening.heard]
        listening.heard.clear()
        for position, profiles in enumerate(written.profiles):
            found = [profile.text for profile in (profiles.user, profiles.item, profiles.pair) if profile]
            seen += [ObservedText(text, (position,)) for text in found]
        if scorer is not None:
            seen += [
                ObservedText(_text(prompt), prompt.for_requests)
                for prompt in scorer.prompts(requests, written.profiles)
            ]
        return seen

    return ask


def _text(prompt: Prompt) -> str:
    return "\n".join([*(message.content for message in prompt.messages), prompt.prefill])
