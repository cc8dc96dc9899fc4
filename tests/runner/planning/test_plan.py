"""From settings to cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from grid_making import BASELINES, make_model_folder
from weights_making import WEIGHTS, write_weights

from duetbench.errors import ConfigError, DataError, MissingDependency, PluginError, UnknownName
from duetbench.interfaces import TrainingStage
from duetbench.plugins import Plugins
from duetbench.runner import Grid, Plan, RunConfig, plan
from duetbench.runner.planning.cells import PluginChoice
from duetbench.training.presets import GRPO_PRESETS

Planned = Callable[..., Plan]


def _names(made: Plan) -> list[tuple[str, ...]]:
    return [cell.names for cell in made.cells]


def _ids(made: Plan) -> tuple[str, str | None]:
    """Ids of the only cell and of its training."""
    (cell,) = made.cells
    return cell.id, cell.training_id


def test_a_grid_is_every_combination(planned: Planned) -> None:
    made = planned(
        strategies=("10h", "duet"), scorers=("rating_text", "rating_expectation"), seeds=(0, 1), baselines=False
    )
    assert Counter(name[0] for name in _names(made)) == {"10h": 4, "duet": 4}
    assert len({cell.id for cell in made.cells}) == 8


def test_scorers_without_a_model_join_once_per_dataset(planned: Planned) -> None:
    names = _names(planned(strategies=("10h", "duet"), seeds=(0, 1)))
    assert [name[4] for name in names if name[0] == "none"] == [*BASELINES]


def test_no_baselines_means_none(planned: Planned) -> None:
    assert {name[0] for name in _names(planned(baselines=False))} == {"10h"}


def test_a_named_scorer_without_a_model_is_no_cell_per_strategy(planned: Planned) -> None:
    made = planned(strategies=("10h", "duet"), scorers=("bias",), baselines=False)
    assert [name[:2] + name[4:] for name in _names(made)] == [("none", "none", "bias", "0")]
    assert "bias" in made.notes[0]


def test_a_grid_without_strategies_says_what_it_runs(planned: Planned) -> None:
    made = planned(strategies=())
    assert {name[0] for name in _names(made)} == {"none"}
    assert "no strategy is given" in made.notes[0]


def test_a_baseline_that_two_plugins_carry_is_not_left_out_unseen(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from duetbench.hookspecs import hookimpl\nfrom duetbench.scorers.baselines import Bias\n"
        "@hookimpl\ndef duetbench_register_scorers():\n    return [type('Mine', (Bias,), {'name': 'bias'})]\n"
    )
    grid = Grid(strategies=("10h",), datasets=("toy",), models=("toy-lm",), trainers=("none",))
    with pytest.raises(PluginError, match="two scorers are named 'bias': one from built-in, one from file"):
        plan(RunConfig((grid,), "test"), Plugins([tmp_path]))


def test_a_strategy_that_writes_nothing_is_not_trained(planned: Planned) -> None:
    made = planned(strategies=("10h", "duet"), trainers=("counting",), baselines=False)
    assert [name[:2] for name in _names(made)] == [("10h", "none"), ("duet", "counting")]
    assert "10h writes no profiles" in made.notes[0]


def test_a_strategy_is_trained_as_its_paper_does_by_default(planned: Planned) -> None:
    made = planned(strategies=("10h", "duet", "kar"), trainers=(), baselines=False)
    assert {name[:2] for name in _names(made)} == {("10h", "none"), ("duet", "grpo"), ("kar", "none")}


def test_equal_cells_of_two_grids_are_one(plugins: Plugins, model: str) -> None:
    grid = Grid(("10h",), ("tiny",), (model,), engine="logging", label="first")
    made = plan(RunConfig((grid, replace(grid, label="second")), "test"), plugins)
    assert [cell.label for cell in made.cells if cell.writing] == ["first"]


def test_the_same_settings_give_the_same_ids(planned: Planned) -> None:
    assert [cell.id for cell in planned(strategies=("duet",)).cells] == [
        cell.id for cell in planned(strategies=("duet",)).cells
    ]


@pytest.mark.parametrize(
    "setting",
    ["duet.joint=cross", "sampling.temperature=0.5", "rating_expectation.history_k=3", "history.source=prequential"],
)
def test_every_setting_makes_another_cell(planned: Planned, setting: str) -> None:
    plain, changed = (planned(*settings, strategies=("duet",), baselines=False) for settings in ([], [setting]))
    assert plain.cells[0].id != changed.cells[0].id


def test_a_changed_preset_makes_another_cell(planned: Planned, monkeypatch: pytest.MonkeyPatch) -> None:
    grid: dict[str, Any] = {"strategies": ("duet",), "trainers": ("grpo",), "baselines": False}
    before = _ids(planned(**grid))
    monkeypatch.setitem(GRPO_PRESETS["cpu"], "learning_rate", 5e-4)
    after = _ids(planned(**grid))
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_a_changed_setting_of_a_training_stage_makes_another_cell(
    planned: Planned, plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid: dict[str, Any] = {"strategies": ("r4rec",), "trainers": ("sft",), "baselines": False}
    before = _ids(planned(**grid))
    strategy: Any = plugins.get("strategy", "r4rec").cls
    original = strategy.training_stages

    def changed(self: Any) -> tuple[TrainingStage, ...]:
        return tuple(replace(stage, settings={**stage.settings, "epochs": 1.0}) for stage in original(self))

    monkeypatch.setattr(strategy, "training_stages", changed)
    after = _ids(planned(**grid))
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_a_preset_and_its_own_values_are_one_training(planned: Planned) -> None:
    grid: dict[str, Any] = {"strategies": ("duet",), "trainers": ("grpo",), "baselines": False}
    rate = GRPO_PRESETS["cpu"]["learning_rate"]
    assert planned(**grid).cells[0].id == planned(f"grpo.learning_rate={rate}", **grid).cells[0].id


def test_where_raw_files_lie_makes_no_other_cell(planned: Planned) -> None:
    assert planned("data.raw=.").cells[0].id == planned().cells[0].id


def test_histories_are_as_long_as_the_cell_needs(planned: Planned) -> None:
    made = planned("duet.history_k=300", strategies=("10h", "duet"), baselines=False)
    lengths = {cell.names[0]: cell.data.history.k for cell in made.cells}
    assert lengths["10h"] < lengths["duet"] == 300


def test_a_history_shorter_than_asked_for_is_a_fault(planned: Planned) -> None:
    with pytest.raises(ConfigError, match=r"history\.k must be >= 10, which rating_expectation uses, got 5"):
        planned("history.k=5", strategies=("duet",))


@pytest.mark.parametrize("name", ["scorer", "monitor_scorer"])
def test_histories_are_as_long_as_the_scorers_of_the_training_need(planned: Planned, name: str) -> None:
    settings = (f"training.{name}=rating_text", "rating_text.history_k=300")
    (cell,) = planned(*settings, strategies=("duet",), trainers=("counting",), baselines=False).cells
    assert cell.data.history.k == 300


def test_a_history_shorter_than_the_scorer_outside_the_loop_needs_is_a_fault(planned: Planned) -> None:
    settings = ("history.k=30", "training.monitor_scorer=rating_text", "rating_text.history_k=40")
    with pytest.raises(ConfigError, match=r"history\.k must be >= 40, which rating_text uses, got 30"):
        planned(*settings, strategies=("duet",), trainers=("counting",))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("training.monitor_scorer=rating_expectation",), "'rating_expectation' is the scorer in the loop"),
        (
            ("training.scorer=rating_text", "training.monitor_scorer=rating_text"),
            "'rating_text' is the scorer in the loop",
        ),
        (("training.monitor_scorer=bias",), "'bias' reads no profiles; choose one that uses a model"),
    ],
    ids=["the scorer that evaluates", "the scorer of the training", "no model"],
)
def test_a_scorer_outside_the_loop_that_cannot_disagree_is_a_fault(
    planned: Planned, settings: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ConfigError, match=rf"training\.monitor_scorer: {message}"):
        planned(*settings, strategies=("duet",), trainers=("counting",))


def test_a_scorer_outside_the_loop_is_a_fault_without_a_trainer_that_has_a_reward(planned: Planned) -> None:
    chosen: dict[str, Any] = {"strategies": ("duet",), "baselines": False}
    with pytest.raises(ConfigError, match=r"training\.monitor_scorer: no effect with sft"):
        planned("training.monitor_scorer=rating_text", trainers=("sft",), **chosen)
    cells = planned("training.monitor_scorer=rating_text", trainers=("sft", "counting"), **chosen).cells
    monitored = {cell.writing.trainer.name: cell.writing.monitor_scorer is not None for cell in cells if cell.writing}
    assert monitored == {"sft": False, "counting": True}


def test_a_scorer_outside_the_loop_makes_another_training(planned: Planned) -> None:
    trained: dict[str, Any] = {"strategies": ("duet",), "trainers": ("counting",), "baselines": False}
    (plain,), (monitored,) = (
        planned(*settings, **trained).cells for settings in ([], ["training.monitor_scorer=rating_text"])
    )
    assert plain.training_id != monitored.training_id


def test_all_faults_are_reported_at_once(planned: Planned) -> None:
    with pytest.raises(ConfigError) as caught:
        planned("duet.jiont=cross", "duet.history_k=many", "unknown.x=1", "10h.k=1", strategies=("duet",))
    faults = caught.value.faults
    assert [fault.partition(":")[0] for fault in faults] == ["unknown", "duet.jiont", "duet.history_k", "10h.k"]
    assert "did you mean 'joint'?" in faults[1]


def test_an_unknown_name_alone_keeps_its_message(planned: Planned) -> None:
    with pytest.raises(UnknownName, match="no strategy named 'deut'; did you mean 'duet'"):
        planned(strategies=("deut",))


def test_several_unknown_names_are_reported_at_once(planned: Planned) -> None:
    with pytest.raises(ConfigError) as caught:
        planned(strategies=("deut",), datasets=("tinny",))
    assert len(caught.value.faults) == 2


def test_an_option_of_a_plugin_beside_the_grid_is_a_fault(planned: Planned) -> None:
    with pytest.raises(ConfigError, match=r"duet\.joint: this run uses no strategy 'duet'"):
        planned("duet.joint=cross", strategies=("10h",))


def test_an_empty_split_names_the_steps(planned: Planned) -> None:
    with pytest.raises(DataError, match="no rows are left in test after the steps"):
        planned("data.steps=[dedupe, sort, split_count:0.9/0.1/0.0]")


def test_kinds_tell_plugins_of_one_name_apart(planned: Planned) -> None:
    made = planned("strategy.duet.joint=cross", strategies=("duet",), baselines=False)
    assert made.cells[0].writing is not None
    assert made.cells[0].writing.strategy.options["joint"] == "cross"


def test_the_command_line_wins_over_the_file(plugins: Plugins, model: str) -> None:
    options = {"duet": {"joint": "cross", "history_k": 3}}
    grid = Grid(("duet",), ("tiny",), (model,), ("none",), engine="logging", baselines=False, options=options)
    made = plan(RunConfig((grid,), "test", {"duet.history_k": "4"}), plugins)
    assert made.cells[0].writing is not None
    assert made.cells[0].writing.strategy.options["history_k"] == 4
    assert made.cells[0].writing.strategy.options["joint"] == "cross"


def test_options_in_a_file_for_plugins_beside_the_grid_are_only_checked(plugins: Plugins, model: str) -> None:
    grid = Grid(("10h",), ("tiny",), (model,), engine="logging", options={"duet": {"joint": "cross"}})
    assert plan(RunConfig((grid,), "test"), plugins).cells
    with pytest.raises(ConfigError, match=r"duet\.joint: expected one of"):
        plan(RunConfig((replace(grid, options={"duet": {"joint": "crossed"}}),), "test"), plugins)


def test_the_scorer_in_a_trainings_loop_takes_options_too(planned: Planned) -> None:
    settings = ("training.scorer=rating_text", "rating_text.history_k=2")
    made = planned(*settings, strategies=("duet",), trainers=("counting",), baselines=False)
    assert made.cells[0].writing is not None
    assert made.cells[0].writing.trained_on is not None
    assert made.cells[0].writing.trained_on.options["history_k"] == 2


@pytest.mark.parametrize(("settings", "used"), [((), "compact"), (("duet.prompt_set=default",), "default")])
def test_a_models_card_suggests_options_that_the_user_may_overrule(
    planned: Planned, settings: tuple[str, ...], used: str
) -> None:
    made = planned(*settings, strategies=("duet",), models=("toy-lm",), baselines=False)
    assert made.cells[0].writing is not None
    assert made.cells[0].writing.strategy.options["prompt_set"] == used


def test_weights_of_a_reward_are_numbers(planned: Planned) -> None:
    with pytest.raises(ConfigError, match=r"training\.rewards: expected name:weight, got 'fractional:much'"):
        planned("training.rewards=fractional:much", strategies=("duet",), trainers=("counting",))


def test_plugins_of_two_kinds_with_one_name_are_distinguished(plugins: Plugins) -> None:
    from duetbench.runner.config.options import OptionValues

    known = plugins.of_kind("trainer")
    plugins.of_kind("reward")["counting"] = known["counting"]
    options = OptionValues(plugins, {}, file={}, settings={"counting.log": "x"}, preferred=[])
    assert options.faults == ["counting: reward and trainer have this name; write reward.counting"]
    chosen = OptionValues(plugins, {}, file={}, settings={"counting.log": "x"}, preferred=[("trainer", "counting")])
    assert not chosen.faults


TRAINED = {"strategies": ("duet",), "trainers": ("local_trainer",), "baselines": False}


def test_a_training_takes_options_of_the_engine_that_its_weights_run_on(planned: Planned) -> None:
    writing = planned("transformers.device=cpu", **TRAINED).cells[0].writing
    assert writing is not None
    assert writing.engine.name == "logging"
    assert writing.policy_engine is not None
    assert (writing.policy_engine.name, writing.policy_engine.options["device"]) == ("transformers", "cpu")


def test_options_of_a_trainings_engine_make_another_training(planned: Planned) -> None:
    ids = {planned(*settings, **TRAINED).cells[0].training_id for settings in ([], ["transformers.batch_tokens=99"])}
    assert len(ids) == 2


def test_a_training_on_the_cells_own_engine_takes_its_options(planned: Planned) -> None:
    writing = planned("transformers.dtype=float32", **{**TRAINED, "engine": "transformers"}).cells[0].writing
    assert writing is not None
    assert writing.policy_engine == writing.engine
    assert "policy_engine" not in writing.describe()["training"]


def test_an_option_that_has_no_effect_on_a_training_is_a_fault(planned: Planned) -> None:
    with pytest.raises(ConfigError, match=r"transformers\.dtype: no effect here: .* use only batch_tokens, device"):
        planned("transformers.dtype=float16", **TRAINED)


@pytest.mark.parametrize("trainer", ["none", "counting"])
def test_without_such_a_training_its_engines_options_are_a_fault(planned: Planned, trainer: str) -> None:
    with pytest.raises(ConfigError, match=r"transformers\.device: this run uses no engine 'transformers'"):
        planned("transformers.device=cpu", **{**TRAINED, "trainers": (trainer,)})


def test_an_option_has_an_effect_if_another_grid_uses_the_engine(plugins: Plugins, model: str) -> None:
    grid = Grid(("duet",), ("tiny",), (model,), ("local_trainer",), engine="logging", baselines=False)
    plain = replace(grid, trainers=("none",), engine="transformers")
    settings = {"transformers.dtype": "float32"}
    assert len(plan(RunConfig((grid, plain), "test", settings), plugins).cells) == 2


def test_the_built_in_trainers_run_on_transformers(plugins: Plugins) -> None:
    from duetbench.training.options import POLICY_OPTIONS

    trainers = {name: registered.cls for name, registered in plugins.of_kind("trainer").items()}
    assert {name for name, cls in trainers.items() if cls.policy_options == POLICY_OPTIONS} == {"sft", "dpo", "grpo"}


def test_training_options_without_a_training_are_a_fault(planned: Planned) -> None:
    for setting in ("shuffled_ratings=true", "rewards=exact", "min_user_history=1", "valid_examples=5"):
        with pytest.raises(ConfigError, match=rf"training\.{setting.split('=')[0]}: no effect here: no trainer"):
            planned(f"training.{setting}", strategies=("duet",), trainers=("none",))
    assert planned("training.valid_examples=5", strategies=("duet",), trainers=("none", "counting")).cells


def test_training_options_in_a_file_need_no_training(plugins: Plugins, model: str) -> None:
    options = {"training": {"valid_examples": 5}}
    grid = Grid(("duet",), ("tiny",), (model,), ("none",), engine="logging", baselines=False, options=options)
    assert plan(RunConfig((grid,), "test"), plugins).cells


def test_a_default_that_is_given_but_has_no_effect_is_a_fault(planned: Planned) -> None:
    with pytest.raises(ConfigError, match=r"duet\.joint has no effect: side=user writes one profile; leave it out"):
        planned("duet.side=user", "duet.joint=paired", strategies=("duet",))
    with pytest.raises(ConfigError, match=r"kar\.recent_k has no effect: history_slice=first"):
        planned("kar.history_slice=first", "kar.recent_k=0", strategies=("kar",))


def test_a_default_has_an_effect_if_another_grid_uses_it(plugins: Plugins, model: str) -> None:
    grid = Grid(("duet",), ("tiny",), (model,), ("none",), engine="logging", baselines=False)
    one_side = replace(grid, options={"duet": {"side": "user"}})
    assert len(plan(RunConfig((grid, one_side), "test", {"duet.joint": "paired"}), plugins).cells) == 2


def test_dropped_training_rows_are_noted_once_per_dataset(planned: Planned) -> None:
    made = planned("training.min_user_history=1", strategies=("duet",), trainers=("counting",), seeds=(0, 1))
    notes = [note for note in made.notes if "are dropped" in note]
    assert len(notes) == 1
    assert "tiny: 12 of" in notes[0]


def test_options_of_training_stages_are_a_fault_without_such_a_training(planned: Planned) -> None:
    with pytest.raises(ConfigError, match=r"r4rec\.tau: no effect here"):
        planned("r4rec.tau=0.5", strategies=("r4rec",), trainers=("none",))
    assert planned("r4rec.tau=0.5", strategies=("r4rec",), trainers=("none", "sft")).cells


@pytest.mark.parametrize(
    ("settings", "strategy"),
    [
        (("duet.side=user", "duet.joint=cross"), "duet"),
        (("sampling.top_p=0.9",), "duet"),
        (("history.average_k=5",), "duet"),
        (("rating_expectation.history_k=0", "rating_expectation.review_chars=50"), "10h"),
    ],
)
def test_an_option_without_effect_next_to_the_others_is_a_fault(
    planned: Planned, settings: tuple[str, ...], strategy: str
) -> None:
    with pytest.raises(ConfigError, match="has no effect"):
        planned(*settings, strategies=(strategy,), trainers=("none",))


def test_a_scorer_that_reads_aspects_requires_a_strategy_that_writes_them(planned: Planned) -> None:
    options = {"scorers": ("r4rec_predictor",), "trainers": ("none",)}
    assert planned("r4rec_predictor.reviews=aspects", strategies=("r4rec",), **options).cells
    with pytest.raises(ConfigError, match=r"r4rec_predictor reads what the strategy writes .* duet writes nothing"):
        planned("r4rec_predictor.reviews=aspects", strategies=("duet",), **options)


def test_a_scorer_whose_package_is_missing_is_no_baseline_and_an_error_by_name(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("duetbench.scorers.predictors.cornac_mf.find_spec", lambda _name: None)
    assert "cornac_mf" not in {name[4] for name in _names(planned())}
    with pytest.raises(MissingDependency, match=r"pip install 'duetbench\[cornac\]'"):
        planned(scorers=("cornac_mf",))


def test_grids_with_other_histories_share_only_scorers_that_do_not_read_them(plugins: Plugins) -> None:
    grids = tuple(Grid((), ("tiny",), options={"history": {"k": k}}) for k in (80, 30))
    counts = Counter(cell.scorer.name for cell in plan(RunConfig(grids, "test"), plugins).cells)
    assert (counts["bias"], counts["matrix_factorization"]) == (1, 1)
    assert (counts["history_logistic"], counts["tfidf_ridge"], counts["boosting"]) == (2, 2, 2)


@pytest.mark.parametrize(("trainer", "option"), [("sft", "teachers"), ("dpo", "explorers")])
def test_other_weights_of_a_further_model_are_another_training(
    planned: Planned, tmp_path: Path, trainer: str, option: str
) -> None:
    folder = make_model_folder(tmp_path / "further")
    grid: dict[str, Any] = {"strategies": ("duet",), "trainers": (trainer,), "baselines": False}
    first = _ids(planned(f"{trainer}.{option}=path:{folder}", **grid))
    assert _ids(planned(f"{trainer}.{option}=path:{folder}", **grid)) == first
    write_weights(folder / WEIGHTS, value=1)
    other = _ids(planned(f"{trainer}.{option}=path:{folder}", **grid))
    assert other[0] != first[0]
    assert other[1] != first[1]


def test_a_further_model_that_does_not_exist_is_found_before_the_run(planned: Planned) -> None:
    with pytest.raises(UnknownName, match="no-such-model"):
        planned("dpo.explorers=no-such-model", strategies=("duet",), trainers=("dpo",), baselines=False)


def test_another_dataset_asks_for_a_model(planned: Planned) -> None:
    with pytest.raises(ConfigError, match="tiny needs a model: the default, toy-lm, knows the dataset toy only; "):
        planned(models=())


def test_the_toy_dataset_has_a_default_model(planned: Planned) -> None:
    made = planned(datasets=("toy",), models=(), engine="transformers")
    assert {cell.writing.model.name for cell in made.cells if cell.writing} == {"toy-lm"}
    assert made.notes == ()


@pytest.mark.parametrize("changes", [{"strategies": ()}, {"scorers": ("bias",)}])
def test_what_uses_no_model_asks_for_none(planned: Planned, changes: dict[str, Any]) -> None:
    assert planned(models=(), **changes).cells


def test_the_toy_model_on_another_dataset_is_not_silent(planned: Planned) -> None:
    made = planned(models=("toy-lm",), engine="transformers")
    assert made.notes == (
        "toy-lm was trained on the texts of the dataset toy only: its results on tiny say nothing about any strategy; "
        "choose another model with --model",
    )


def test_the_seed_of_a_limit_without_a_limit_has_no_effect(planned: Planned) -> None:
    with pytest.raises(ConfigError, match=r"data\.sample_seed: no effect: it chooses the pairs of --limit"):
        planned("data.sample_seed=3")
    assert planned("data.sample_seed=3", limit=2).cells


def test_cells_of_a_model_and_of_a_dataset_are_adjacent(planned: Planned, tmp_path: Path, model: str) -> None:
    other = f"path:{make_model_folder(tmp_path / 'another')}"
    write_weights(tmp_path / "another" / WEIGHTS, value=7)
    grid: dict[str, Any] = {"trainers": ("none", "counting"), "strategies": ("10h", "picky"), "baselines": False}
    made = planned("data.steps=sort,split_count:0.6/0.2/0.2", models=(model, other), seeds=(0, 1), **grid)
    models = [name[3] for name in _names(made)]
    assert models == sorted(models)
    trained = [cell.training_id is not None for cell in made.cells if cell.names[3] == model]
    assert trained == sorted(trained)


def test_grids_with_other_histories_share_one_dataset(plugins: Plugins, model: str, loaded: list[Path]) -> None:
    options: list[dict[str, dict[str, Any]]] = [{"history": {"k": 80}}, {"history": {"k": 90}}]
    grids = tuple(Grid(("10h",), ("tiny",), (model,), engine="logging", options=each) for each in options)
    made = plan(RunConfig(grids, "test"), plugins)
    assert len({id(cell.data.prepared) for cell in made.cells}) == 1
    assert len(loaded) == 1


def test_a_prepared_folder_is_loaded_once(planned: Planned, plugins: Plugins, model: str, loaded: list[Path]) -> None:
    folder = planned(baselines=False).cells[0].data.prepared.folder
    loaded.clear()
    grids = tuple(Grid((name,), (str(folder),), (model,), engine="logging") for name in ("10h", "picky"))
    plan(RunConfig(grids, "test"), plugins)
    assert loaded == [folder]


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders of prepared datasets that are loaded."""
    import duetbench.data
    from duetbench.data.preparation import prepare

    folders: list[Path] = []
    load = prepare.load_prepared

    def counted(folder: Path) -> Any:
        folders.append(folder)
        return load(folder)

    for module in (prepare, duetbench.data):
        monkeypatch.setattr(module, "load_prepared", counted)
    return folders


