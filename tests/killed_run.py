"""A run that prints when each batch begins, and sleeps in one of them to be killed.

Arguments: model folder, store file, number of the batch (from 0) in which it sleeps.
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


class SleepingEngine(TransformersEngine):
    """Counts batches and sleeps in one of them."""

    batches_begun = 0
    sleep_in = -1

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
        if self.batches_begun == self.sleep_in:
            time.sleep(600)
        self.batches_begun += 1


def run(folder: Path, store: Path, sleep_in: int) -> tuple[int, list[str], list[tuple[float, ...]]]:
    """The number of computed batches, and the texts and the labels' log-probabilities of the complete run."""
    inner = SleepingEngine(SleepingEngine.Config(batch_tokens=200), model=resolve(f"path:{folder}"))
    inner.sleep_in = sleep_in
    engine = StoredEngine(inner, RequestStore(store))
    completions = engine.generate(prompts(), SAMPLING)
    labels = engine.label_logprobs(prompts(), "Rating: ", LABELS)
    return inner.batches_begun, [each.text for each in completions], [each.logprobs for each in labels]


def prompts() -> list[Prompt]:
    """24 prompts of several lengths."""
    texts = [f"{number} " + "some people like jazz " * (number % 7) for number in range(24)]
    chats = [(Message("user", text),) for text in texts]
    return [Prompt(prompt_key(messages), "user", messages, (0,)) for messages in chats]


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
