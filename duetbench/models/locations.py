"""Where models are on this machine."""

from __future__ import annotations

from pathlib import Path

from duetbench.models.cards import ModelCard, ModelSource
from duetbench.models.folder import is_complete
from duetbench.paths import cache_dir


def local_folder(card: ModelCard) -> Path | None:
    """The folder of the model from the first of its sources that is on this machine; None if none is."""
    for source in card.sources:
        folder = source_folder(card, source)
        if is_complete(folder) if source.kind == "hub" else (folder / "config.json").is_file():
            return folder
    return None


def source_folder(card: ModelCard, source: ModelSource) -> Path:
    """The folder of a source's model, whether it exists yet or not."""
    if source.kind == "folder":
        return card.folder / Path(source.path).expanduser()
    if source.kind == "hub":
        from duetbench.models.hub.repository import snapshot_folder

        return snapshot_folder(source.repo, source.revision)
    return cache_dir("models", f"{card.name}-{source.ident}")
