"""An engine that logs every batch it computes, with its process, and takes some time for it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duetbench.hookspecs import hookimpl
from duetbench.interfaces import Engine, option
from duetbench.testing.dummy import DummyEngine
from duetbench.types import Completion, LabelLogprobs, ModelRef, Prompt, Sampling

BATCH = 4


class Slow(DummyEngine):
    name = "slow"
    summary = "the dummy, with a pause and a log of its batches"

    @dataclass(frozen=True)
    class Config:
        log: str = option("", "file that gets one line per computed batch")
        processes: str = option("", "folder that gets one file per process")
        pause: float = option(0.0, "seconds per batch")

    def __init__(self, config: Any = None, *, model: ModelRef) -> None:
        super().__init__(config, model=model)
        if self.config.processes:
            (Path(self.config.processes) / str(os.getpid())).touch()

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        self._work("text", prompts)
        return super().generate(prompts, sampling)

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        self._work("labels", prompts)
        return super().label_logprobs(prompts, answer_prefix, labels)

    def batches(self, prompts: Sequence[Prompt], max_tokens: int) -> list[list[int]]:
        n = len(prompts)
        return [list(range(start, min(start + BATCH, n))) for start in range(0, n, BATCH)]

    def _work(self, verb: str, prompts: Sequence[Prompt]) -> None:
        """Logs the batch when it begins: a batch whose worker is killed is in the log, too."""
        with open(self.config.log, "a", encoding="utf-8") as file:
            file.write(f"{verb} {prompts[0].key}\n")
        time.sleep(self.config.pause)


@hookimpl
def duetbench_register_engines() -> list[type[Engine]]:
    return [Slow]
