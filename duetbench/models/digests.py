"""Digests of model folders, remembered so that gigabytes are read once."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from duetbench.atomic import write_json
from duetbench.digests import digest_of_file, digest_of_text
from duetbench.errors import DigestMismatch
from duetbench.paths import cache_dir

_DECISIVE = (
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
"""Files that decide what a model answers. The chat template has a digest of its own."""

_ADAPTER = ("adapter_model*.safetensors", "adapter_config.json")


def model_digest(folder: Path) -> str:
    """One digest over the weights, the configuration and the tokenizer of a model folder."""
    return _digest(folder, _DECISIVE)


def adapter_digest(folder: Path) -> str:
    """One digest over an adapter's weights and configuration."""
    return _digest(folder, _ADAPTER)


def check_files(folder: Path, expected: Mapping[str, str]) -> None:
    """Passes if the files of a folder have these digests.

    Raises:
        DigestMismatch: names the first file that is another one, or is not there.
    """
    known = _Remembered()
    for name, digest in expected.items():
        path = folder / name
        found = known.sha256_of(path) if path.is_file() else "none: it is not there"
        if found != digest:
            raise DigestMismatch(f"{path} has SHA-256 {found}, the card says {digest}; install or fetch it again")
    known.save()


def _digest(folder: Path, patterns: Iterable[str]) -> str:
    found = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
    known = _Remembered()
    lines = [f"{path.name} {known.sha256_of(path)}\n" for path in found]
    known.save()
    return digest_of_text("".join(lines))


class _Remembered:
    """File digests by path, size and time of change; losing them costs only time."""

    def __init__(self) -> None:
        self._path = cache_dir("models", "digests.json")
        self._entries: dict[str, list[object]] = {}
        self._is_changed = False
        with contextlib.suppress(OSError, ValueError):  # not there yet, or damaged: it is built again
            entries = json.loads(self._path.read_text(encoding="utf-8"))
            self._entries = entries if isinstance(entries, dict) else {}

    def sha256_of(self, path: Path) -> str:
        stat = path.stat()
        mark = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
        known = self._entries.get(str(path.resolve()))
        if isinstance(known, list) and known[:-1] == mark:
            return str(known[-1])
        digest = digest_of_file(path)
        self._entries[str(path.resolve())] = [*mark, digest]
        self._is_changed = True
        return digest

    def save(self) -> None:
        if not self._is_changed:
            return
        with contextlib.suppress(OSError):  # a cache that cannot be written is no fault
            write_json(self._path, self._entries, indent=None)
