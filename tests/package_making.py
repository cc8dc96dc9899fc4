"""Installed packages for tests of plugins: modules and the metadata that an installer writes."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

_REWARD = """
from duetbench.hookspecs import hookimpl
from duetbench.interfaces import Reward

class Mine(Reward):
    name = "{name}"
    summary = "nothing"

    def __call__(self, rollouts):
        return [0.0 for _ in rollouts]

@hookimpl
def {hook}():
    return [{returned}]
"""


def reward_module(name: str, *, hook: str = "duetbench_register_rewards", returned: str = "Mine") -> str:
    """The text of a module whose hook returns a reward of that name."""
    return _REWARD.format(name=name, hook=hook, returned=returned)


def install(site: Path, name: str, files: Mapping[str, str], entry_points: str, version: str = "1.0") -> Path:
    """Writes a distribution into a folder as pip does, and returns the folder.

    Args:
        site: The folder, which must be on `sys.path`.
        name: The distribution's name.
        files: Text by path relative to the folder.
        entry_points: Lines of the group `duetbench`, `NAME = MODULE`.
        version: The distribution's version.
    """
    about = f"{name.replace('-', '_')}-{version}.dist-info"
    written = {
        **files,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/entry_points.txt": f"[duetbench]\n{entry_points}\n",
    }
    for path, text in written.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    with (site / about / "RECORD").open("w", newline="") as record:
        csv.writer(record).writerows([path, "", ""] for path in [*written, f"{about}/RECORD"])
    return site
