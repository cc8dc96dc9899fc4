"""A finished cell is computed again when any module of a plugin's package changes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from package_making import install, reward_module

from duetbench.digests import digest_of_file
from duetbench.plugins import Plugins
from duetbench.runner.planning.plugin_code import module_digests

SIBLINGS = f"import sys\nsys.path.insert(0, __file__.rpartition('/')[0])\nimport acme_near\n{reward_module('mine')}"


@pytest.fixture
def modules(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """The digests of the reward `mine`, as a register that is created now has them."""
    return lambda *folders: module_digests(Plugins(folders, {}).get("reward", "mine"))


Modules = Callable[..., dict[str, str]]


def _package(site: Path) -> None:
    files = {
        "acme/__init__.py": "",
        "acme/plugin.py": f"from acme.deep import helper\n{reward_module('mine')}",
        "acme/deep/__init__.py": "",
        "acme/deep/helper.py": "WEIGHT = 1\n",
        "acme/never_imported.py": "",
        "acme/data.txt": "no module",
        "acme_second.py": "",
    }
    install(site, "acme-reward", files, "mine = acme.plugin")


def test_all_modules_of_a_package_are_named(site: Path, modules: Modules) -> None:
    _package(site)
    named = [
        "acme/__init__.py",
        "acme/deep/__init__.py",
        "acme/deep/helper.py",
        "acme/never_imported.py",
        "acme/plugin.py",
        "acme_second.py",
    ]
    assert list(modules()) == named
    assert modules()["acme/deep/helper.py"] == digest_of_file(site / "acme" / "deep" / "helper.py")


@pytest.mark.parametrize("changed", ["acme/deep/helper.py", "acme/plugin.py", "acme_second.py", "acme/new.py"])
def test_a_change_in_any_module_is_noticed(site: Path, modules: Modules, changed: str) -> None:
    _package(site)
    before = modules()
    (site / changed).write_text("# changed\n")
    assert {name for name, digest in modules().items() if before.get(name) != digest} == {changed}


def test_byte_code_and_other_files_are_no_modules(site: Path, modules: Modules) -> None:
    _package(site)
    before = modules()
    assert (site / "acme" / "__pycache__").is_dir() or sys.dont_write_bytecode
    (site / "acme" / "data.txt").write_text("changed")
    assert modules() == before


def test_two_packages_below_one_namespace_are_separate(site: Path, modules: Modules) -> None:
    for name in ("mine", "other"):
        files = {f"acme_space/{name}/__init__.py": reward_module(name)}
        install(site, f"acme-{name}", files, f"plugin = acme_space.{name}")
    assert list(modules()) == ["acme_space/mine/__init__.py"]


def test_a_single_module_is_hashed_without_its_neighbours(site: Path, modules: Modules) -> None:
    (site / "acme_other.py").write_text("")
    text = f"import acme_other\n{reward_module('mine')}"
    install(site, "acme-reward", {"acme_alone.py": text}, "mine = acme_alone")
    assert list(modules()) == ["acme_alone.py"]


def test_an_editable_installation_has_the_digests_of_an_ordinary_one(
    site: Path, modules: Modules, monkeypatch: pytest.MonkeyPatch
) -> None:
    _package(site)
    ordinary = {name: digest for name, digest in modules().items() if name.startswith("acme/")}
    source = site.parent / "source"
    source.mkdir()
    (site / "acme").rename(source / "acme")
    monkeypatch.syspath_prepend(source)
    for name in [name for name in sys.modules if name.startswith("acme")]:
        del sys.modules[name]
    install(site, "acme-reward", {"__editable___acme_finder.py": f"# {source}"}, "mine = acme.plugin")
    assert modules() == ordinary


def test_a_file_is_hashed_with_the_modules_next_to_it_that_it_imports(
    tmp_path: Path, modules: Modules, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    folder = tmp_path / "plugins"
    (folder / "acme_pack").mkdir(parents=True)
    (folder / "mine.py").write_text(SIBLINGS)
    (folder / "acme_near.py").write_text("from acme_pack.part import A\n")
    (folder / "acme_pack" / "__init__.py").write_text("")
    (folder / "acme_pack" / "part.py").write_text("from . import base\nA = 1\n")
    (folder / "acme_pack" / "base.py").write_text("")
    (folder / "_unused.py").write_text("")
    expected = ["acme_near.py", "acme_pack/__init__.py", "acme_pack/base.py", "acme_pack/part.py", "mine.py"]
    assert list(modules(folder / "mine.py")) == expected


def test_built_in_plugins_have_no_modules() -> None:
    assert module_digests(Plugins(environ={}).get("reward", "exact")) == {}


@pytest.mark.slow
def test_a_cell_of_a_changed_package_is_computed_again(tmp_path: Path) -> None:
    site = tmp_path / "site"
    text = (
        "from acme_mean.value import VALUE\nfrom duetbench.hookspecs import hookimpl\n"
        "from duetbench.interfaces import Scorer\nfrom duetbench.types import Prediction\n"
        "class Constant(Scorer):\n    name = 'constant'\n    needs_engine = False\n"
        "    def score(self, requests, profiles, engine):\n        return [Prediction(VALUE) for _ in requests]\n"
        "@hookimpl\ndef duetbench_register_scorers():\n    return [Constant]\n"
    )
    files = {"acme_mean/__init__.py": text, "acme_mean/value.py": "VALUE = 3.0\n"}
    install(site, "acme-mean", files, "mean = acme_mean")
    states = []
    for value in ("3.0", "3.0", "4.0"):
        (site / "acme_mean" / "value.py").write_text(f"VALUE = {value}\n")
        states.append(_run(site, tmp_path / "out"))
    assert ["1 computed" in state for state in states] == [True, False, True]
    assert "1 already finished" in states[1]


def _run(site: Path, out: Path) -> str:
    words = ["run", "--strategy", "10h", "--scorer", "constant", "--no-baselines", "--limit", "3", "--out", str(out)]
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "duetbench", *words],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr
