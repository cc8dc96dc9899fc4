"""What a run needs and does not have is reported before any work, once, without failed cells."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer

from duetbench.errors import (
    ConfigError,
    EngineError,
    MissingDependency,
    MissingRawFiles,
    ModelError,
    RequirementsError,
)
from duetbench.models import pull
from duetbench.plugins import Plugins
from duetbench.runner import Plan, RunOutcome

Planned = Callable[..., Plan]
Ran = Callable[..., RunOutcome]

HERE: dict[str, Any] = {"engine": "transformers", "models": ("toy-lm",), "limit": 2}
SERVED: dict[str, Any] = {"engine": "openai", "models": ("served:m",), "limit": 2, "baselines": False}


@pytest.fixture
def nothing_written(tmp_path: Path) -> Callable[[], bool]:
    """Whether no cell has a record and there is no board."""
    return lambda: not list(tmp_path.glob("out/cells/*")) and not (tmp_path / "out" / "leaderboard.md").exists()


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("duetbench.engines.transformers.loading._has_cuda", lambda: False)


@pytest.fixture
def large_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"total": 2**50, "used": 0, "free": 2**50})
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage)


@pytest.mark.usefixtures("large_disk")
def test_a_model_that_cannot_be_fetched_stops_the_run(ran: Ran, nothing_written: Callable[[], bool]) -> None:
    with pytest.raises(ModelError, match=r"model 'qwen3-8b' could not be fetched: .*duetbench models pull qwen3-8b"):
        ran(models=("qwen3-8b",), limit=2)
    assert nothing_written()


@pytest.mark.usefixtures("large_disk")
def test_all_models_that_cannot_be_fetched_are_named_together(ran: Ran) -> None:
    with pytest.raises(RequirementsError, match="2 things are missing: ") as error:
        ran(models=("qwen3-8b", "llama3-8b"), limit=2)
    assert [fault.split("'")[1] for fault in error.value.faults] == ["llama3-8b", "qwen3-8b"]


def test_too_little_space_for_all_models_is_known_before_the_first_is_fetched(
    ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "_free_mb", lambda _folder: 20_000)
    with pytest.raises(ModelError, match=r"fetching llama3-8b, qwen3-8b needs 3\d,\d+ MB in .*, 20,000 MB are free"):
        ran(models=("qwen3-8b", "llama3-8b"), limit=2)


@pytest.mark.usefixtures("no_gpu")
def test_a_gpu_that_is_absent_stops_the_run(ran: Ran, nothing_written: Callable[[], bool]) -> None:
    with pytest.raises(MissingDependency, match="device=cuda was requested, but torch finds no GPU"):
        ran("transformers.device=cuda", **HERE)
    assert nothing_written()


@pytest.mark.usefixtures("no_gpu")
def test_a_gpu_for_the_weights_in_training_is_needed_too(ran: Ran, model: str) -> None:
    with pytest.raises(MissingDependency, match="torch finds no GPU"):
        ran("transformers.device=cuda", strategies=("duet",), trainers=("grpo",), limit=2)


@pytest.mark.usefixtures("no_gpu", "large_disk")
def test_nothing_is_fetched_for_a_machine_that_cannot_run_it(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[Any] = []
    monkeypatch.setattr(pull, "_fetch", lambda card, *_: fetched.append(card))
    with pytest.raises(MissingDependency, match="torch finds no GPU"):
        ran("transformers.device=cuda", **{**HERE, "models": ("qwen3-8b",)})
    assert fetched == []


def test_a_served_model_needs_the_engine_for_servers(planned: Planned) -> None:
    with pytest.raises(ModelError, match="'served:m' runs on a server: use --engine openai"):
        planned(**{**SERVED, "engine": "transformers"})


@pytest.mark.parametrize("trainer", ["grpo", "dpo", "sft"])
def test_weights_on_a_server_cannot_be_trained(planned: Planned, trainer: str) -> None:
    with pytest.raises(ConfigError, match=f"trainer '{trainer}' changes weights, and those of 'served:m' are on"):
        planned(**SERVED, strategies=("duet",), trainers=(trainer,))


def test_a_model_here_may_be_trained_with_a_scorer_on_a_server(planned: Planned) -> None:
    settings = ("training.scorer_engine=openai", "training.scorer_model=served:m")
    assert planned(*settings, strategies=("duet",), trainers=("grpo",), baselines=False).cells


def test_a_scorer_on_a_server_needs_its_engine(planned: Planned) -> None:
    with pytest.raises(ModelError, match="'served:m' runs on a server: use --engine openai"):
        planned(
            "training.scorer_engine=transformers",
            "training.scorer_model=served:m",
            strategies=("duet",),
            trainers=("grpo",),
        )


def test_a_server_that_does_not_answer_stops_the_run(ran: Ran, nothing_written: Callable[[], bool]) -> None:
    with pytest.raises(EngineError, match=r"http://127\.0\.0\.1:9/v1"):
        ran("openai.base_url=http://127.0.0.1:9/v1", **SERVED)
    assert nothing_written()


def test_a_server_without_the_model_stops_the_run(ran: Ran, nothing_written: Callable[[], bool]) -> None:
    server = ChatServer()
    try:
        with pytest.raises(EngineError, match="serves m, not 'other'"):
            ran(f"openai.base_url={server.url}", **{**SERVED, "models": ("served:other",)})
    finally:
        server.close()
    assert nothing_written()


def test_missing_raw_files_of_all_datasets_are_named_together(
    planned: Planned, plugins: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUETBENCH_DATA", str(tmp_path / "empty"))
    prepared: list[Any] = []
    monkeypatch.setattr(plugins.get("dataset", "tiny").cls, "read", prepared.append)
    with pytest.raises(MissingRawFiles, match=r"dataset 'yelp' needs .*; dataset 'amazon-music' needs ") as error:
        planned(datasets=("tiny", "yelp", "amazon-music"))
    assert str(error.value).count("dataset 'yelp'") == 1
    assert prepared == []


def test_a_package_of_a_trainer_is_needed_by_the_run_only(ran: Ran, planned: Planned, monkeypatch: Any) -> None:
    monkeypatch.setattr("duetbench.training.presets.find_spec", lambda _name: None)
    grid: dict[str, Any] = {"strategies": ("duet",), "trainers": ("grpo",), "limit": 2}
    assert planned(**grid).cells
    with pytest.raises(MissingDependency, match="trainer 'grpo' needs trl and peft: pip install 'duetbench"):
        ran(**grid)


def test_faults_of_the_machine_are_named_together(ran: Ran, plugins: Plugins, monkeypatch: Any) -> None:
    monkeypatch.setattr(pull, "_free_mb", lambda _folder: 5)
    engine = plugins.get("engine", "logging").cls
    monkeypatch.setattr(engine, "missing", classmethod(lambda _cls: "engine 'logging' needs a pen: buy one"))
    with pytest.raises(RequirementsError, match="2 things are missing: engine 'logging' needs a pen: buy one; fetch"):
        ran(models=("qwen3-8b",), limit=2)


def test_finished_cells_need_nothing(ran: Ran, plugins: Plugins, monkeypatch: pytest.MonkeyPatch) -> None:
    ran(limit=2, baselines=False)
    engine = plugins.get("engine", "logging").cls
    monkeypatch.setattr(engine, "missing", classmethod(lambda _cls: "engine 'logging' needs a pen: buy one"))
    assert ran(limit=2, baselines=False).count("found") == 1
    with pytest.raises(MissingDependency, match="needs a pen"):
        ran(limit=2, baselines=False, force=True)


def test_a_bug_in_an_engine_fails_its_cells_alone(ran: Ran, plugins: Plugins, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: Any) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(plugins.get("engine", "logging").cls, "info", broken)
    outcome = ran(limit=2, scorers=("rating_expectation", "global_mean"), baselines=False)
    assert (outcome.count("failed"), outcome.count("done")) == (1, 1)
