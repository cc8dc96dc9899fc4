"""Digests of raw files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from duetbench.data.readers import file_digests
from duetbench.data.readers.file_digests import REMEMBERED, file_digest
from duetbench.errors import DataError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that counts as large."""
    (tmp_path / "raw").write_bytes(b"abc")
    return tmp_path / "raw"


def test_a_digest_is_that_of_the_bytes(file: Path, tmp_path: Path) -> None:
    assert file_digest(file, tmp_path) == hashlib.sha256(b"abc").hexdigest()
    assert not (tmp_path / REMEMBERED).exists()


def test_a_large_untouched_file_is_read_once(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_digests, "_LARGE", 0)
    first = file_digest(file, tmp_path)
    monkeypatch.setattr(file_digests, "_digest", lambda _path: "read again")
    assert file_digest(file, tmp_path) == first
    file.write_bytes(b"abcd")
    assert file_digest(file, tmp_path) == "read again"


@pytest.mark.parametrize("damage", ["{", "[]"])
def test_a_damaged_memory_is_forgotten(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr(file_digests, "_LARGE", 0)
    (tmp_path / REMEMBERED).write_text(damage)
    assert file_digest(file, tmp_path) == hashlib.sha256(b"abc").hexdigest()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        file_digest(tmp_path / "nowhere", tmp_path)
