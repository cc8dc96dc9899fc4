"""Stand-ins for tests of grids: a dataset in memory, an engine that logs and can be slow, parts that fail."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from duetbench.errors import EngineError
from duetbench.hookspecs import hookimpl
from duetbench.interfaces import (
    Dataset,
    Engine,
    PolicyOptions,
    Scorer,
    Stage,
    Strategy,
    Tables,
    Trainer,
    TrainingJob,
    option,
)
from duetbench.prompts import unique_prompts
from duetbench.testing.dummy import DummyEngine
from duetbench.types import (
    Completion,
    Domain,
    LabelLogprobs,
    Message,
    ModelRef,
    Prediction,
    Profile,
    Profiles,
    Prompt,
    Request,
    Sampling,
    Side,
)


def note(path: str | None, lines: Sequence[str]) -> None:
    """Adds lines to a log that several processes share."""
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write("".join(f"{os.getpid()} {line}\n" for line in lines))


class Tiny(Dataset):
    name = "tiny"
    summary = "a hundred ratings in memory"

    @dataclass(frozen=True)
    class Config:
        users: int = option(12, "how many")

    def domain(self) -> Domain:
        return Domain("album", "albums")

    def raw_files(self, folder: Path) -> dict[str, Path]:
        return {}

    def default_folder(self) -> Path:
        return Path()

    def read(self, files: Mapping[str, Path]) -> Tables:
        import polars as pl

        rng = Random(0)
        pairs = [(user, item) for user in range(self.config.users) for item in range(9)]
        rng.shuffle(pairs)
        rows = {
            "user_id": [f"u{user}" for user, _ in pairs],
            "item_id": [f"i{item}" for _, item in pairs],
            "rating": [float(rng.randint(1, 5)) for _ in pairs],
            "timestamp": [1_300_000_000 + 86_400 * n for n in range(len(pairs))],
            "review": [f"It is {rng.choice(('fine', 'poor', 'grand'))}." for _ in pairs],
            "summary": ["" for _ in pairs],
        }
        items = {
            "item_id": [f"i{n}" for n in range(9)],
            "title": [f"Album {n}" for n in range(9)],
            "categories": [["jazz"] for _ in range(9)],
            "description": ["" for _ in range(9)],
        }
        return Tables(pl.DataFrame(rows), pl.DataFrame(items))


class Logging(DummyEngine):
    name = "logging"
    summary = "the dummy, with a log of what it is asked"

    @dataclass(frozen=True)
    class Config:
        log: str | None = option(None, "file that gets one line per computed prompt")
        pause: float = option(0.0, "seconds per batch")
        dead: bool = option(False, "never answer")
        answer: str | None = option(None, "the text of every completion; none: a well-formed one")
        rejects: bool = option(False, "reject every prompt")

    def __init__(self, config: Any = None, *, model: ModelRef) -> None:
        super().__init__(config, model=model)
        # Tests of killed runs set these in addition to the options, which are part of the cell.
        self._log = self.config.log or os.environ.get("GRID_LOG")
        self._pause = float(os.environ.get("GRID_PAUSE", self.config.pause))
        note(self._log, ["loaded"])

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        self._work("text", prompts)
        if self.config.rejects:
            return [Completion(prompt.prefill, "error", error="the server answered 400: no") for prompt in prompts]
        if self.config.answer is not None:
            return [Completion(self.config.answer) for _ in prompts]
        return super().generate(prompts, sampling)

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        self._work("labels", prompts)
        if self.config.rejects:
            return [LabelLogprobs((), "error", error="the server answered 400: no") for _ in prompts]
        return super().label_logprobs(prompts, answer_prefix, labels)

    def batches(self, prompts: Sequence[Prompt], max_tokens: int) -> list[list[int]]:
        return [list(range(start, min(start + 2, len(prompts)))) for start in range(0, len(prompts), 2)]

    def _work(self, verb: str, prompts: Sequence[Prompt]) -> None:
        if self.config.dead:
            raise EngineError("the server at nowhere does not answer: start it")
        time.sleep(self._pause)
        note(self._log, [f"{verb} {prompt.key}" for prompt in prompts])


class Broken(Strategy):
    name = "broken"
    summary = "has a bug"

    def stages(self) -> tuple[Stage, ...]:
        return (BrokenStage(),)


class BrokenStage(Stage):
    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        raise ZeroDivisionError("a third-party bug")

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        return None


class Picky(Strategy):
    name = "picky"
    summary = "reads the profiles of some users"

    @dataclass(frozen=True)
    class Config:
        readable: int = option(0, "number of users whose profiles are readable", ge=0)

    def stages(self) -> tuple[Stage, ...]:
        return (PickyStage(self.config.readable),)

    def writes(self) -> tuple[Side, ...]:
        return ("user",)


class PickyStage(Stage):
    def __init__(self, readable: int) -> None:
        self._readable = {f"u{n}" for n in range(readable)}

    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        texts = [(Message("user", f"Describe the user {request.user_id}"),) for request in requests]
        return unique_prompts("user", enumerate(texts))

    def parse(self, prompt: Prompt, text: str) -> list[Profile] | None:
        is_readable = prompt.messages[0].content.split()[-1] in self._readable
        return [Profile("user", "A person of taste.")] if is_readable else None


class Leaving(Strategy):
    name = "leaving"
    summary = "ends the process"

    def stages(self) -> tuple[Stage, ...]:
        return (LeavingStage(),)


class LeavingStage(BrokenStage):
    def prompts(self, requests: Sequence[Request], earlier: Mapping[str, Sequence[Profile]]) -> list[Prompt]:
        sys.exit("no GPU")


class Short(Scorer):
    name = "short"
    summary = "forgets the last request"

    def score(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Engine | None
    ) -> list[Prediction]:
        return [Prediction(3.0) for _ in requests[1:]]


class LocalTrainer(Trainer):
    name = "local_trainer"
    summary = "trains nothing on the options of engine transformers, and logs those"
    policy_options = PolicyOptions("transformers", ("device", "batch_tokens"))

    @dataclass(frozen=True)
    class Config:
        log: str | None = option(None, "file that gets a line per training")

    def fit(self, job: TrainingJob) -> ModelRef:
        note(self.config.log, [f"policy {job.policy_config}"])
        return job.model


class Counting(Trainer):
    name = "counting"
    uses_monitor_scorer = True
    summary = "trains nothing and logs that"

    @dataclass(frozen=True)
    class Config:
        log: str | None = option(None, "file that gets a line per training")

    def fit(self, job: TrainingJob) -> ModelRef:
        ratings = [row.rating for row in (*job.train, *job.valid)]
        rows = [row.request.request_id for row in (*job.train, *job.valid)]
        note(self.config.log, [f"trained {job.strategy.name} {len(job.train)} {len(job.valid)} {job.seed}"])
        note(self.config.log, [f"rows {rows}", f"ratings {ratings}", f"budget {job.token_budget}"])
        (job.workdir / "budget.json").write_text('{"steps": 7, "tokens": 70}')
        (job.workdir / "settings.json").write_text('{"precision": "fp32"}')
        return job.model


@hookimpl
def duetbench_register_datasets() -> list[type[Dataset]]:
    return [Tiny]


@hookimpl
def duetbench_register_engines() -> list[type[Engine]]:
    return [Logging]


@hookimpl
def duetbench_register_strategies() -> list[type[Strategy]]:
    return [Broken, Picky, Leaving]


@hookimpl
def duetbench_register_scorers() -> list[type[Scorer]]:
    return [Short]


@hookimpl
def duetbench_register_trainers() -> list[type[Trainer]]:
    return [Counting, LocalTrainer]
