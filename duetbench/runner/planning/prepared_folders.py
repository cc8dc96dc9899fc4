"""Datasets that are named by the folder of their prepared tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duetbench.config import build_config
from duetbench.errors import ConfigError, DataError, DuetbenchError
from duetbench.plugins import Plugins, RegisteredPlugin
from duetbench.runner.planning.cells import PluginChoice

if TYPE_CHECKING:
    from duetbench.data import Prepared

FOLDER_OPTION = "folder"
"""Name under which the options of a record, in the section `data`, hold the prepared folder that the user named."""


@dataclass(frozen=True)
class PreparedFolder:
    """A prepared dataset in a folder, and the plugin that prepared it."""

    prepared: Prepared
    choice: PluginChoice


def registered_dataset(plugins: Plugins, name: str) -> RegisteredPlugin | None:
    """The dataset of that name; None if the name is a folder of a prepared dataset.

    Raises:
        UnknownName: it is neither.
        DataError: it is a folder without a prepared dataset.
        PluginError: several datasets have the name.
    """
    if name not in plugins.of_kind("dataset"):
        folder = Path(name).expanduser()
        if (folder / "manifest.json").is_file():
            return None
        if folder.is_dir():
            raise DataError(
                f"{folder} contains no prepared dataset: there is no manifest.json; name a dataset, or the folder that "
                "`duetbench data prepare` has printed"
            )
    return plugins.get("dataset", name)


class PreparedFolders:
    """Loads the prepared folders that a run names, each once however many grids name it.

    Args:
        plugins: The plugin register.
    """

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins
        self._prepared: dict[str, Prepared] = {}

    def dataset_name(self, name: str) -> str | None:
        """The name of the dataset, also of the one in a prepared folder; None if there is no such dataset."""
        try:
            return name if registered_dataset(self._plugins, name) else self._load(name).name
        except DuetbenchError:
            return None

    def load(self, name: str) -> PreparedFolder:
        """The prepared dataset in a folder.

        Raises:
            DataError: the folder contains no prepared dataset, or one of another format version.
            UnknownName: the dataset that prepared it is not registered.
            ConfigError: its options are not those of the registered dataset.
        """
        prepared = self._load(name)
        registered = self._plugins.get("dataset", prepared.name)
        values: dict[str, Any] = prepared.manifest["dataset"]["options"]
        config, faults = build_config(registered.cls.Config, values, path=prepared.name)
        if faults:
            raise ConfigError([f"{name}: {fault}" for fault in faults])
        return PreparedFolder(prepared, PluginChoice(registered, config))

    def _load(self, name: str) -> Prepared:
        from duetbench.data import load_prepared

        if name not in self._prepared:
            self._prepared[name] = load_prepared(Path(name).expanduser())
        return self._prepared[name]