@pytest.mark.parametrize("name", ["raw", "max_error_rate"])
def test_options_of_raw_files_have_no_effect_on_generated_ones(planned: Planned, name: str) -> None:
    with pytest.raises(ConfigError, match=rf"data\.{name}: no effect, because toy generates its raw files"):
        planned(f"data.{name}=0.5", datasets=("toy",))


def test_options_of_raw_files_have_an_effect_next_to_generated_ones(planned: Planned, tmp_path: Path) -> None:
    made = planned(f"data.raw={tmp_path}", datasets=("toy", "tiny"), baselines=False)
    assert {cell.data.choice.name for cell in made.cells} == {"toy", "tiny"}
    assert not any(tmp_path.glob("*.json*"))


def test_planning_many_seeds_builds_each_plugin_once(planned: Planned, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    make = PluginChoice.make

    def counted(choice: PluginChoice, **extra: Any) -> Any:
        made.append(1)
        return make(choice, **extra)

    monkeypatch.setattr(PluginChoice, "make", counted)
    sizes = []
    for n in (2, 50):
        made.clear()
        cells = planned(strategies=("10h", "picky"), trainers=("counting",), seeds=tuple(range(n)), baselines=False)
        assert len({cell.id for cell in cells.cells}) == 2 * n
        sizes.append(len(made))
    assert sizes[0] == sizes[1]
