"""The table that compares presets shows what runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import pytest

from duetbench.errors import UnknownName
from duetbench.plugins import Plugins
from duetbench.runner import RunConfig, plan
from duetbench.runner.config.presets import load_preset, preset_names
from duetbench.runner.config.run_config import preset_grid
from duetbench.runner.planning.cells import Cell
from duetbench.runner.planning.preset_table import (
    NO_EFFECT,
    compare_presets,
    describe_trainer_preset,
    preset_options,
    preset_sources,
)
from duetbench.training.presets import GRPO_PRESETS

NAMES = ["paper", "duet-code"]


def planned_cell(name: str, plugins: Plugins) -> Cell:
    grid = replace(preset_grid(load_preset(name)), datasets=("tiny",), baselines=False)
    (cell,) = plan(RunConfig((grid,), "test", {}), plugins).cells
    return cell


def options_of_cell(cell: Cell) -> dict[str, Any]:
    """The options of a planned cell, read without the code that makes the table."""
    writing = cell.writing
    assert writing is not None
    assert writing.training is not None
    scopes: dict[str, Mapping[str, Any]] = {
        "history": asdict(cell.data.history),
        "duet": writing.strategy.options,
        "rating_text": cell.scorer.options,
        "grpo": writing.trainer.options,
        "sampling": asdict(writing.sampling),
        "evaluation": asdict(cell.evaluation),
        "training": asdict(writing.training),
    }
    return {f"{scope}.{name}": value for scope, values in scopes.items() for name, value in values.items()}


def test_there_are_these_presets() -> None:
    assert preset_names() == NAMES


@pytest.mark.parametrize("position", [0, 1], ids=NAMES)
def test_every_row_is_the_option_of_the_planned_cell(position: int, plugins: Plugins) -> None:
    options = options_of_cell(planned_cell(NAMES[position], plugins))
    for row in compare_presets(NAMES, plugins):
        assert options.get(row.option, NO_EFFECT) == row.values[position], row.option


def test_every_option_that_differs_has_a_row_with_both_sources(plugins: Plugins) -> None:
    paper, code = (options_of_cell(planned_cell(name, plugins)) for name in NAMES)
    differing = {name for name in paper | code if paper.get(name, NO_EFFECT) != code.get(name, NO_EFFECT)}
    rows = {row.option: row for row in compare_presets(NAMES, plugins) if row.differs}
    assert set(rows) == differing
    assert [option for option, row in rows.items() if not all(row.sources)] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_source_is_that_of_an_option(name: str, plugins: Plugins) -> None:
    known = {option for preset in NAMES for option in preset_options(load_preset(preset), plugins)}
    assert set(preset_sources(load_preset(name), plugins)) <= known


def test_a_trainers_preset_has_rows_of_its_own(plugins: Plugins) -> None:
    rows = {row.option: row.values for row in describe_trainer_preset("cpu", plugins)}
    assert rows["grpo.rounds"] == (GRPO_PRESETS["cpu"]["rounds"],)
    with pytest.raises(UnknownName, match="did you mean 'cpu'"):
        describe_trainer_preset("cpus", plugins)
