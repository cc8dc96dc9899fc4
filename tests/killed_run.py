"""A run that says when each batch begins, and waits at one of them to be killed.

Arguments: model folder, store file, number of the batch (from 0) at which it waits.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from duetbench.engines.store.stored_engine import RequestStore, StoredEngine
from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.models import resolve
from duetbench.prompts import prompt_key
from duetbench.types import Completion, LabelLogprobs, Message, Prompt, Sampling

SAMPLING = Sampling(temperature=0.8, max_tokens=8, is_slot=True)
LABELS = ("1", "2", "3", "4", "5")


class Waiting(TransformersEngine):
    """Counts batches."""

    batches_begun = 0
    wait_at = -1

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        self._begin()
        return super().generate(prompts, sampling)

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        self._begin()
        return super().label_logprobs(prompts, answer_prefix, labels)

    def _begin(self) -> None:
        print(f"batch {self.batches_begun}", flush=True)
        if self.batches_begun == self.wait_at:
            time.sleep(600)
        self.batches_begun += 1


def run(folder: Path, store: Path, wait_at: int) -> tuple[StoredEngine, list[str], list[tuple[float, ...]]]:
    """Texts and readings of the whole run."""
    inner = Waiting(Waiting.Config(batch_tokens=200), model=resolve(f"path:{folder}"))
    inner.wait_at = wait_at
    engine = StoredEngine(inner, RequestStore(store))
    written = engine.generate(prompts(), SAMPLING)
    read = engine.label_logprobs(prompts(), "Rating: ", LABELS)
    return engine, [one.text for one in written], [one.logprobs for one in read]


def prompts() -> list[Prompt]:
    """Two dozen, of several lengths."""
    turns = [(Message("user", f"{number} " + "some people like jazz " * (number % 7)),) for number in range(24)]
    return [Prompt(prompt_key(messages), "user", messages, (0,)) for messages in turns]


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
