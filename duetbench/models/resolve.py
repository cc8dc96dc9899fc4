"""From a model's name to a reference: which folder, which bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from duetbench.errors import ModelError
from duetbench.models.cards import ModelCard, Source, load_card
from duetbench.models.digests import adapter_digest, check_files, model_digest
from duetbench.models.folder import check_adapter_folder, check_model_folder
from duetbench.paths import cache_dir, registry_dir
from duetbench.types import ModelRef

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is (0: not known)."""


def resolve(
    name: str, *, adapter: str | None = None, pull: bool = True, on_progress: Progress | None = None
) -> ModelRef:
    """The reference to a model's weights, fetched first if need be.

    Args:
        name: A card's name, `path:DIR`, or `served:NAME` for a model that a server has loaded.
        adapter: Folder of a peft adapter for it.
        pull: False: an absent model is an error instead of a download.
        on_progress: See `Progress`.

    Raises:
        UnknownName: no such card.
        ModelError: the folder lacks something, or the model cannot be had; the message says what to do.
    """
    if name.startswith("served:"):
        return _served(name, adapter)
    card = None if name.startswith("path:") else load_card(name)
    folder = _own_folder(name) if card is None else local_folder(card)
    if folder is None and card is not None:
        if not pull:
            raise ModelError(f"model '{name}' is not here yet: fetch it with `duetbench models pull {name}`")
        from duetbench.models.pull import pull as fetch  # needed only here, and it needs this module

        folder = fetch(card, on_progress=on_progress)
    assert folder is not None  # either branch above has set it
    check_model_folder(folder)
    if card is not None:
        _check_shipped(card, folder)
    where = _adapter_folder(adapter)
    return ModelRef(
        name=name,
        path=str(folder),
        digest=model_digest(folder),
        adapter=str(where) if where else None,
        adapter_digest=adapter_digest(where) if where else None,
        template_args=dict(card.template_args) if card else {},
        context_length=card.context_length if card else None,
    )


def local_folder(card: ModelCard) -> Path | None:
    """Where the model lies on this machine, by the first of its sources that is here; None if nowhere."""
    for source in card.sources:
        folder = source_folder(card, source)
        if (folder / "config.json").is_file():
            return folder
    return None


def source_folder(card: ModelCard, source: Source) -> Path:
    """Where a source's model lies, or will lie once it is fetched."""
    if source.kind == "folder":
        return registry_dir("models", source.path)
    return cache_dir("models", f"{card.name}-{source.ident}")


def _check_shipped(card: ModelCard, folder: Path) -> None:
    """A shipped folder may have been changed in place; a fetched one was checked before it got its name."""
    for source in card.sources:
        if source.kind == "folder" and source_folder(card, source) == folder:
            check_files(folder, source.files)


def _served(name: str, adapter: str | None) -> ModelRef:
    if adapter:
        raise ModelError(f"'{name}' runs on a server: load the adapter there and use its name on the server")
    served = name.removeprefix("served:")
    if not served:
        raise ModelError("model 'served:' names nothing: write served:NAME, with the name that the server knows")
    return ModelRef(name, served, "")


def _own_folder(name: str) -> Path:
    given = name.removeprefix("path:")
    if not given:
        raise ModelError("model 'path:' names no folder: write path:DIR")
    return Path(given).expanduser().resolve()


def _adapter_folder(adapter: str | None) -> Path | None:
    if adapter is None:
        return None
    folder = Path(adapter).expanduser().resolve()
    check_adapter_folder(folder)
    return folder
