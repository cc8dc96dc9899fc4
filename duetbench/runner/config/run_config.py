"""A run's configuration: from the command line, from a YAML file, or both. The command line takes precedence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from duetbench.digests import digest_of_value
from duetbench.documents.schemas import schema_validator, shortened
from duetbench.documents.yaml_text import load_yaml
from duetbench.errors import ConfigError, DocumentError
from duetbench.runner.config.presets import RunPreset, load_preset
from duetbench.suggestions import did_you_mean

_MAX_NAME = 48
"""Characters of the readable part of a folder's name."""
_UNORDERED = ("strategies", "datasets", "models", "trainers", "scorers")
"""Options whose values may be given in any order: the cells are the same."""
TOY_DATASET, TOY_MODEL = "toy", "toy-lm"
"""The defaults. This model was trained on the texts of this dataset only."""


@dataclass(frozen=True)
class Grid:
    """A grid: every combination of these values is a cell."""

    strategies: tuple[str, ...] = ()
    datasets: tuple[str, ...] = (TOY_DATASET,)
    models: tuple[str, ...] = ()
    """Empty: `toy-lm` on the dataset `toy`, the only one that it knows; others need a name."""
    trainers: tuple[str, ...] = ()
    """Empty: each strategy's own default."""
    scorers: tuple[str, ...] = ("rating_expectation",)
    engine: str = "transformers"
    seeds: tuple[int, ...] = (0,)
    split: Literal["valid", "test"] = "test"
    limit: int | None = None
    """Maximum number of rows, the same for every cell; None: all."""
    baselines: bool = True
    """Whether scorers without a model are included as baselines."""
    controls: bool | tuple[str, ...] = False
    """Whether the controls of every row are included: all of them, or those of these names."""
    label: str = ""
    """Distinguishes this grid from others of the run."""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Options from the file, by scope (`duet`, `strategy.duet`, `history`)."""


@dataclass(frozen=True)
class RunConfig:
    """One run: its grids, and the `--set` arguments that apply to all of them."""

    grids: tuple[Grid, ...]
    name: str
    """Name of the default output folder: the one that the file states; else the file's name, or strategies and
    datasets, with a digest of all options. Options of the command line always add a digest: no two sets share a
    folder."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """`--set` arguments by dotted path; they override the options of every grid."""


def run_config(
    chosen: Mapping[str, Any], *, file: Path | None = None, settings: Mapping[str, str] | None = None
) -> RunConfig:
    """The configuration from a command line and a file.

    Args:
        chosen: Fields of `Grid` from the command line; they replace those of every grid in the file.
        file: A YAML file that conforms to registry/schemas/run.schema.json; its values override those of its preset.
        settings: `--set` arguments, see `duetbench.config.parse_settings`.

    Raises:
        ConfigError: the file is invalid, all faults at once.
        UnknownName: there is no such preset.
    """
    content = read_config(file) if file else {}
    base = preset_grid(load_preset(content["preset"])) if "preset" in content else Grid()
    top = _grid(base, content)
    grids = [_grid(top, part) for part in content.get("grids", [{}])]
    grids = [replace(grid, **chosen) for grid in grids]
    name = _folder_name(content, file.stem if file else "", chosen, settings or {})
    return RunConfig(tuple(grids), name, settings or {})


def _folder_name(content: Mapping[str, Any], stem: str, chosen: Mapping[str, Any], settings: Mapping[str, str]) -> str:
    """The stated name, or a readable one; with a digest of the options that it does not stand for, if there are any.

    Args:
        content: Of the configuration; empty: there is none.
        stem: Of its file; empty: strategies and datasets are used.
        chosen: Fields of `Grid` from the command line.
        settings: `--set` arguments by dotted path.
    """
    stated = content.get("name")
    defaults = {} if stem else {field.name: getattr(Grid(), field.name) for field in fields(Grid)}
    options = {key: value for key, value in chosen.items() if value != defaults.get(key)}
    options = {key: sorted(set(value)) if key in _UNORDERED else value for key, value in options.items()}
    if stated and not options and not settings:
        return str(stated)
    datasets = chosen.get("datasets", Grid().datasets)
    name = stated or stem or f"{'+'.join(chosen['strategies'])}-{'+'.join(Path(name).name for name in datasets)}"
    readable = re.sub(r"[^A-Za-z0-9._+-]+", "-", name)[:_MAX_NAME].strip(".-")
    # A file without a name may share its own with a file of another folder: its content is part of the digest.
    written = {} if stated else {key: value for key, value in content.items() if key != "description"}
    return f"{readable or 'run'}-{digest_of_value([options, dict(settings), *([written] if written else [])])[:8]}"


def preset_grid(preset: RunPreset) -> Grid:
    """The grid of a preset, with the defaults of what it leaves out."""
    return _grid(Grid(), preset.config)


def read_config(file: Path) -> dict[str, Any]:
    """The validated content of a configuration file.

    Raises:
        ConfigError: it cannot be read or does not conform to the schema, all faults at once, each with its path.
    """
    try:
        content = load_yaml(file)
    except OSError as error:
        raise ConfigError([f"{file}: cannot be read ({error.strerror or error})"]) from error
    except DocumentError as error:
        raise ConfigError([str(error)]) from error
    faults = _schema_faults(content if content is not None else {})
    if faults:
        raise ConfigError([f"{file.name}: {fault}" for fault in faults])
    return dict(content or {})


_MAX_FAULTS = 20
"""Faults that an error lists."""

_TYPES = {
    "array": "a list",
    "object": "names with values, as in `name: value`",
    "integer": "a whole number",
    "string": "text",
    "boolean": "true or false",
    "null": "null",
}
"""Types of JSON Schema as error messages name them."""


def _schema_faults(content: Any) -> list[str]:
    errors = sorted(schema_validator("run").iter_errors(content), key=lambda error: list(map(str, error.path)))
    faults = list(islice(_distinct(fault for error in errors for fault in _faults_of(error)), _MAX_FAULTS + 1))
    return faults if len(faults) <= _MAX_FAULTS else [*faults[:_MAX_FAULTS], "and more"]


def _distinct(faults: Iterable[str]) -> Iterator[str]:
    """Each fault once: both a schema and the one that it refers to may report it."""
    seen: set[str] = set()
    for fault in faults:
        if fault not in seen:
            seen.add(fault)
            yield fault


def _faults_of(error: Any) -> Iterator[str]:
    path = _path(error.absolute_path)
    if error.validator == "type":
        value = shortened(repr(error.instance))
        types = [error.validator_value] if isinstance(error.validator_value, str) else error.validator_value
        expected = " or ".join(_TYPES.get(name, name) for name in types)
        yield f"{path or 'the file'}: expected {expected}, got {value}"
        return
    if error.validator != "additionalProperties":
        message = shortened(error.message)
        yield f"{path}: {message}" if path else message
        return
    known = sorted(error.schema["properties"])
    for name in sorted(set(map(str, error.instance)) - set(known)):
        hint = did_you_mean(name, known)
        yield f"{path + '.' if path else ''}{shortened(name)}: no such key; {hint}Known: {', '.join(known)}"


def _path(parts: Any) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.removeprefix(".")


def _grid(base: Grid, content: Mapping[str, Any]) -> Grid:
    """`base` updated with the content; options are merged scope by scope."""
    values = {field.name: content[field.name] for field in fields(Grid) if field.name in content}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    merged = {scope: dict(options) for scope, options in base.options.items()}
    for scope, options in values.pop("options", {}).items():
        merged.setdefault(scope, {}).update(options)
    return replace(base, **values, options=merged)
