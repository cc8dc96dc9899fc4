"""Digests of model folders, cached so that gigabytes are read once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from duetbench.atomic import write_json
from duetbench.digests import digest_of_file, digest_of_text
from duetbench.documents.json_text import load_json
from duetbench.errors import DigestMismatch, DocumentError
from duetbench.paths import cache_dir

_MODEL_FILES = (
    "*.safetensors",
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
)
"""Files that determine a model's output. The chat template has a digest of its own."""

_ADAPTER_FILES = ("adapter_model*.safetensors", "adapter_config.json")


def model_digest(folder: Path) -> str:
    """One digest over the weights, the configuration and the tokenizer of a model folder."""
    return _digest(folder, _MODEL_FILES)


def file_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each file that determines a model's output, and of its chat template, by name."""
    cache = _DigestCache()
    digests = {path.name: cache.sha256_of(path) for path in _paths(folder, (*_MODEL_FILES, "*.jinja"))}
    cache.save()
    return digests


def adapter_digest(folder: Path) -> str:
    """One digest over an adapter's weights and configuration."""
    return _digest(folder, _ADAPTER_FILES)


def check_files(folder: Path, expected: Mapping[str, str]) -> None:
    """Passes if the files of a folder have these digests.

    Raises:
        DigestMismatch: names the first file that differs or is missing.
    """
    cache = _DigestCache()
    for name, expected_digest in expected.items():
        path = folder / name
        if not path.is_file():
            raise DigestMismatch(f"{path} is missing; install or fetch the model again")
        digest = cache.sha256_of(path)
        if digest != expected_digest:
            raise DigestMismatch(
                f"{path} has SHA-256 {digest}, the card has {expected_digest}; install or fetch it again"
            )
    cache.save()


def _digest(folder: Path, patterns: Iterable[str]) -> str:
    cache = _DigestCache()
    lines = [f"{path.name} {cache.sha256_of(path)}\n" for path in _paths(folder, patterns)]
    cache.save()
    return digest_of_text("".join(lines))


def _paths(folder: Path, patterns: Iterable[str]) -> list[Path]:
    return sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})


class _DigestCache:
    """File digests by path, size, modification time and inode, kept in the user's cache."""

    def __init__(self) -> None:
        self._path = cache_dir("models", "digests.json")
        self._entries: dict[str, list[object]] = {}
        self._is_changed = False
        with contextlib.suppress(OSError, DocumentError):  # missing or damaged: the cache starts empty
            entries = load_json(self._path)
            self._entries = entries if isinstance(entries, dict) else {}

    def sha256_of(self, path: Path) -> str:
        stat = path.stat()
        version = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
        entry = self._entries.get(str(path.resolve()))
        if isinstance(entry, list) and entry[:-1] == version:
            return str(entry[-1])
        digest = digest_of_file(path)
        self._entries[str(path.resolve())] = [*version, digest]
        self._is_changed = True
        return digest

    def save(self) -> None:
        if not self._is_changed:
            return
        with contextlib.suppress(OSError):  # without the cache, digests are computed again
            write_json(self._path, self._entries, indent=None)
