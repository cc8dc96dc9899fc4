"""The argument DATASET and its options, shared by the commands of `duetbench data`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from duetbench.cli.completion import plugin_name
from duetbench.cli.context import Settings

if TYPE_CHECKING:
    from duetbench.data import HistoryOptions, Prepared
    from duetbench.interfaces import Dataset

max_error_rate_option = click.option(
    "--max-error-rate",
    default=0.01,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Share of malformed rows that is accepted.",
)


def dataset_arguments(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the argument DATASET and the options of its preparation."""
    options = [
        click.argument("dataset", type=plugin_name("dataset", also="dir")),
        click.option("--raw", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the raw files."),
        click.option("--steps", metavar="A,B:ARG,...", help="The steps in order.  [default: the dataset's own]"),
        max_error_rate_option,
        click.option(
            "--set", "set_", multiple=True, metavar="PATH=VALUE", help="yelp.raw=DIR, history.source=..., ..."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def prepare_dataset(settings: Settings, arguments: dict[str, Any]) -> tuple[Prepared, Dataset | None]:
    """The prepared dataset that DATASET names, and its plugin; None if DATASET is a prepared folder.

    Raises:
        UnknownName: DATASET is neither a dataset nor a prepared folder.
        UsageError: an option has no effect on a prepared folder.
        ConfigError: an option does not exist or has an invalid value.
        DataError: the dataset cannot be prepared.
    """
    from duetbench.data import load_prepared, prepare
    from duetbench.runner.planning.prepared_folders import registered_dataset

    registered = registered_dataset(settings.plugins, arguments["dataset"])
    if registered is None:
        folder = Path(arguments["dataset"]).expanduser()
        _check_folder_options(folder, arguments)
        return load_prepared(folder), None
    values = select_options(arguments["set_"], registered.cls.name, others=("history", *_probed_plugins(arguments)))
    dataset: Any = registered.cls(build_options(registered.cls.Config, values, registered.cls.name))
    with settings.progress_console.status(f"preparing {registered.cls.name}") as status:
        prepared = prepare(
            dataset,
            raw=arguments["raw"],
            steps=_parse_list(arguments["steps"]),
            max_error_rate=arguments["max_error_rate"],
            on_progress=status.update,
        )
    return prepared, dataset


def history_options(arguments: dict[str, Any]) -> HistoryOptions:
    """How histories are built: `--set history.OPTION=VALUE`.

    Raises:
        ConfigError: an option does not exist or has an invalid value.
    """
    from duetbench.data import HistoryOptions

    others = (arguments["dataset"], *_probed_plugins(arguments))
    values = select_options(arguments["set_"], "history", others=others)
    options: HistoryOptions = build_options(HistoryOptions, values, "history")
    return options


def build_options(config_class: type, values: dict[str, str], path: str) -> Any:
    """A `Config` with these values.

    Raises:
        ConfigError: an option does not exist or has an invalid value.
    """
    from duetbench.config import build_config
    from duetbench.errors import ConfigError

    config, faults = build_config(config_class, values, path=path)
    if faults:
        raise ConfigError(faults)
    return config


def select_options(set_: tuple[str, ...], section: str, *, others: tuple[str, ...]) -> dict[str, str]:
    """The values of `--set SECTION.OPTION=VALUE` by option.

    Args:
        set_: All arguments of `--set`.
        section: Name of a plugin, or `history`.
        others: Other sections that may be set.

    Raises:
        ConfigError: an argument belongs to another section than these.
    """
    from duetbench.config import parse_settings
    from duetbench.errors import ConfigError

    values = parse_settings(set_)
    allowed_sections = (section, *others)
    unknown = [path for path in values if path.partition(".")[0] not in allowed_sections]
    if unknown:
        allowed = ", ".join(f"{name}.*" for name in allowed_sections)
        raise ConfigError([f"{path}: only {allowed} can be set here" for path in unknown])
    return {path.removeprefix(f"{section}."): value for path, value in values.items() if path.startswith(f"{section}.")}


def _check_folder_options(folder: Path, arguments: dict[str, Any]) -> None:
    from duetbench.errors import UsageError

    unused = [f"--{name}" for name in ("raw", "steps") if arguments[name] is not None]
    if unused:
        raise UsageError(
            f"{folder} is already prepared, so {' and '.join(unused)} would have no effect: name a dataset"
        )
    select_options(arguments["set_"], "history", others=_probed_plugins(arguments))


def _probed_plugins(arguments: dict[str, Any]) -> tuple[str, ...]:
    """Strategies and scorer of `duetbench data check`, whose options may be set too."""
    return (*arguments.get("strategies", ()), arguments["scorer"]) if "scorer" in arguments else ()


def _parse_list(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())
