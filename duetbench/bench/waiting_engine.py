"""A plugin file with an engine that computes nothing and takes a given time, as a model on an accelerator does."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from duetbench.hookspecs import hookimpl
from duetbench.interfaces import Engine, option
from duetbench.testing.dummy import DummyEngine
from duetbench.types import Completion, LabelLogprobs, Prompt, Sampling


class WaitingEngine(DummyEngine):
    """The answers of the dummy engine after a pause, in which other threads can run."""

    name = "waiting"
    summary = "synthetic answers after a pause"

    @dataclass(frozen=True)
    class Config:
        ms: float = option(10.0, "milliseconds per request", ge=0)

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        time.sleep(len(prompts) * self.config.ms / 1000)
        return super().generate(prompts, sampling)

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        time.sleep(len(prompts) * self.config.ms / 1000)
        return super().label_logprobs(prompts, answer_prefix, labels)


@hookimpl
def duetbench_register_engines() -> list[type[Engine]]:
    return [WaitingEngine]
