"""What weights were trained from: the base of an adapter folder, and the card that applies to a folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from duetbench.errors import ModelError
from duetbench.models.cards import ModelCard, card_names, load_card
from duetbench.models.json_files import read_json

ORIGIN = "duetbench.json"
"""File in the folder of weights that were trained here; not part of their digest."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The base that weights were trained from."""

    base: str
    """A card's name or `path:DIR`."""
    base_digest: str
    """Digest of the base's weights, configuration and tokenizer."""


def write_origin(folder: Path, origin: Origin) -> None:
    """Writes the origin into the folder of trained weights."""
    (folder / ORIGIN).write_text(json.dumps(asdict(origin), indent=2) + "\n", encoding="utf-8")


def read_origin(folder: Path) -> Origin | None:
    """The origin of a folder's weights; None if none is recorded.

    Raises:
        ModelError: the record cannot be read.
    """
    path = folder / ORIGIN
    if not path.is_file():
        return None
    try:
        return Origin(**read_json(path))
    except TypeError as error:
        raise ModelError(f"{path} is damaged ({error}); delete it to use the folder without it") from error


def is_adapter(folder: Path) -> bool:
    """Whether a folder contains an adapter and not a complete model."""
    return (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file()


def base_of(folder: Path) -> str:
    """The model that an adapter was trained for: a card's name or `path:DIR`.

    Raises:
        ModelError: the adapter names a model that has no card and is not a folder on this machine.
    """
    origin = read_origin(folder)
    if origin:
        return origin.base
    named = str(read_json(folder / "adapter_config.json").get("base_model_name_or_path") or "")
    for name in card_names():
        card = load_card(name)
        if named and named in (name, *(source.repo for source in card.sources)):
            return name
    if named and (Path(named) / "config.json").is_file():
        return f"path:{named}"
    raise ModelError(
        f"adapter {folder} is for '{named or 'a model without a name'}', which has no card and is not a folder on this "
        "machine; set base_model_name_or_path in its adapter_config.json to a card's name or a model folder"
    )


def card_of(name: str) -> ModelCard | None:
    """The card whose template arguments, context length and options apply to a model; None: there is none.

    Args:
        name: A card's name, or `path:DIR`; weights that were trained here have the card of their base.

    Raises:
        UnknownName: no such card.
        ModelError: the folder's base is unknown.
    """
    if name.startswith("served:"):
        return None
    if not name.startswith("path:"):
        return load_card(name)
    folder = folder_of_path(name)
    if is_adapter(folder):
        return card_of(base_of(folder))
    origin = read_origin(folder)
    return card_of(origin.base) if origin else None


def folder_of_path(name: str) -> Path:
    """The folder of `path:DIR`.

    Raises:
        ModelError: DIR is missing.
    """
    path = name.removeprefix("path:")
    if not path:
        raise ModelError("model 'path:' has no folder: write path:DIR")
    return Path(path).expanduser().resolve()
