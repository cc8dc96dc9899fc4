"""Digests of raw files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from duetbench.data.readers import file_digests
from duetbench.data.readers.file_digests import DIGEST_CACHE, file_digest
from duetbench.errors import DataError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that counts as large."""
    (tmp_path / "raw").write_bytes(b"abc")
    return tmp_path / "raw"


def test_a_digest_is_the_sha256_of_the_bytes(file: Path, tmp_path: Path) -> None:
    assert file_digest(file, tmp_path) == hashlib.sha256(b"abc").hexdigest()
    assert not (tmp_path / DIGEST_CACHE).exists()


def test_a_large_unchanged_file_is_read_once(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_digests, "_MIN_CACHED_BYTES", 0)
    first = file_digest(file, tmp_path)
    monkeypatch.setattr(file_digests, "digest_of_file", lambda _path: "read again")
    assert file_digest(file, tmp_path) == first
    file.write_bytes(b"abcd")
    assert file_digest(file, tmp_path) == "read again"


@pytest.mark.parametrize("damage", ["{", "[]"])
def test_a_damaged_cache_is_ignored(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    monkeypatch.setattr(file_digests, "_MIN_CACHED_BYTES", 0)
    (tmp_path / DIGEST_CACHE).write_text(damage)
    assert file_digest(file, tmp_path) == hashlib.sha256(b"abc").hexdigest()


def test_an_unreadable_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        file_digest(tmp_path / "nowhere", tmp_path)
