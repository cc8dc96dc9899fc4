"""Cells are rebuilt from their records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from duetbench.errors import RecordError
from duetbench.plugins import Plugins
from duetbench.records import read_record, write_record
from duetbench.runner import RunOutcome
from duetbench.runner.output.restore import restore
from duetbench.training.offline.dpo import DpoSettings
from duetbench.training.presets import DPO_PRESETS

Ran = Callable[..., RunOutcome]


def _record_options(outcome: RunOutcome, options: dict[str, Any]) -> Path:
    """The folder of the only cell that wrote profiles, after adding options to its record."""
    (folder,) = outcome.folder.glob("cells/duet__*")
    record = read_record(folder)
    write_record(folder, replace(record, cell=replace(record.cell, options={**record.cell.options, **options})))
    return folder


@pytest.mark.parametrize(
    "options",
    [
        {"grpo": {"preset": "cpu", "learning_rate": "preset", "rounds": "preset"}},
        {"dpo": {"preset": "cpu", **vars(DpoSettings(**DPO_PRESETS["cpu"]))}},
        {"trainer.gone": {"rate": 1}, "gone": {"weight": 2}},
    ],
    ids=["unresolved", "resolved", "unknown trainer"],
)
def test_options_of_trainers_and_rewards_are_not_needed(ran: Ran, plugins: Plugins, options: Any) -> None:
    outcome = ran("duet.joint=cross", strategies=("duet",), limit=3, baselines=False)
    folder = _record_options(outcome, options)
    assert restore(folder, plugins).cell.id == read_record(folder).cell_id


def test_a_trained_cell_is_restored_with_its_training(ran: Ran, plugins: Plugins) -> None:
    outcome = ran("duet.joint=cross", strategies=("duet",), trainers=("counting",), limit=3, baselines=False)
    restored = restore(outcome.folder, plugins)
    assert restored.trained is not None
    assert restored.trained.models.writer.digest == restored.model.digest
    assert restored.writing.training is None


def test_a_trained_cell_without_its_training_is_refused(ran: Ran, plugins: Plugins) -> None:
    outcome = ran("duet.joint=cross", strategies=("duet",), trainers=("counting",), limit=3, baselines=False)
    (result,) = outcome.folder.glob("trainings/*/trained.json")
    result.unlink()
    with pytest.raises(RecordError, match=r"the trained weights of .* are missing"):
        restore(outcome.folder, plugins)


def test_a_strategy_and_a_scorer_of_one_name_keep_their_own_options(ran: Ran, plugins: Plugins) -> None:
    scorers = plugins.of_kind("scorer")
    namesake = type("Namesake", (scorers["rating_text"].cls,), {"name": "duet"})
    scorers["duet"] = replace(scorers["rating_text"], cls=namesake)
    settings = ("strategy.duet.joint=cross", "scorer.duet.history_k=3")
    outcome = ran(*settings, strategies=("duet",), scorers=("duet",), limit=3, baselines=False)
    restored = restore(outcome.folder, plugins)
    assert restored.cell.id == restored.record.cell_id
    assert restored.cell.scorer.options["history_k"] == 3


def test_other_data_are_refused(ran: Ran, plugins: Plugins) -> None:
    outcome = ran("duet.joint=cross", strategies=("duet",), limit=3, baselines=False)
    folder = _record_options(outcome, {"tiny": {"users": 11}})
    with pytest.raises(RecordError, match="was computed on other data"):
        restore(folder, plugins)


def test_a_cell_on_a_prepared_folder_is_restored_from_the_folder(ran: Ran, plugins: Plugins) -> None:
    first = ran("duet.joint=cross", "data.steps=sort,split_random", strategies=("duet",), limit=3, baselines=False)
    prepared = restore(first.folder, plugins).cell.data.prepared.folder
    grid = {"strategies": ("duet",), "datasets": (str(prepared),), "limit": 3, "baselines": False}
    outcome = ran("duet.joint=cross", force=True, **grid)
    restored = restore(outcome.folder, plugins)
    assert restored.cell.id == restored.record.cell_id
    assert restored.cell.data.folder == prepared
