"""A prepared folder is a dataset of a run, with the same cells as the dataset that it was prepared from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from duetbench.errors import ConfigError, DataError, UnknownName
from duetbench.records import read_record
from duetbench.runner import Plan, RunOutcome
from duetbench.runner.output.run_folder import cell_folder

Planned = Callable[..., Plan]


@pytest.fixture
def folder(planned: Planned) -> Path:
    """The folder of the tiny dataset, split at random."""
    made = planned("data.steps=sort,split_random:0.6/0.2/0.2/1", baselines=False)
    return made.cells[0].data.prepared.folder


def test_cells_of_a_folder_are_those_of_its_dataset(planned: Planned, folder: Path) -> None:
    by_name = planned("data.steps=sort,split_random:0.6/0.2/0.2/1", baselines=False)
    by_folder = planned(datasets=(str(folder),), baselines=False)
    assert [cell.id for cell in by_folder.cells] == [cell.id for cell in by_name.cells]
    assert by_folder.cells[0].names == by_name.cells[0].names


def test_options_of_the_preparation_have_no_effect_on_a_folder(planned: Planned, folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.steps: no effect, because .* is already prepared"):
        planned("data.steps=sort", datasets=(str(folder),))


def test_options_of_its_dataset_have_no_effect_on_a_folder(planned: Planned, folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"tiny"):
        planned("tiny.raw=elsewhere", datasets=(str(folder),))


def test_a_folder_without_a_prepared_dataset_is_an_error(planned: Planned, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="contains no prepared dataset"):
        planned(datasets=(str(tmp_path),))


def test_a_name_that_is_no_folder_is_unknown(planned: Planned) -> None:
    with pytest.raises(UnknownName, match="did you mean 'tiny'"):
        planned(datasets=("tinny",))


def test_a_random_split_refuses_test_rows_in_histories(planned: Planned, folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"history\.source"):
        planned("history.source=prequential", datasets=(str(folder),))


def test_the_record_says_that_the_data_is_not_safe(
    ran: Callable[..., RunOutcome], planned: Planned, folder: Path
) -> None:
    grid = {"datasets": (str(folder),), "strategies": (), "scorers": ("bias",), "baselines": False}
    outcome = ran(**grid)
    record = read_record(cell_folder(outcome.folder, planned(**grid).cells[0]))
    assert record.dataset is not None
    assert "split_random:0.6/0.2/0.2/1" in record.dataset.temporal_leakage[0]
    assert record.cell.options["data"]["folder"] == str(folder)


def test_a_folder_of_the_toy_dataset_has_a_default_model(planned: Planned) -> None:
    toy = {"models": (), "engine": "transformers", "baselines": False}
    by_name = planned(datasets=("toy",), **toy)
    by_folder = planned(datasets=(str(by_name.cells[0].data.prepared.folder),), **toy)
    assert [cell.id for cell in by_folder.cells] == [cell.id for cell in by_name.cells]


def test_a_folder_of_another_dataset_asks_for_a_model(planned: Planned, folder: Path) -> None:
    with pytest.raises(ConfigError, match="needs a model: the default, toy-lm, knows the dataset toy only"):
        planned(datasets=(str(folder),), models=())


def test_an_unknown_dataset_asks_for_no_model(planned: Planned) -> None:
    with pytest.raises(UnknownName, match=r"^no dataset named 'tinny'"):
        planned(datasets=("tinny",), models=())
