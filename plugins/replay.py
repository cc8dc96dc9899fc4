"""An engine without a model: it replays saved answers, looked up by prompt key."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duetbench.documents.json_text import parse_json
from duetbench.errors import DocumentError, EngineError
from duetbench.hookspecs import hookimpl
from duetbench.interfaces import Engine, option
from duetbench.types import Completion, EngineInfo, LabelLogprobs, ModelRef, Prompt, Sampling


class Replay(Engine):
    """Reads a JSONL file with `key` and `text` per line: answers from annotators, or from a service without an API."""

    name = "replay"
    summary = "saved answers from a file, looked up by prompt key"

    @dataclass(frozen=True)
    class Config:
        file: str | None = option(None, "JSONL file with `key` and `text` per line; none: no answers")

    def __init__(self, config: Any = None, *, model: ModelRef) -> None:
        super().__init__(config, model=model)
        content = Path(self.config.file).read_bytes() if self.config.file else b""
        self._digest = hashlib.sha256(content).hexdigest()
        try:
            lines = [parse_json(line, name=self.config.file) for line in content.splitlines() if line.strip()]
            self._answers = {str(line["key"]): str(line["text"]) for line in lines}
        except (DocumentError, KeyError, TypeError) as error:
            raise EngineError(f"{self.config.file}: every line must have `key` and `text` ({error!r})") from error

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """The saved answers; a prompt without one has status `error`."""
        return [self._completion(prompt, sampling) for prompt in prompts]

    def _completion(self, prompt: Prompt, sampling: Sampling) -> Completion:
        if prompt.key not in self._answers:
            return Completion("", "error", error=f"no answer for prompt {prompt.key} in {self.config.file}")
        text = self._answers[prompt.key]
        ends = [end for stop in sampling.stop if (end := text.find(stop)) >= 0]
        text = text[: min(ends, default=None)]
        return Completion(prompt.prefill + text, "ok" if text.strip() else "empty")

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        """Status `error`: the file has no probabilities."""
        return [LabelLogprobs((), "error", error="saved answers have no probabilities") for _ in prompts]

    def info(self) -> EngineInfo:
        """The version is the file's digest, so that other answers have other entries in the request store."""
        versions = {"answers": self._digest}
        return EngineInfo(self.name, versions, self.model, "none", "", 1_000_000, labels="text_only")


@hookimpl
def duetbench_register_engines() -> list[type[Engine]]:
    return [Replay]
