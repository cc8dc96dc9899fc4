"""The register: three sources, and what becomes of broken, misspelt, doubled, unknown and blocked plugins."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest
from package_making import install, reward_module

from duetbench import plugin_sources
from duetbench.errors import PluginError, UnknownName
from duetbench.interfaces import PLURALS
from duetbench.plugin_sources import import_file
from duetbench.plugins import BUILTIN, Plugins


def _file(folder: Path, stem: str, text: str) -> Path:
    path = folder / f"{stem}.py"
    path.write_text(text)
    return path


def _reward(
    folder: Path, stem: str, name: str, *, hook: str = "duetbench_register_rewards", returned: str = "Mine"
) -> Path:
    return _file(folder, stem, reward_module(name, hook=hook, returned=returned))


def _plugins(*folders: Path, **environ: str) -> Plugins:
    return Plugins(folders, environ)


def test_built_ins_come_through_their_hooks() -> None:
    found = Plugins(environ={}).of_kind("strategy")
    assert {"10h", "duet"} <= set(found)
    assert {each.origin for each in found.values()} >= {"built-in"}


def test_every_kind_has_a_built_in_module() -> None:
    assert len(BUILTIN) == len(PLURALS)


def test_hook_datasets() -> None:
    assert "toy" in Plugins(environ={}).of_kind("dataset")


def test_hook_engines() -> None:
    assert "transformers" in Plugins(environ={}).of_kind("engine")


def test_hook_strategies() -> None:
    assert "duet" in Plugins(environ={}).of_kind("strategy")


def test_hook_scorers() -> None:
    assert "rating_text" in Plugins(environ={}).of_kind("scorer")


def test_hook_rewards() -> None:
    assert "fractional" in Plugins(environ={}).of_kind("reward")


def test_hook_trainers() -> None:
    assert "none" in Plugins(environ={}).of_kind("trainer")


def test_hook_controls() -> None:
    assert "shuffled_user" in Plugins(environ={}).of_kind("control")


def test_hook_metrics() -> None:
    assert "mae" in Plugins(environ={}).of_kind("metric")


METRIC = """
from duetbench.hookspecs import hookimpl
from duetbench.interfaces import Metric, option
from dataclasses import dataclass

class Mine(Metric):
    name = "{name}"
    title = "Mine"
    lower_is_better = True
    {more}

    def compute(self, predicted, truth, domain):
        return {{"raw": None}}

@hookimpl
def duetbench_register_metrics():
    return [Mine]
