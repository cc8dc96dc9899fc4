"""The speed at which models ran on this machine, kept from run to run, so that the time of a plan can be estimated."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from duetbench.atomic import write_json
from duetbench.documents.json_text import load_json
from duetbench.errors import DocumentError
from duetbench.paths import cache_dir
from duetbench.runner.estimating.estimate import ModelWork, estimate
from duetbench.runner.metering import ComputedWork
from duetbench.runner.planning.plan import Plan

MIN_SECONDS = 0.5
"""Shorter measurements are not kept: starting up is a large part of them."""

_QUICK_SAMPLE = 200
"""Number of requests that are rendered before a run: a small part of its time."""


@dataclass
class KnownSpeeds:
    """Tokens per second, prompts and completions together, by model, engine, phase and machine."""

    rates: dict[str, float]

    @classmethod
    def load(cls) -> KnownSpeeds:
        """Those of earlier runs; empty if there are none."""
        with contextlib.suppress(OSError, DocumentError):
            content = load_json(cache_dir("speeds.json"))
            if isinstance(content, dict):
                return cls({key: float(rate) for key, rate in content.items() if isinstance(rate, int | float)})
        return cls({})

    def has(self, model: str, engine: str) -> bool:
        """Whether the model has written ratings on this machine before."""
        return _key(model, engine, "ratings") in self.rates

    def seconds(self, work: Iterable[ModelWork]) -> float | None:
        """Time that some work takes; None if a model of it has not been measured on this machine."""
        total = 0.0
        for part in work:
            rate = self.rates.get(_key(part.model, part.engine, part.phase))
            if rate is None or rate <= 0:
                return None
            total += (part.prompt_tokens + part.completion_tokens) / rate
        return total

    def update(self, measured: Mapping[tuple[str, str, str], ComputedWork]) -> None:
        """Keeps what a run has measured, in place of earlier values.

        Args:
            measured: By model, engine and phase.
        """
        new = {
            _key(*name): work.tokens / work.seconds
            for name, work in measured.items()
            if work.seconds >= MIN_SECONDS and work.tokens
        }
        if new:
            self.rates |= new
            with contextlib.suppress(OSError):  # without the file, the next plan shows no time
                write_json(cache_dir("speeds.json"), self.rates)


def estimated_seconds(plan: Plan, folder: Path, speeds: KnownSpeeds) -> float | None:
    """Time that engines need for the unfinished cells of a plan, from few requests.

    None if a speed is not known, or if a plugin cannot render its prompts: that is the failure of its cells.
    """
    used = {(cell.writing.model.name, cell.writing.engine.name) for cell in plan.cells if cell.writing}
    if not used or not all(speeds.has(*names) for names in used):
        return None
    try:
        work = estimate(plan, folder, sample=_QUICK_SAMPLE).work
    except Exception:
        return None
    return speeds.seconds(work)


def _key(model: str, engine: str, phase: str) -> str:
    return f"{platform.node()} {engine} {model} {phase}"
