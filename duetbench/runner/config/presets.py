"""Named presets of a run: a base configuration with the source of each value, in registry/presets/."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from duetbench.documents.yaml_text import load_yaml
from duetbench.errors import UnknownName
from duetbench.paths import registry_dir


@dataclass(frozen=True)
class RunPreset:
    """A named base configuration."""

    name: str
    summary: str
    config: Mapping[str, Any]
    """Content of a configuration file, see registry/schemas/run.schema.json."""
    sources: Mapping[str, str]
    """Where the value of an option comes from, by `scope.option`."""


def preset_names() -> list[str]:
    """The names of the presets; `paper` first."""
    return sorted(
        (path.stem for path in registry_dir("presets").glob("*.yaml")), key=lambda name: (name != "paper", name)
    )


def load_preset(name: str) -> RunPreset:
    """The preset of that name.

    Raises:
        UnknownName: there is none.
    """
    if name not in preset_names():
        raise UnknownName("preset", name, preset_names())
    content = load_yaml(registry_dir("presets", f"{name}.yaml"))
    return RunPreset(name, content["summary"], content["config"], content["sources"])
