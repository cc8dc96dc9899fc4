"""From the command line to a placement: `--ray`, `--slurm`, and their options."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duetbench.cluster.jobs import PluginPlaces, RunSource
from duetbench.cluster.ray.options import RayOptions
from duetbench.cluster.slurm.options import SlurmOptions
from duetbench.config import build_config
from duetbench.errors import ConfigError, MissingDependency
from duetbench.paths import cache_dir
from duetbench.plugins import Plugins
from duetbench.runner.config.run_config import RunConfig
from duetbench.runner.placement import Placement

_PACKAGES = {"ray": "ray", "slurm": "submitit"}


def cluster_sections() -> dict[str, type]:
    """The options of clusters, by section. A configuration says what is computed and not where: it has none of them."""
    return {"ray": RayOptions, "slurm": SlurmOptions}


@dataclass(frozen=True)
class ClusterChoice:
    """Where a run is computed."""

    kind: str
    """`ray` or `slurm`; empty: in this process."""
    address: str
    """Of the Ray cluster."""
    options: Any
    """`RayOptions` or `SlurmOptions`; None: in this process."""
    run_settings: Mapping[str, str]
    """The `--set` arguments that are not options of a cluster."""

    def placement(
        self, config: RunConfig, plugins: Plugins, folder: Path, on_event: Callable[[str], None]
    ) -> Placement:
        """Connects to the cluster. The caller closes the placement.

        Raises:
            ConfigError: the cluster has no room for what is asked for.
            EngineError: the cluster does not answer.
        """
        source = RunSource(config, PluginPlaces.of(plugins), folder.resolve(), Path.cwd(), cache_dir().resolve())
        if self.kind == "slurm":
            from duetbench.cluster.slurm.placement import SlurmPlacement

            return SlurmPlacement(self.options, source)
        if self.kind == "ray":
            from duetbench.cluster.ray.connection import RayCluster
            from duetbench.cluster.ray.placement import RayPlacement

            return RayPlacement(RayCluster(self.address), self.options, source, on_event)
        return Placement()


def cluster_choice(ray: str | None, *, slurm: bool, settings: Mapping[str, str]) -> ClusterChoice:
    """The cluster that a command line names, with its options.

    Args:
        ray: Address of a Ray cluster; None: no such option.
        slurm: Whether Slurm is named.
        settings: All `--set` arguments by dotted path.

    Raises:
        ConfigError: both clusters are named, or options are invalid or have no effect.
        MissingDependency: the package for it is not installed.
    """
    if ray and slurm:
        raise ConfigError(["--ray and --slurm: choose one of them"])
    kind = "ray" if ray else "slurm" if slurm else ""
    sections = cluster_sections()
    values: dict[str, dict[str, str]] = {section: {} for section in sections}
    for path, value in settings.items():
        section, _, name = path.partition(".")
        if section in sections:
            values[section][name] = value
    idle = [
        f"{section}.{name}: no effect without --{section}"
        for section in sections
        if section != kind
        for name in values[section]
    ]
    if idle:
        raise ConfigError(idle)
    rest = {path: value for path, value in settings.items() if path.partition(".")[0] not in sections}
    if not kind:
        return ClusterChoice("", "", None, rest)
    options, faults = build_config(sections[kind], values[kind], path=kind)
    if faults:
        raise ConfigError(faults)
    if importlib.util.find_spec(_PACKAGES[kind]) is None:
        raise MissingDependency(f"--{kind} needs {_PACKAGES[kind]}: pip install 'duetbench[{kind}]'")
    return ClusterChoice(kind, ray or "", options, rest)
