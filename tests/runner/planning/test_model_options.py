"""Options of the models of a grid: they reach the model reference, the identity of cells and the records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from duetbench.errors import ConfigError
from duetbench.plugins import Plugins
from duetbench.records import read_record
from duetbench.runner import Plan, RunOutcome
from duetbench.runner.output.restore import restore
from duetbench.runner.planning.cells import ModelChoice

Planned = Callable[..., Plan]
THINKING_OFF = "model.template_args.enable_thinking=false"


def model_of(planned: Plan) -> ModelChoice:
    (cell,) = planned.cells
    assert cell.writing
    return cell.writing.model


def test_template_arguments_reach_the_model(planned: Planned) -> None:
    choice = model_of(
        planned(THINKING_OFF, "model.template_args.budget=128", "model.template_args.mood=calm", baselines=False)
    )
    args = {"enable_thinking": False, "budget": 128, "mood": "calm"}
    assert choice.resolve().template_args == args
    assert choice.identity["template_args"] == args


def test_template_arguments_in_a_file_are_overridden_one_by_one(planned: Planned) -> None:
    options = {"model": {"template_args": {"enable_thinking": True, "budget": "128"}}}
    choice = model_of(planned(THINKING_OFF, options=options, baselines=False))
    assert choice.resolve().template_args == {"enable_thinking": False, "budget": "128"}


def test_template_arguments_are_added_to_those_of_the_card(planned: Planned) -> None:
    choice = model_of(planned("model.template_args.mood=calm", models=("qwen3-8b",), baselines=False))
    assert choice.identity["template_args"] == {"enable_thinking": False, "mood": "calm"}


def test_other_options_are_another_cell(planned: Planned) -> None:
    (plain,), (other,) = (planned(*settings, baselines=False).cells for settings in ((), (THINKING_OFF,)))
    assert plain.id != other.id


def test_a_merged_system_turn_reaches_the_model(planned: Planned) -> None:
    choice = model_of(planned("model.merge_system=true", engine="transformers", baselines=False))
    assert choice.resolve().merge_system
    assert choice.identity["merge_system"] is True


def test_an_engine_that_renders_no_prompts_cannot_merge_the_system_turn(planned: Planned) -> None:
    with pytest.raises(ConfigError, match=r"model\.merge_system: no effect with engine 'logging'"):
        planned("model.merge_system=true", baselines=False)


def test_options_of_models_without_a_model_are_an_error(planned: Planned) -> None:
    with pytest.raises(ConfigError, match=r"model\.template_args\.enable_thinking: no effect here: this run uses no"):
        planned(THINKING_OFF, strategies=(), models=())


def test_a_value_that_is_no_mapping_is_an_error(planned: Planned) -> None:
    with pytest.raises(ConfigError, match=r"model\.template_args: expected names with values"):
        planned("model.template_args=false", baselines=False)


def test_options_are_recorded_and_restored(ran: Callable[..., RunOutcome], plugins: Plugins, tmp_path: Path) -> None:
    outcome = ran(THINKING_OFF, strategies=("duet",), limit=3, baselines=False)
    restored = restore(outcome.folder, plugins)
    record: Any = read_record(restored.folder)
    assert record.model.template_args == {"enable_thinking": False}
    assert record.cell.options["model"] == {"template_args": {"enable_thinking": False}}
    assert restored.cell.id == record.cell_id
