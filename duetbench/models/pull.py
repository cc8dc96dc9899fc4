"""Fetches a model: the sources of its card in order, into a folder that is there whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from duetbench.digests import digest_of_file
from duetbench.errors import DigestMismatch, ModelError
from duetbench.models.cards import ModelCard, ModelSource
from duetbench.models.folder import check_model_folder
from duetbench.models.resolve import Progress, local_folder, source_folder
from duetbench.models.sources import FETCHERS
from duetbench.paths import cache_dir

PROVENANCE = "duetbench-source.json"
"""File in each fetched folder that tells where it came from."""

_PATIENCE = 3600.0
"""Seconds to wait for another process that fetches the same model."""


def pull(card: ModelCard, *, on_progress: Progress | None = None) -> Path:
    """The folder of the model, fetched from the first source that has it.

    Args:
        card: The model.
        on_progress: See `duetbench.models.resolve.Progress`.

    Raises:
        DigestMismatch: a source holds other bytes than the card says; nothing is kept, no further source is tried.
        ModelError: no source could be reached; the message gives each one's reason.
    """
    notice: Progress = on_progress or _silent
    with _only_one(card):
        present = local_folder(card)
        if present:
            return present
        _sweep(card)
        reasons: list[str] = []
        for source in card.sources:
            try:
                return _from_source(card, source, notice)
            except DigestMismatch:
                raise
            except ModelError as error:
                reasons.append(f"{source}: {error}")
                notice(f"{source}: not to be had", 0, 0)
    way_out = f"with a network: duetbench models pull {card.name}"
    raise ModelError(f"model '{card.name}' could not be had: {'; '.join(reasons)}; {way_out}")


def _silent(_what: str, _done: int, _total: int) -> None:
    """Tells nobody."""


def _from_source(card: ModelCard, source: ModelSource, notice: Progress) -> Path:
    target = source_folder(card, source)
    if source.kind == "folder":
        raise ModelError(f"{target} is not there; build it with `duetbench models build {card.name}`")
    _check_space(target.parent, source)
    work = Path(tempfile.mkdtemp(prefix=f".pull-{card.name}-", dir=target.parent))
    try:
        draft = work / "model"
        draft.mkdir()
        FETCHERS[source.kind](source, draft, work, notice)
        check_model_folder(draft)
        _check_digests(source, draft)
        _write_provenance(source, draft)
        os.replace(draft, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def _check_digests(source: ModelSource, folder: Path) -> None:
    for name, expected in source.files.items():
        if not (folder / name).is_file():
            raise ModelError(f"{name} is missing")
        found = digest_of_file(folder / name)
        if found != expected:
            raise DigestMismatch(f"{source}: {name} has SHA-256 {found}, the card says {expected}; nothing was kept")


def _write_provenance(source: ModelSource, folder: Path) -> None:
    from importlib.metadata import version

    body = {
        "source": str(source),
        "files": {path.name: digest_of_file(path) for path in sorted(folder.iterdir()) if path.is_file()},
        "made_with": {name: version(name) for name in ("duetbench", "transformers", "torch")},
    }
    (folder / PROVENANCE).write_text(json.dumps(body, indent=1), encoding="utf-8")


@contextlib.contextmanager
def _only_one(card: ModelCard) -> Iterator[None]:
    from filelock import FileLock, Timeout

    folder = cache_dir("models")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f".{card.name}.lock", timeout=_PATIENCE)
        with lock:
            yield
    except Timeout as error:
        raise ModelError(f"another process has been fetching '{card.name}' for an hour; stop it first") from error
    except PermissionError as error:
        raise ModelError(f"{folder} cannot be written; set DUETBENCH_CACHE to a folder that can") from error


def _sweep(card: ModelCard) -> None:
    """Removes what killed downloads left; the lock makes sure that none of them is alive."""
    for stale in cache_dir("models").glob(f".pull-{card.name}-*"):
        shutil.rmtree(stale, ignore_errors=True)


def _check_space(folder: Path, source: ModelSource) -> None:
    free = shutil.disk_usage(folder).free // 2**20
    if free < source.disk_mb:
        need = f"needs {source.disk_mb} MB in {folder}, {free} MB are free"
        raise ModelError(f"{need}; free some, or set DUETBENCH_CACHE to another place")
