"""Where trained weights come from: the base of an adapter folder, and the card whose options hold for a folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from duetbench.errors import ModelError
from duetbench.models.cards import ModelCard, card_names, load_card
from duetbench.models.folder import read_json

ORIGIN = "duetbench.json"
"""Lies beside weights that were trained here; no part of their digest."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What weights were trained from."""

    base: str
    """A card's name or `path:DIR`."""
    base_digest: str
    """Of the base's weights, configuration and tokenizer."""


def write_origin(folder: Path, origin: Origin) -> None:
    """Leaves the origin beside trained weights."""
    (folder / ORIGIN).write_text(json.dumps(asdict(origin), indent=2) + "\n", encoding="utf-8")


def read_origin(folder: Path) -> Origin | None:
    """The origin of a folder's weights; None if nothing is said.

    Raises:
        ModelError: what is said cannot be read.
    """
    path = folder / ORIGIN
    if not path.is_file():
        return None
    try:
        return Origin(**read_json(path))
    except TypeError as error:
        raise ModelError(f"{path} is damaged ({error}); delete it to use the folder without it") from error


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter and not a whole model."""
    return (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file()


def base_of(folder: Path) -> str:
    """The model that an adapter was trained for: a card's name or `path:DIR`.

    Raises:
        ModelError: the adapter names a model that no card knows and that does not lie here.
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
        f"adapter {folder} is for '{named or 'a model without a name'}', which no card knows and which is no folder "
        "here; set base_model_name_or_path in its adapter_config.json to a card's name or a model folder"
    )


def card_of(name: str) -> ModelCard | None:
    """The card whose template arguments, context length and options hold for a model; None: there is none.

    Args:
        name: A card's name, or `path:DIR`; weights that were trained here have the card of what they were trained from.

    Raises:
        UnknownName: no such card.
        ModelError: the folder's base is not known.
    """
    if name.startswith("served:"):
        return None
    if not name.startswith("path:"):
        return load_card(name)
    folder = own_folder(name)
    if is_adapter(folder):
        return card_of(base_of(folder))
    origin = read_origin(folder)
    return card_of(origin.base) if origin else None


def own_folder(name: str) -> Path:
    """The folder of `path:DIR`.

    Raises:
        ModelError: it names none.
    """
    given = name.removeprefix("path:")
    if not given:
        raise ModelError("model 'path:' names no folder: write path:DIR")
    return Path(given).expanduser().resolve()
