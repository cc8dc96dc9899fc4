"""Records of computed cells have the value of every setting."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from grid_making import PLUGIN, make_model_folder

from duetbench.digests import digest_of_file, digest_of_value
from duetbench.plugins import Plugins
from duetbench.records import PluginRecord, Record, from_json, read_record, to_json
from duetbench.runner import Plan, RunOutcome
from duetbench.runner.output.recording import _cell, _options
from duetbench.training.presets import DPO_PRESETS, GRPO_PRESETS, SFT_PRESETS

Planned = Callable[..., Plan]
Ran = Callable[..., RunOutcome]

TRAINED: dict[str, Any] = {"strategies": ("duet",), "trainers": ("counting",), "limit": 2, "baselines": False}


def _only_record(outcome: RunOutcome) -> Record:
    (path,) = outcome.folder.glob("cells/*/record.json")
    return read_record(path)


@pytest.mark.parametrize(("trainer", "presets"), [("grpo", GRPO_PRESETS), ("sft", SFT_PRESETS), ("dpo", DPO_PRESETS)])
def test_options_of_a_trainer_have_the_values_of_its_preset(planned: Planned, trainer: str, presets: Any) -> None:
    settings = (f"{trainer}.preset=lora-gpu", f"{trainer}.micro_batch_size=2")
    (cell,) = planned(*settings, strategies=("duet",), trainers=(trainer,), baselines=False).cells
    options = _options(cell)[trainer]
    assert (options["preset"], options["micro_batch_size"]) == ("lora-gpu", 2)
    assert options["learning_rate"] == presets["lora-gpu"]["learning_rate"]
    assert "preset" not in [value for name, value in options.items() if name != "preset"]


def test_options_of_the_training_have_the_names_and_weights_in_use(planned: Planned) -> None:
    settings = ("training.rewards=fractional,length:0.5", "length.free_words=7", "training.scorer=rating_text")
    (cell,) = planned(*settings, strategies=("duet",), trainers=("counting",), baselines=False).cells
    options = _options(cell)
    assert options["training"]["rewards"] == ["fractional:1", "length:0.5"]
    assert options["training"]["scorer_model"] == cell.names[3]
    assert options["length"]["free_words"] == 7
    assert options["rating_text"]["decimals"] == "two"


def test_the_default_steps_and_the_length_of_histories_are_recorded(planned: Planned) -> None:
    (cell,) = planned("duet.history_k=300", strategies=("duet",), baselines=False).cells
    options = _options(cell)
    assert options["history"]["k"] == 300
    assert options["data"]["steps"] == ["dedupe", "sort", "split_count:0.8/0.1/0.1", "drop_cold"]


def test_two_plugins_of_one_name_are_recorded_separately(planned: Planned, plugins: Plugins) -> None:
    scorers = plugins.of_kind("scorer")
    namesake = type("Namesake", (scorers["rating_text"].cls,), {"name": "duet"})
    scorers["duet"] = replace(scorers["rating_text"], cls=namesake)
    (cell,) = planned(strategies=("duet",), scorers=("duet",), baselines=False).cells
    options = _options(cell)
    assert "decimals" in options["duet"]
    assert "joint" in options["strategy.duet"]


def test_the_trainings_scorer_of_the_same_name_does_not_take_the_place_of_the_cells_own(planned: Planned) -> None:
    (cell,) = planned(strategies=("duet",), trainers=("counting",), baselines=False).cells
    assert cell.writing is not None
    other = replace(cell.scorer, config=replace(cell.scorer.config, history_k=3))
    spec = _cell(replace(cell, writing=replace(cell.writing, trained_on=other)))
    assert spec.options_of("scorer")["history_k"] == 10
    assert spec.options[f"trained_on.{cell.scorer.name}"]["history_k"] == 3


def test_the_source_of_a_file_plugin_is_recorded(ran: Ran) -> None:
    plugins = _only_record(ran(strategies=("duet",), limit=2, baselines=False)).plugins
    digests = {kind: plugin.code for kind, plugin in plugins.items() if not isinstance(plugin, tuple)}
    engine = plugins["engine"]
    assert isinstance(engine, PluginRecord)
    assert engine.modules == {"grid_plugin.py": digest_of_file(PLUGIN)}
    assert digests["engine"] == digests["dataset"] == digest_of_value(engine.modules)
    assert digests["strategy"] is None


def test_a_training_is_recorded_with_its_rows_and_settings(ran: Ran) -> None:
    record = _only_record(ran("training.examples=5", "training.valid_examples=3", **TRAINED))
    assert record.training is not None
    assert record.model is not None
    assert (record.training.train_examples, record.training.valid_examples) == (5, 3)
    assert record.training.settings == {"precision": "fp32"}
    assert record.training.base_digest == record.model.digest
    assert record.training.scorer_model is None


def test_the_scorer_outside_the_loop_is_recorded_with_its_options(ran: Ran) -> None:
    record = _only_record(ran("training.monitor_scorer=rating_text", "rating_text.history_k=3", **TRAINED))
    scorer = record.plugins["monitor_scorer"]
    assert isinstance(scorer, PluginRecord)
    assert (scorer.name, scorer.origin) == ("rating_text", "built-in")
    assert record.cell.options["training"]["monitor_scorer"] == "rating_text"
    assert record.cell.options["rating_text"]["history_k"] == 3


def test_training_rows_dropped_for_their_users_history_are_counted(ran: Ran) -> None:
    record = _only_record(ran("training.min_user_history=1", **TRAINED))
    assert record.training is not None
    assert record.training.dropped_for_history == 12  # the first row of each of the 12 users
    assert record.training.train_examples == record.dataset.n_train - 12


def test_the_model_of_the_scorer_in_training_is_recorded(ran: Ran, tmp_path: Path) -> None:
    other = f"path:{make_model_folder(tmp_path / 'other')}"
    record = _only_record(ran(f"training.scorer_model={other}", **TRAINED))
    assert record.training is not None
    assert record.training.scorer_model is not None
    assert record.training.scorer_model.name == other
    assert record.cell.options["training"]["scorer_model"] == other


def test_a_shared_training_is_in_the_record_of_every_cell(ran: Ran) -> None:
    outcome = ran("training.scorer=rating_text", **TRAINED, scorers=("rating_text", "rating_expectation"))
    trainings = [read_record(path).training for path in outcome.folder.glob("cells/*/record.json")]
    assert len(trainings) == 2
    assert trainings[0] == trainings[1] is not None


def test_a_training_of_an_earlier_version_is_still_used(ran: Ran) -> None:
    outcome = ran(**TRAINED)
    (result,) = outcome.folder.glob("trainings/*/trained.json")
    content = json.loads(result.read_text())
    del content["training"]
    result.write_text(json.dumps(content))
    record = _only_record(ran(**TRAINED, force=True))
    assert record.training is None
    assert record.budget is not None
    assert record.budget.steps == 7


def test_a_cell_without_training_has_no_training_record(ran: Ran) -> None:
    record = _only_record(ran(limit=2, baselines=False))
    assert (record.training, record.trained, record.budget) == (None, None, None)


def test_the_record_in_memory_equals_the_one_on_disk(ran: Ran) -> None:
    record = _only_record(ran(**TRAINED))
    assert from_json(Record, to_json(record)) == record


def test_the_environment_of_a_run_is_that_of_its_records(ran: Ran) -> None:
    outcome = ran(limit=2, baselines=False)
    content = json.loads((outcome.folder / "env.json").read_text())
    assert content == to_json(_only_record(outcome).environment)


@pytest.mark.parametrize("rule", ["mean", "median", "mode"])
def test_a_record_holds_the_metrics_under_every_decision_rule(ran: Ran, rule: str) -> None:
    outcome = ran(f"rating_expectation.decision={rule}", strategies=("10h",), limit=4, baselines=False)
    metrics = _only_record(outcome).metrics
    assert metrics is not None
    assert metrics.decision == rule
    assert metrics.decisions is not None
    assert set(metrics.decisions) == {"mean", "median", "mode"}
    assert metrics.decisions[rule] == metrics.over


def test_means_of_ratings_have_no_accuracy_by_equality_of_numbers(ran: Ran) -> None:
    outcome = ran(strategies=("10h",), limit=4)
    for scorer, decision in (("user_mean", "mean"), ("tfidf_ridge", "mean"), ("majority", "mode")):
        (path,) = outcome.folder.glob(f"cells/*__{scorer}__*/record.json")
        metrics = read_record(path).metrics
        assert metrics is not None
        assert metrics.decision == decision
        exact = metrics.over["readable"].values["accuracy"]["exact_float"]
        assert (exact is None) == (decision == "mean")
