"""`--ray`, `--slurm` and their options on the command line."""

from __future__ import annotations

import importlib.util

import pytest

from duetbench.cluster.choice import cluster_choice
from duetbench.cluster.ray.options import RayOptions
from duetbench.cluster.slurm.options import SlurmOptions
from duetbench.errors import ConfigError, MissingDependency


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The packages of both clusters seem to be there."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)


@pytest.mark.usefixtures("installed")
def test_options_of_a_cluster_are_no_options_of_the_run() -> None:
    choice = cluster_choice("auto", slurm=False, settings={"ray.workers": "3", "duet.joint": "cross"})
    assert choice.options == RayOptions(workers=3)
    assert choice.run_settings == {"duet.joint": "cross"}


def test_without_a_cluster_nothing_changes() -> None:
    choice = cluster_choice(None, slurm=False, settings={"duet.joint": "cross"})
    assert (choice.kind, choice.run_settings) == ("", {"duet.joint": "cross"})


@pytest.mark.parametrize(
    ("ray", "slurm", "settings", "fault"),
    [
        (None, False, {"ray.workers": "3"}, "ray.workers: no effect without --ray"),
        ("auto", False, {"slurm.gpus": "3"}, "slurm.gpus: no effect without --slurm"),
        ("auto", True, {}, "--ray and --slurm: choose one of them"),
        ("auto", False, {"ray.workers": "0"}, "ray.workers must be >= 1, got 0"),
        ("auto", False, {"ray.worker": "1"}, "ray.worker: no such option"),
        (None, True, {"slurm.executor": "local", "slurm.partition": "gpu"}, "slurm.partition has no effect"),
    ],
)
@pytest.mark.usefixtures("installed")
def test_what_cannot_have_an_effect_is_an_error(
    ray: str | None, slurm: bool, settings: dict[str, str], fault: str
) -> None:
    with pytest.raises(ConfigError, match=fault):
        cluster_choice(ray, slurm=slurm, settings=settings)


@pytest.mark.usefixtures("installed")
def test_slurm_has_its_own_options() -> None:
    choice = cluster_choice(None, slurm=True, settings={"slurm.setup": "module load cuda,module load python"})
    assert choice.options == SlurmOptions(setup=("module load cuda", "module load python"))


@pytest.mark.parametrize(
    ("ray", "command"),
    [("auto", "--ray needs ray: pip install 'duetbench[ray]'"), (None, r"--slurm needs submitit: .*duetbench\[slurm")],
)
def test_a_missing_package_is_an_error_with_the_command(
    ray: str | None, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=command.replace("[ray]", r"\[ray\]")):
        cluster_choice(ray, slurm=ray is None, settings={})
