"""The time of a plan, from the speed of earlier runs on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from duetbench.runner.estimating.estimate import ModelWork
from duetbench.runner.estimating.speed import KnownSpeeds, estimated_seconds
from duetbench.runner.metering import ComputedWork
from duetbench.runner.planning.plan import Plan

WORK = ModelWork("m", "e", "ratings", prompts=10, prompt_tokens=900, completion_tokens=100)
NAME = ("m", "e", "ratings")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUETBENCH_CACHE", str(tmp_path))


def test_the_time_is_tokens_by_speed() -> None:
    KnownSpeeds.load().update({NAME: ComputedWork(seconds=2.0, requests=5, tokens=400)})
    assert KnownSpeeds.load().seconds([WORK, WORK]) == 2 * 1000 / 200


def test_a_model_that_was_never_run_has_no_time() -> None:
    assert KnownSpeeds.load().seconds([WORK]) is None


def test_the_latest_run_counts() -> None:
    for seconds in (2.0, 4.0):
        KnownSpeeds.load().update({NAME: ComputedWork(seconds=seconds, requests=5, tokens=400)})
    assert KnownSpeeds.load().seconds([WORK]) == 10.0


def test_short_runs_and_runs_that_computed_nothing_say_nothing() -> None:
    KnownSpeeds.load().update({NAME: ComputedWork(0.1, 5, 400), ("m", "e", "profiles"): ComputedWork(9.0, 0, 0)})
    assert KnownSpeeds.load().rates == {}


def test_a_damaged_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "speeds.json").write_text("[")
    assert KnownSpeeds.load().rates == {}


def test_a_plugin_that_cannot_render_its_prompts_leaves_the_time_unknown(
    planned: Callable[..., Plan], model: str, tmp_path: Path
) -> None:
    speeds = KnownSpeeds.load()
    for phase in ("profiles", "ratings"):
        speeds.update({(model, "logging", phase): ComputedWork(seconds=2.0, requests=5, tokens=400)})
    working, broken = (planned(strategies=(name,), limit=2, baselines=False) for name in ("10h", "broken"))
    assert estimated_seconds(working, tmp_path, speeds) is not None
    assert estimated_seconds(broken, tmp_path, speeds) is None
