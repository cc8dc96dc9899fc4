"""Turns a model's name into a reference to its weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from duetbench.errors import DigestMismatch, ModelError
from duetbench.models.cards import ModelCard
from duetbench.models.digests import adapter_digest, check_files, model_digest
from duetbench.models.folder import check_adapter_folder, check_model_folder
from duetbench.models.locations import local_folder, source_folder
from duetbench.models.origin import base_of, card_of, folder_of_path, is_adapter, read_origin
from duetbench.models.pull import pull as fetch
from duetbench.models.sources import FetchProgress
from duetbench.types import ModelRef


def resolve(
    name: str, *, adapter: str | None = None, pull: bool = True, on_progress: FetchProgress | None = None
) -> ModelRef:
    """The reference to a model's weights, fetched first if necessary.

    Args:
        name: A card's name, `path:DIR` for the folder of a model or of an adapter whose base is known, or
            `served:NAME` for a model that a server has loaded.
        adapter: Folder of a peft adapter for it.
        pull: False: an absent model is an error instead of a download.
        on_progress: See `FetchProgress`.

    Raises:
        UnknownName: no such card.
        ModelError: the folder is incomplete, or the model cannot be fetched; the message states the remedy.
    """
    if name.startswith("served:"):
        return _served(name, adapter)
    if name.startswith("path:") and is_adapter(folder_of_path(name)):
        return _adapted(name, adapter, pull=pull, on_progress=on_progress)
    card = card_of(name)
    is_path = name.startswith("path:")
    folder = folder_of_path(name) if is_path or card is None else local_folder(card)
    if folder is None and card is not None:
        if not pull:
            raise ModelError(f"model '{name}' is not on this machine: fetch it with `duetbench models pull {name}`")
        folder = fetch(card, on_progress=on_progress)
    assert folder is not None  # either branch above has set it
    check_model_folder(folder)
    if card is not None and not is_path:
        _check_shipped(card, folder)
    reference = ModelRef(
        name=name,
        path=str(folder),
        digest=model_digest(folder),
        template_args=dict(card.template_args) if card else {},
        context_length=card.context_length if card else None,
    )
    return _with_adapter(reference, adapter) if adapter else reference


def _with_adapter(reference: ModelRef, adapter: str) -> ModelRef:
    folder = Path(adapter).expanduser().resolve()
    check_adapter_folder(folder)
    _check_base(folder, reference)
    return replace(reference, adapter=str(folder), adapter_digest=adapter_digest(folder))


def _check_base(folder: Path, reference: ModelRef) -> None:
    """Passes if the weights are those that the adapter was trained on, or if those are not known on this machine.

    Raises:
        DigestMismatch: they differ.
    """
    origin = read_origin(folder)
    if origin:
        base, expected = origin.base, origin.base_digest
    else:
        try:
            base = base_of(folder)
            expected = resolve(base, pull=False).digest
        except ModelError:
            return
    if expected != reference.digest:
        raise DigestMismatch(
            f"adapter {folder} was trained on {base} with digest {expected[:12]}, not on {reference.name} with digest "
            f"{reference.digest[:12]}: fetch the right weights, or train the adapter again"
        )


def _adapted(name: str, adapter: str | None, *, pull: bool, on_progress: FetchProgress | None) -> ModelRef:
    """The base of an adapter's folder with that adapter.

    Raises:
        ModelError: another adapter is requested as well.
        DigestMismatch: the base has other weights here than those that the adapter was trained on.
    """
    folder = folder_of_path(name)
    if adapter:
        raise ModelError(f"'{name}' is an adapter itself: name its base to use {adapter}")
    return replace(resolve(base_of(folder), adapter=str(folder), pull=pull, on_progress=on_progress), name=name)


def _check_shipped(card: ModelCard, folder: Path) -> None:
    """Checks the digests of a shipped folder, which may have been changed; a fetched one was checked before."""
    for source in card.sources:
        if source.kind == "folder" and source_folder(card, source) == folder:
            check_files(folder, source.files)


def _served(name: str, adapter: str | None) -> ModelRef:
    if adapter:
        raise ModelError(f"'{name}' runs on a server: load the adapter there and use its name on the server")
    served_name = name.removeprefix("served:")
    if not served_name:
        raise ModelError("model 'served:' has no name: write served:NAME, with the model's name on the server")
    return ModelRef(name, served_name, "")

