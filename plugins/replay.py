"""An engine without a model: answers that were written down before, by the key of their prompt."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duetbench.errors import EngineError
from duetbench.hookspecs import hookimpl
from duetbench.interfaces import Engine, option
from duetbench.types import Completion, EngineInfo, LabelLogprobs, ModelRef, Prompt, Sampling


class Replay(Engine):
    """Reads a JSONL file with `key` and `text` per line: answers by hand, or from a service without an interface."""

    name = "replay"
    summary = "answers from a file, by the key of their prompt"

    @dataclass(frozen=True)
    class Config:
        """Where the answers are."""

        file: str | None = option(None, "JSONL file with `key` and `text` per line; none: nothing is known")

    def __init__(self, config: Any = None, *, model: ModelRef) -> None:
        super().__init__(config, model=model)
        content = Path(self.config.file).read_bytes() if self.config.file else b""
        self._digest = hashlib.sha256(content).hexdigest()
        try:
            lines = [json.loads(line) for line in content.splitlines() if line.strip()]
            self._answers = {str(line["key"]): str(line["text"]) for line in lines}
        except (ValueError, KeyError, TypeError) as error:
            raise EngineError(f"{self.config.file}: every line wants a key and a text ({error!r})") from error

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """The answers known; a prompt without one ends in status `error`."""
        return [self._one(prompt, sampling) for prompt in prompts]

    def _one(self, prompt: Prompt, sampling: Sampling) -> Completion:
        if prompt.key not in self._answers:
            return Completion("", "error", error=f"no answer for prompt {prompt.key} in {self.config.file}")
        text = self._answers[prompt.key]
        ends = [end for stop in sampling.stop if (end := text.find(stop)) >= 0]
        text = text[: min(ends, default=None)]
        return Completion(prompt.prefill + text, "ok" if text.strip() else "empty")

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        """Nothing: a file of texts has no probabilities."""
        return [LabelLogprobs((), "error", error="a replay has no probabilities") for _ in prompts]

    def info(self) -> EngineInfo:
        """The file's digest stands for the version: other answers, other entries in the store."""
        versions = {"answers": self._digest}
        return EngineInfo(self.name, versions, self.model, "none", "", 1_000_000, labels="text_only")


@hookimpl
def duetbench_register_engines() -> list[type[Engine]]:
    """The engine of this file."""
    return [Replay]
