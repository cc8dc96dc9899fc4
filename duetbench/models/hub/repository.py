"""Repositories of the Hugging Face hub: their commits, their files, and which of them are on this machine.

Everything is kept in the hub's own cache (`HF_HUB_CACHE`, by default ~/.cache/huggingface/hub), so that what other
tools have fetched is not fetched again, and an interrupted download resumes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from duetbench.errors import ModelError
from duetbench.models.folder import is_complete
from duetbench.models.hub.errors import explained, pickles_only, size_text

if TYPE_CHECKING:
    from duetbench.models.sources import FetchProgress

PREFIX = "hf:"

_COMMIT = re.compile(r"[0-9a-f]{40}")
_NAME = re.compile(r"([\w.-]+/[\w.-]+)(?:@(\S+))?", re.ASCII)

SMALL_FILES = ("*.json", "*.jinja", "tokenizer.model", "merges.txt", "vocab.txt", "README.md")
"""Files of a repository that describe a model and its tokenizer."""
_WEIGHTS = ("model*.safetensors", "adapter_model*.safetensors")
"""Files with weights; others, such as consolidated.safetensors, contain the same ones once more."""


@dataclass(frozen=True, slots=True)
class HubName:
    """A model on the hub as the user names it."""

    repo: str
    """`ORG/NAME`."""
    revision: str = "main"
    """Branch, tag or commit."""

    def __str__(self) -> str:
        return f"{PREFIX}{self.repo}@{self.revision}"


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository."""

    name: str
    size: int
    """Bytes."""
    sha256: str | None
    """None: the hub does not state it, as for small files."""


def parse_hub_name(name: str) -> HubName:
    """The repository and the revision in `hf:ORG/NAME[@REVISION]`.

    Raises:
        ModelError: it is written differently.
    """
    parts = _NAME.fullmatch(name.removeprefix(PREFIX))
    if parts is None:
        raise ModelError(f"model '{name}': write hf:ORG/NAME or hf:ORG/NAME@REVISION")
    return HubName(parts[1], parts[2] or "main")


def hub_cache() -> Path:
    """The folder of the hub's cache."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def commit_of(name: HubName, *, ask_hub: bool = True) -> str:
    """The commit of a revision: the one on this machine, else the hub's, which is kept as the one on this machine.

    A branch that has moved on the hub keeps its meaning here, so that runs repeat; `update` asks again.

    Args:
        name: As the user wrote it.
        ask_hub: False: a revision that is not on this machine is an error.

    Raises:
        ModelError: the revision is unknown here and cannot be found out, or does not exist.
    """
    if _COMMIT.fullmatch(name.revision):
        return name.revision
    reference = _repository(name.repo) / "refs" / name.revision
    if reference.is_file():
        return reference.read_text(encoding="utf-8").strip()
    if not ask_hub:
        raise ModelError(f"model '{name}' is not on this machine: fetch it with `duetbench models pull {name}`")
    return update(name)


def update(name: HubName) -> str:
    """The commit that a revision has on the hub now, or here if the hub cannot be reached.

    Raises:
        ModelError: neither is known, or there is no such revision.
    """
    from huggingface_hub import HfApi

    try:
        return HfApi().resolve_revision(name.repo, revision=name.revision).resolved
    except Exception as error:  # the hub's client raises its own, its transport's and the system's errors
        raise explained(name.repo, name.revision, error, known_size(name.repo)) from error


def snapshot_folder(repo: str, commit: str) -> Path:
    """The folder of a commit's files in the hub's cache, whether it exists or not."""
    return _repository(repo) / "snapshots" / commit


def local_snapshot(repo: str, commit: str) -> Path | None:
    """The folder of a commit's files if all that a model or an adapter needs is there; None otherwise."""
    folder = snapshot_folder(repo, commit)
    return folder if is_complete(folder) else None


def files_of(repo: str, commit: str) -> list[HubFile]:
    """The files at the top of a repository.

    Raises:
        ModelError: they cannot be listed.
    """
    return list(_files_of(repo, commit))


@lru_cache(maxsize=64)
def _files_of(repo: str, commit: str) -> tuple[HubFile, ...]:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    try:
        listed = list(HfApi().list_repo_tree(repo, revision=commit))
    except Exception as error:  # see `update`
        raise explained(repo, commit, error, known_size(repo)) from error
    files = [entry for entry in listed if isinstance(entry, RepoFile)]
    return tuple(HubFile(file.path, file.size, file.lfs.sha256 if file.lfs else None) for file in files)


def model_files(repo: str, commit: str) -> list[HubFile]:
    """The files that a model or an adapter needs; other formats and folders inside are left out.

    Raises:
        ModelError: there are no weights as safetensors, or the files cannot be listed.
    """
    files = files_of(repo, commit)
    weights = [file for file in files if _matches(file, _WEIGHTS)]
    if not weights:
        raise pickles_only(repo, {file.name: file.size for file in files})
    return [*weights, *small_files(repo, commit)]


def small_files(repo: str, commit: str) -> list[HubFile]:
    """The files that describe a model, without its weights.

    Raises:
        ModelError: they cannot be listed.
    """
    return [file for file in files_of(repo, commit) if _matches(file, SMALL_FILES)]


def missing_bytes(repo: str, commit: str) -> int:
    """Bytes that have to be fetched; 0 if all files are there.

    Raises:
        ModelError: see `model_files`.
    """
    folder = snapshot_folder(repo, commit)
    return sum(file.size for file in model_files(repo, commit) if not (folder / file.name).exists())


def fetch_snapshot(repo: str, commit: str, on_progress: FetchProgress) -> Path:
    """The folder with a model's files, fetched as far as they are absent.

    Raises:
        ModelError: there are no safetensors, or files cannot be fetched; what was fetched is kept.
    """
    files = model_files(repo, commit)
    on_progress(f"fetching {repo}@{commit[:12]}, {size_text(sum(file.size for file in files))}", 0, 0)
    return fetch_files(repo, commit, [file.name for file in files], on_progress)


def fetch_files(repo: str, commit: str, names: list[str], on_progress: FetchProgress) -> Path:
    """The snapshot's folder with these files, fetched as far as they are absent.

    Raises:
        ModelError: they cannot be fetched.
    """
    from huggingface_hub import snapshot_download

    from duetbench.models.hub.progress import progress_class

    try:
        return Path(
            snapshot_download(repo, revision=commit, allow_patterns=names, tqdm_class=progress_class(repo, on_progress))
        )
    except Exception as error:  # see `update`
        raise explained(repo, commit, error, known_size(repo)) from error


def known_size(repo: str) -> int | None:
    """Bytes of a model whose files were listed on this machine before; None: they were not."""
    from huggingface_hub import get_cached_repo_tree

    try:
        tree = get_cached_repo_tree(repo)
    except Exception:  # nothing is known, whatever the reason
        return None
    return sum(file.size for file in tree if fnmatch(file.path, _WEIGHTS[0])) or None


def local_names() -> list[str]:
    """The models in the hub's cache, as `hf:ORG/NAME`."""
    folders = sorted(hub_cache().glob("models--*--*/snapshots"))
    return [PREFIX + "/".join(folder.parent.name.split("--")[1:]) for folder in folders]


def _repository(repo: str) -> Path:
    return hub_cache() / f"models--{repo.replace('/', '--')}"


def _matches(file: HubFile, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(file.name, pattern) for pattern in patterns)
