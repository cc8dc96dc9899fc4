"""The control rows of a plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from duetbench.errors import ConfigError, UnknownName
from duetbench.plugins import Plugins
from duetbench.runner import Grid, Plan, RunConfig, plan
from duetbench.runner.planning.cells import Cell

Planned = Callable[..., Plan]
DUET: dict[str, Any] = {"strategies": ("duet",), "trainers": ("none", "grpo"), "baselines": False}


def _rows(made: Plan) -> Counter[tuple[str, str, str]]:
    return Counter((*cell.names[:2], cell.control.name if cell.control else "") for cell in made.cells)


def _cell(made: Plan, control: str, trainer: str) -> Cell:
    (found,) = [
        cell for cell in made.cells if cell.control and (cell.control.name, cell.names[1]) == (control, trainer)
    ]
    return found


def test_every_row_gets_its_controls(planned: Planned) -> None:
    per_writer = ("raw_evidence", "shuffled_user", "shuffled_item", "shuffled_both")
    expected = [("duet", trainer, name) for trainer in ("none", "grpo") for name in ("", *per_writer)]
    expected += [("10h", "none", "no_profile"), ("10h", "none", "averages_only")]
    expected += [("duet", "none", "raw_evidence_full"), ("duet", "sft", "best_of_n")]
    assert _rows(planned(**DUET, controls=True)) == Counter(expected)


def test_controls_are_off_by_default(planned: Planned) -> None:
    assert all(cell.control is None for cell in planned(**DUET).cells)


def test_a_control_changes_no_id_of_other_cells(planned: Planned) -> None:
    plain = {cell.id for cell in planned(**DUET).cells}
    assert plain == {cell.id for cell in planned(**DUET, controls=True).cells if cell.control is None}


def test_controls_can_be_chosen_by_name(planned: Planned) -> None:
    made = planned(**DUET, controls=("shuffled_both",))
    assert {row[2] for row in _rows(made)} == {"", "shuffled_both"}


def test_an_unknown_control_is_an_error(planned: Planned) -> None:
    with pytest.raises(UnknownName, match="no control named 'shufled_both'; did you mean 'shuffled_both'"):
        planned(**DUET, controls=("shufled_both",))


def test_a_row_of_10h_is_the_control_without_a_profile(planned: Planned) -> None:
    made = planned(strategies=("10h", "duet"), trainers=("none",), controls=True, baselines=False, label="mine")
    rows = _rows(made)
    assert rows["10h", "none", "no_profile"] == 1
    assert rows["10h", "none", ""] == 0
    assert _cell(made, "no_profile", "none").label == "mine"


def test_controls_without_a_writer_occur_once_per_seed(planned: Planned) -> None:
    made = planned(
        "kar.history_k=11", strategies=("duet", "kar"), trainers=("none",), seeds=(0, 1), controls=True, baselines=False
    )
    rows = _rows(made)
    assert rows["10h", "none", "averages_only"] == 2
    assert rows["duet", "none", "raw_evidence_full"] == rows["kar", "none", "raw_evidence_full"] == 2


def test_a_control_that_cannot_have_an_effect_is_left_out_with_the_reason(planned: Planned) -> None:
    made = planned(strategies=("lg",), trainers=("none",), controls=True, baselines=False)
    assert ("lg", "none", "shuffled_item") not in _rows(made)
    assert "control shuffled_item is left out for lg with rating_expectation: lg writes no item profile" in made.notes


def test_a_scorer_without_the_slots_is_no_control(planned: Planned) -> None:
    made = planned(strategies=("duet",), trainers=("none",), scorers=("short",), controls=True, baselines=False)
    assert {row[2] for row in _rows(made)} == {"", "no_profile", "shuffled_user", "shuffled_item", "shuffled_both"}
    assert "control averages_only is left out for 10h with short: the scorer has no option show_averages" in made.notes


def test_controls_use_the_training_of_their_row(planned: Planned) -> None:
    made = planned(**DUET, controls=True)
    ids = {cell.training_id for cell in made.cells if cell.names[1] == "grpo"}
    assert len(ids) == 1


def test_best_of_n_depends_on_the_training_that_it_replaces(planned: Planned) -> None:
    one = _cell(planned(**DUET, controls=True), "best_of_n", "sft")
    other = _cell(planned("grpo.rounds=9", **DUET, controls=True), "best_of_n", "sft")
    assert one.id != other.id
    assert one.training_id != other.training_id
    plain = planned(strategies=("duet",), trainers=("sft",), baselines=False).cells[0]
    assert plain.training_id != one.training_id


def test_the_training_comes_before_its_control(planned: Planned) -> None:
    made = planned("grpo.rounds=9", **{**DUET, "trainers": ("dpo", "grpo", "none")}, controls=True)
    order = [cell.training_id for cell in made.cells]
    controls = [cell.control for cell in made.cells if cell.control and cell.control.reference]
    assert len(controls) == 2
    for control in controls:
        assert control.reference is not None
        own = _training_of(made, control.reference.training_id)
        assert order.index(control.reference.training_id) < order.index(own)


def _training_of(made: Plan, reference: str | None) -> str | None:
    (cell,) = [
        cell
        for cell in made.cells
        if cell.control and cell.control.reference and cell.control.reference.training_id == reference
    ]
    return cell.training_id


def test_a_trainer_that_cannot_keep_to_a_budget_is_refused(planned: Planned) -> None:
    with pytest.raises(ConfigError, match="trainer 'counting' cannot keep to a number of generated tokens"):
        planned("best_of_n.trainer=counting", **DUET, controls=True)


def test_options_of_the_retrained_trainer_have_an_effect(planned: Planned) -> None:
    with pytest.raises(ConfigError, match=r"sft\.pairs: this run uses no trainer 'sft'"):
        planned("sft.pairs=9", **DUET)
    cell = _cell(planned("sft.pairs=9", **DUET, controls=True), "best_of_n", "sft")
    assert cell.writing is not None
    assert cell.writing.trainer.options["pairs"] == 9


def test_the_folder_of_a_control_names_it(planned: Planned) -> None:
    made = planned(**DUET, controls=True)
    assert _cell(made, "shuffled_user", "grpo").folder.endswith("__shuffled_user")


def test_a_control_reads_histories_of_the_same_length(planned: Planned) -> None:
    made = planned("duet.history_k=30", "history.average=window", **DUET, controls=True)
    lengths = {cell.data.history.k for cell in made.cells if cell.names[0] == "duet"}
    assert len(lengths) == 1


def test_equal_controls_of_two_grids_are_one(plugins: Plugins, model: str) -> None:
    grid = Grid(("duet",), ("tiny",), (model,), ("none",), engine="logging", controls=("averages_only",), label="one")
    changed = replace(grid, label="two", options={"duet": {"joint": "cross"}})
    made = plan(RunConfig((grid, changed), "test"), plugins)
    assert [cell.label for cell in made.cells if cell.control] == [""]


def test_a_control_may_come_from_a_file(plugins: Plugins, model: str) -> None:
    folder = Path(__file__).parents[3] / "plugins"
    more = Plugins([*plugins._folders, folder / "word_order.py"], environ={})
    grid = Grid(("duet",), ("tiny",), (model,), ("none",), engine="logging", controls=True)
    assert ("duet", "none", "word_order") in _rows(plan(RunConfig((grid,), "test"), more))


def test_a_scorer_of_the_writers_own_texts_has_no_control_without_a_writer(planned: Planned) -> None:
    grid: dict[str, Any] = {"strategies": ("r4rec",), "scorers": ("r4rec_predictor",), "trainers": ("none",)}
    made = planned("r4rec_predictor.reviews=aspects", **grid, controls=True, baselines=False)
    assert {row[2] for row in _rows(made)} == {"", "shuffled_both"}
