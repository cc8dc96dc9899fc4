"""What runs in an actor, without Ray."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest
from grid_making import PLUGIN, make_model_folder

from duetbench.cluster.jobs import PluginPlaces
from duetbench.cluster.ray.worker import EngineSpec, EngineWorker, WorkerFault, identity_of, make_engine
from duetbench.models import resolve
from duetbench.plugins import Plugins
from duetbench.prompts import prompt_key
from duetbench.runner.planning.cells import PluginChoice
from duetbench.types import Message, Prompt, Sampling

MESSAGES = (Message("user", "Describe the user <profile>text</profile>"),)
PROMPT = Prompt(prompt_key(MESSAGES), "user", MESSAGES)


@pytest.fixture
def spec(tmp_path: Path) -> EngineSpec:
    plugins = Plugins([PLUGIN], environ={})
    registered = plugins.get("engine", "logging")
    choice = PluginChoice(registered, registered.cls.Config())
    model = resolve(f"path:{make_model_folder(tmp_path / 'model')}")
    code = str(choice.describe()["code"])
    return EngineSpec("logging", asdict(choice.config), code, model, PluginPlaces.of(plugins))


def test_a_worker_answers_like_the_engine(spec: EngineSpec) -> None:
    expected = make_engine(spec).generate([PROMPT], Sampling())
    assert EngineWorker().call(spec, "generate", ([PROMPT], Sampling())) == expected


def test_a_worker_loads_an_engine_once(spec: EngineSpec, tmp_path: Path) -> None:
    log = tmp_path / "log"
    spec = replace(spec, options={**spec.options, "log": str(log)})
    worker = EngineWorker()
    for _ in range(3):
        worker.call(spec, "generate", ([PROMPT], Sampling()))
    assert log.read_text().count("loaded") == 1


def test_an_error_of_the_engine_is_returned_in_one_line(spec: EngineSpec) -> None:
    dead = replace(spec, options={**spec.options, "dead": True})
    fault = EngineWorker().call(dead, "generate", ([PROMPT], Sampling()))
    assert fault == WorkerFault("the server at nowhere does not answer: start it")


def test_an_engine_of_another_identity_is_refused(spec: EngineSpec) -> None:
    identity = identity_of(make_engine(spec)).replace('"none"', '"bfloat16"')
    fault = EngineWorker().call(spec, "generate", ([PROMPT], Sampling()), identity)
    assert "dtype none and not bfloat16" in fault.message


def test_other_code_is_refused(spec: EngineSpec) -> None:
    fault = EngineWorker().call(replace(spec, code="other"), "info", ())
    assert "is another version on" in fault.message


def test_weights_that_are_not_visible_are_named(spec: EngineSpec) -> None:
    model = replace(spec.model, path="nowhere")
    fault = EngineWorker().call(replace(spec, model=model), "info", ())
    assert fault.message.startswith("nowhere is not visible on ")


def test_a_spec_holds_no_environment_variable(spec: EngineSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret-key")
    assert "secret-key" not in repr(spec)
