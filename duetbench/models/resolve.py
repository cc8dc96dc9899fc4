"""From a model's name to a reference: which folder, which bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from duetbench.errors import DigestMismatch, ModelError
from duetbench.models.cards import ModelCard, ModelSource
from duetbench.models.digests import adapter_digest, check_files, model_digest
from duetbench.models.folder import check_adapter_folder, check_model_folder
from duetbench.models.origin import base_of, card_of, is_adapter, own_folder, read_origin
from duetbench.paths import cache_dir, registry_dir
from duetbench.types import ModelRef

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is (0: not known)."""


def resolve(
    name: str, *, adapter: str | None = None, pull: bool = True, on_progress: Progress | None = None
) -> ModelRef:
    """The reference to a model's weights, fetched first if need be.

    Args:
        name: A card's name, `path:DIR` for the folder of a model or of an adapter whose base is known, or
            `served:NAME` for a model that a server has loaded.
        adapter: Folder of a peft adapter for it.
        pull: False: an absent model is an error instead of a download.
        on_progress: See `Progress`.

    Raises:
        UnknownName: no such card.
        ModelError: the folder lacks something, or the model cannot be had; the message says what to do.
    """
    if name.startswith("served:"):
        return _served(name, adapter)
    if name.startswith("path:") and is_adapter(own_folder(name)):
        return _adapted(name, adapter, pull=pull, on_progress=on_progress)
    card = card_of(name)
    is_own = name.startswith("path:")
    folder = own_folder(name) if is_own or card is None else local_folder(card)
    if folder is None and card is not None:
        if not pull:
            raise ModelError(f"model '{name}' is not here yet: fetch it with `duetbench models pull {name}`")
        from duetbench.models.pull import pull as fetch  # needed only here, and it needs this module

        folder = fetch(card, on_progress=on_progress)
    assert folder is not None  # either branch above has set it
    check_model_folder(folder)
    if card is not None and not is_own:
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


def _adapted(name: str, adapter: str | None, *, pull: bool, on_progress: Progress | None) -> ModelRef:
    """An adapter's folder with the base that it names.

    Raises:
        ModelError: another adapter is asked for, too.
        DigestMismatch: the base is here with other weights than those that the adapter was trained on.
    """
    folder = own_folder(name)
    if adapter:
        raise ModelError(f"'{name}' is an adapter itself: name its base to use {adapter}")
    base, origin = base_of(folder), read_origin(folder)
    found = resolve(base, adapter=str(folder), pull=pull, on_progress=on_progress)
    if origin and origin.base_digest != found.digest:
        raise DigestMismatch(
            f"adapter {folder} was trained on {base} with digest {origin.base_digest[:12]}, here it has "
            f"{found.digest[:12]}: fetch the right weights, or train the adapter again"
        )
    return replace(found, name=name)


def local_folder(card: ModelCard) -> Path | None:
    """Where the model lies on this machine, by the first of its sources that is here; None if nowhere."""
    for source in card.sources:
        folder = source_folder(card, source)
        if (folder / "config.json").is_file():
            return folder
    return None


def source_folder(card: ModelCard, source: ModelSource) -> Path:
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


def _adapter_folder(adapter: str | None) -> Path | None:
    if adapter is None:
        return None
    folder = Path(adapter).expanduser().resolve()
    check_adapter_folder(folder)
    return folder