"""


def _metric(folder: Path, stem: str, name: str, more: str = "") -> Path:
    return _file(folder, stem, METRIC.format(name=name, more=more))


def test_metrics_come_in_the_order_of_registration(tmp_path: Path) -> None:
    _metric(tmp_path, "one", "zzz")
    _metric(tmp_path, "two", "aaa")
    names = [metric.name for metric in _plugins(tmp_path).metrics()]
    assert names == ["mae", "rmse", "accuracy", "f1", "f1_weighted", "zzz", "aaa"]


def test_a_metric_must_not_go_missing_behind_another_of_its_name(tmp_path: Path) -> None:
    path = _metric(tmp_path, "one", "rmse")
    with pytest.raises(PluginError, match=r"two metrics are named 'rmse': one from built-in, one from file") as error:
        _plugins(tmp_path).metrics()
    assert str(path) in str(error.value)


def test_a_metric_that_cannot_be_created_is_blamed(tmp_path: Path) -> None:
    path = _metric(tmp_path, "one", "mine", "def __init__(self): raise KeyError('lost')")
    with pytest.raises(PluginError) as error:
        _plugins(tmp_path).metrics()
    assert str(error.value) == f"metric 'mine' from file {path}: KeyError: 'lost'"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ("title: str; del title, lower_is_better", "Mine needs the class attribute title, lower_is_better"),
        ("Config = dataclass(frozen=True)(type('C', (), {'__annotations__': {'k': int}, 'k': 5}))", "has options"),
    ],
)
def test_an_incomplete_metric_is_broken(tmp_path: Path, more: str, reason: str) -> None:
    _metric(tmp_path, "one", "mine", more)
    plugins = _plugins(tmp_path)
    assert "mine" not in plugins.of_kind("metric")
    assert reason in plugins.broken[0].reason


def test_file_in_a_folder_is_a_plugin(tmp_path: Path) -> None:
    path = _reward(tmp_path, "mine", "mine")
    assert _plugins(tmp_path).get("reward", "mine").origin == f"file {path}"


def test_file_itself_is_a_plugin(tmp_path: Path) -> None:
    path = _reward(tmp_path, "mine", "mine")
    assert _plugins(path).get("reward", "mine").origin == f"file {path}"


def test_folders_may_come_from_the_environment(tmp_path: Path) -> None:
    _reward(tmp_path, "mine", "mine")
    assert "mine" in _plugins(DUETBENCH_PLUGINS=str(tmp_path)).of_kind("reward")


def test_files_with_an_underscore_are_left_alone(tmp_path: Path) -> None:
    _file(tmp_path, "_helper", "raise RuntimeError")
    plugins = _plugins(tmp_path)
    plugins.of_kind("reward")
    assert plugins.broken == []


def test_missing_folder_is_reported(tmp_path: Path) -> None:
    plugins = _plugins(tmp_path / "gone")
    plugins.of_kind("reward")
    assert [str(broken) for broken in plugins.broken] == [f"folder {tmp_path / 'gone'}: the folder does not exist"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import no_such_package_", "ModuleNotFoundError: No module named 'no_such_package_'"),
        ("def (:", "SyntaxError:"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_broken_file_is_blamed_and_the_rest_works(tmp_path: Path, text: str, reason: str) -> None:
    path = _file(tmp_path, "bad", text)
    _reward(tmp_path, "good", "good")
    plugins = _plugins(tmp_path)
    assert "good" in plugins.of_kind("reward")
    assert [broken.origin for broken in plugins.broken] == [f"file {path}"]
    assert plugins.broken[0].reason.startswith(reason)
    assert "\n" not in str(plugins.broken[0])


def test_misspelt_hook_is_blamed(tmp_path: Path) -> None:
    _reward(tmp_path, "bad", "mine", hook="duetbench_register_reward")
    plugins = _plugins(tmp_path)
    assert "mine" not in plugins.of_kind("reward")
    assert "unknown hook duetbench_register_reward" in plugins.broken[0].reason


def test_hook_with_an_argument_is_blamed(tmp_path: Path) -> None:
    path = _reward(tmp_path, "bad", "mine")
    path.write_text(path.read_text().replace("def duetbench_register_rewards()", "def duetbench_register_rewards(x)"))
    plugins = _plugins(tmp_path)
    assert "mine" not in plugins.of_kind("reward")
    assert [broken.origin for broken in plugins.broken] == [f"file {path}"]


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        ("int", "is not a subclass of duetbench.interfaces.Reward"),
        ("'Mine'", "is not a subclass of duetbench.interfaces.Reward"),
        ("type('Other', (Mine,), {'name': 'Upper Case'})", "needs a `name`"),
        ("Reward", "needs a `name`"),
        ("type('Other', (Reward,), {'name': 'other'})", "does not implement __call__"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_hook_that_returns_nonsense_is_blamed(tmp_path: Path, returned: str, reason: str) -> None:
    _reward(tmp_path, "bad", "mine", returned=returned)
    plugins = _plugins(tmp_path)
    assert "fractional" in plugins.of_kind("reward")
    assert reason in plugins.broken[0].reason


@pytest.mark.parametrize("returned", ["return Mine", "return None", "pass"])
def test_hook_that_returns_no_list_is_blamed(tmp_path: Path, returned: str) -> None:
    path = _reward(tmp_path, "bad", "mine")
    path.write_text(path.read_text().replace("return [Mine]", returned))
    plugins = _plugins(tmp_path)
    plugins.of_kind("reward")
    assert "duetbench_register_rewards has to return a list of classes" in plugins.broken[0].reason


def test_two_of_one_name_are_an_error_naming_both_origins(tmp_path: Path) -> None:
    one, other = _reward(tmp_path, "one", "mine"), _reward(tmp_path, "other", "mine")
    with pytest.raises(PluginError, match="two rewards are named 'mine'") as error:
        _plugins(tmp_path).get("reward", "mine")
    assert str(one) in str(error.value)
    assert str(other) in str(error.value)


def test_a_third_party_plugin_cannot_take_a_built_in_name(tmp_path: Path) -> None:
    _reward(tmp_path, "one", "fractional")
    with pytest.raises(PluginError, match="one from built-in, one from file"):
        _plugins(tmp_path).get("reward", "fractional")


def test_all_of_one_name_are_reported(tmp_path: Path) -> None:
    files = [_reward(tmp_path, name, "mine") for name in ("x", "y", "z")]
    with pytest.raises(PluginError, match="3 rewards are named 'mine'") as error:
        _plugins(tmp_path).get("reward", "mine")
    assert all(str(file) in str(error.value) for file in files)


def test_a_fault_is_that_of_the_file_it_came_about_in(tmp_path: Path) -> None:
    for name in ("my.a", "my.b"):
        _reward(tmp_path, name, name.replace(".", "-"))
    plugins = _plugins(tmp_path)
    faulty = plugins.get("reward", "my-a").cls()
    with pytest.raises(TypeError) as error:
        faulty(1, 2, 3)
    assert plugins.origin_of_error(error.value) is None  # it never came to run
    with pytest.raises(TypeError) as error:
        faulty(3)
    assert str(plugins.origin_of_error(error.value)).startswith(f"file {tmp_path}/my.a.py, my.a.py line ")


def test_two_of_one_name_leave_the_others_alone(tmp_path: Path) -> None:
    _reward(tmp_path, "one", "fractional")
    plugins = _plugins(tmp_path)
    assert plugins.get("reward", "exact").origin == "built-in"
    assert "fractional" not in plugins.of_kind("reward")
    assert plugins.ambiguous("reward") == ["fractional"]
    assert [str(broken).count("fractional") for broken in plugins.broken] == [1]


def test_blocking_a_file_settles_a_clash(tmp_path: Path) -> None:
    _reward(tmp_path, "one", "fractional")
    plugins = _plugins(tmp_path, DUETBENCH_DISABLE_PLUGINS="one")
    assert plugins.get("reward", "fractional").origin == "built-in"
    assert plugins.blocked == ["one"]


def test_files_of_one_stem_in_two_folders_both_load(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    _reward(tmp_path / "a", "mine", "first")
    _reward(tmp_path / "b", "mine", "second")
    found = _plugins(tmp_path / "a", tmp_path / "b").of_kind("reward")
    assert {"first", "second"} <= set(found)
    assert found["first"].cls.__module__ != found["second"].cls.__module__


def test_one_folder_named_twice_is_read_once(tmp_path: Path) -> None:
    _reward(tmp_path, "mine", "mine")
    plugins = _plugins(tmp_path, tmp_path, DUETBENCH_PLUGINS=str(tmp_path))
    assert "mine" in plugins.of_kind("reward")
    assert plugins.broken == []


def test_unknown_name_gets_a_did_you_mean() -> None:
    with pytest.raises(UnknownName, match="no strategy named 'deut'; did you mean 'duet'"):
        Plugins(environ={}).get("strategy", "deut")


def test_unknown_name_mentions_what_is_broken(tmp_path: Path) -> None:
    _file(tmp_path, "bad", "import no_such_package_")
    with pytest.raises(UnknownName, match=r"Broken plugins: file .*bad\.py: ModuleNotFoundError"):
        _plugins(tmp_path).get("reward", "mine")


def test_blocked_name_is_unknown_and_says_why() -> None:
    plugins = _plugins(DUETBENCH_DISABLE_PLUGINS="duet, other")
    with pytest.raises(UnknownName, match="'duet' is blocked by DUETBENCH_DISABLE_PLUGINS"):
        plugins.get("strategy", "duet")


def _package(site: Path, name: str, text: str, *, point: str = "mine") -> None:
    """An installed package with one module, whose name is that of the package."""
    module = name.replace("-", "_")
    install(site, name, {f"{module}.py": text}, f"{point} = {module}")


def test_installed_package_is_a_plugin(site: Path) -> None:
    _package(site, "acme-reward", reward_module("mine"))
    assert _plugins().get("reward", "mine").origin == "package acme-reward 1.0"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import no_such_package_", "ModuleNotFoundError: No module named 'no_such_package_'"),
        ("raise SystemExit('needs a GPU')", "SystemExit: needs a GPU"),
        ("import sys; sys.exit()", "SystemExit"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("class Odd(BaseException): pass\nraise Odd('at import')", "Odd: at import"),
        ("class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd", "Odd: (its message cannot"),
        ("raise ValueError('long ' * 10000)", "ValueError: long long"),
    ],
)
def test_broken_package_is_blamed_and_the_rest_works(site: Path, text: str, reason: str) -> None:
    _package(site, "acme-bad", text)
    _package(site, "acme-good", reward_module("good"))
    plugins = _plugins()
    assert {"fractional", "good"} <= set(plugins.of_kind("reward"))
    assert [broken.origin for broken in plugins.broken] == ["package acme-bad 1.0"]
    assert plugins.broken[0].reason.startswith(reason)
    assert len(str(plugins.broken[0])) < 500


@pytest.mark.parametrize(
    "fault", ["raise SystemExit(2)", "raise GeneratorExit", "import asyncio; raise asyncio.CancelledError"]
)
def test_hook_that_ends_the_process_is_blamed_and_the_rest_works(site: Path, fault: str) -> None:
    _package(site, "acme-bad", reward_module("bad").replace("return [Mine]", fault))
    _package(site, "acme-good", reward_module("good"))
    plugins = _plugins()
    assert {"fractional", "good"} <= set(plugins.of_kind("reward"))
    assert [broken.origin for broken in plugins.broken] == ["package acme-bad 1.0"]


def test_ctrl_c_during_an_import_is_no_fault_of_the_package(site: Path) -> None:
    _package(site, "acme-slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        _plugins().of_kind("reward")


def test_two_packages_with_one_entry_point_name_both_work(site: Path) -> None:
    _package(site, "acme-one", reward_module("one"), point="plugin")
    _package(site, "acme-two", reward_module("two"), point="plugin")
    plugins = _plugins()
    origins = {name: plugins.get("reward", name).origin for name in ("one", "two")}
    assert origins == {"one": "package acme-one 1.0", "two": "package acme-two 1.0"}
    assert plugins.broken == []


def test_two_packages_with_one_module_are_both_named(site: Path) -> None:
    for name in ("acme-one", "acme-two"):
        install(site, name, {"plugin_of_both.py": reward_module("mine")}, "plugin = plugin_of_both")
    plugins = _plugins()
    assert plugins.get("reward", "mine").origin == "package acme-one 1.0"
    (broken,) = plugins.broken
    assert broken.origin == "package acme-two 1.0"
    assert "names plugin_of_both, which package acme-one 1.0 registers as well" in broken.reason
    assert "PluginManager" not in str(broken)
    assert len(str(broken)) < 300


def test_two_packages_with_one_class_name_are_both_named(site: Path) -> None:
    for name in ("acme-one", "acme-two"):
        _package(site, name, reward_module("mine"), point="plugin")
    with pytest.raises(PluginError, match=r"one from package acme-one 1\.0, one from package acme-two 1\.0; "):
        _plugins().get("reward", "mine")


@pytest.mark.parametrize("blocked", ["acme-two", "acme_two", "second"])
def test_one_of_two_packages_can_be_blocked_by_name_or_entry_point(site: Path, blocked: str) -> None:
    _package(site, "acme-one", reward_module("mine"), point="first")
    _package(site, "acme-two", reward_module("mine"), point="second")
    plugins = _plugins(DUETBENCH_DISABLE_PLUGINS=blocked)
    assert plugins.get("reward", "mine").origin == "package acme-one 1.0"
    assert plugins.blocked == [blocked]


def test_a_package_may_name_its_module_twice(site: Path) -> None:
    install(site, "acme-reward", {"acme_twice.py": reward_module("mine")}, "a = acme_twice\nb = acme_twice")
    plugins = _plugins()
    assert "mine" in plugins.of_kind("reward")
    assert plugins.broken == []


def test_a_damaged_list_of_entry_points_affects_its_package_only(site: Path) -> None:
    install(site, "acme-bad", {}, "no equals sign here")
    _package(site, "acme-good", reward_module("good"))
    plugins = _plugins()
    assert "good" in plugins.of_kind("reward")
    assert ["entry_points.txt cannot be read" in broken.reason for broken in plugins.broken] == [True]


def test_a_package_without_hooks_is_reported(site: Path) -> None:
    _package(site, "acme-empty", "value = 1")
    plugins = _plugins()
    plugins.of_kind("reward")
    assert "it defines none of the hooks duetbench_register_datasets" in plugins.broken[0].reason


def test_a_hook_without_its_mark_is_reported(site: Path) -> None:
    _package(site, "acme-reward", reward_module("mine").replace("@hookimpl\n", ""))
    plugins = _plugins()
    assert "mine" not in plugins.of_kind("reward")
    assert "duetbench_register_rewards is not marked with @hookimpl" in plugins.broken[0].reason


def test_faults_are_told_apart_by_package_below_one_namespace(site: Path) -> None:
    for name in ("one", "two"):
        module = f"acme_space/{name}/__init__.py"
        install(site, f"acme-{name}", {module: reward_module(name)}, f"plugin = acme_space.{name}")
    plugins = _plugins()
    faulty = plugins.get("reward", "one").cls()
    with pytest.raises(TypeError) as error:
        faulty(3)
    assert str(plugins.origin_of_error(error.value)).startswith("package acme-one 1.0, __init__.py line ")


def test_blocked_package_is_not_imported(site: Path) -> None:
    _package(site, "acme-bad", "1 / 0")
    plugins = _plugins(DUETBENCH_DISABLE_PLUGINS="mine")
    plugins.of_kind("reward")
    assert (plugins.broken, plugins.blocked) == ([], ["mine"])


def test_nothing_is_imported_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(group: str) -> None:
        raise AssertionError(f"{group} was looked up")

    monkeypatch.setattr(plugin_sources, "entry_points", refuse)
    Plugins(environ={})
    assert importlib.metadata.entry_points is not refuse


def test_a_failed_lookup_can_be_repeated(tmp_path: Path) -> None:
    _file(tmp_path, "bad", "1 / 0")
    plugins = _plugins(tmp_path)
    plugins.of_kind("reward")
    plugins.of_kind("scorer")
    assert len(plugins.broken) == 1


def test_a_plugin_file_is_imported_again_only_if_it_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("class Mine: pass")
    first = import_file(file)
    assert import_file(file) is first
    file.write_text("class Mine: changed = True")
    assert import_file(file).Mine.changed
