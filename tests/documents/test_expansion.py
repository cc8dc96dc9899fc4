"""Compression bombs are stopped; real data is not."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from duetbench.data.readers.compressed import read_blocks
from duetbench.documents import expansion
from duetbench.errors import DataError

BOMB = b"0" * 99 + b"\n"


@pytest.fixture(autouse=True)
def _small_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expansion, "MIN_BYTES", 1 << 20)


def _size(path: Path) -> int:
    return sum(map(len, read_blocks(path, block_bytes=1 << 16)))


def _compressed(content: bytes, path: Path) -> Path:
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(content))
    else:
        zstandard = pytest.importorskip("zstandard")
        path.write_bytes(zstandard.ZstdCompressor().compress(content))
    return path


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_bomb_is_stopped(tmp_path: Path, suffix: str) -> None:
    path = _compressed(BOMB * 400_000, tmp_path / f"a{suffix}")
    with pytest.raises(DataError, match=r"unpacks to over 200 times its size .* no real data does"):
        _size(path)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_bomb_in_one_line_is_stopped(tmp_path: Path, suffix: str) -> None:
    path = _compressed(b"0" * 40_000_000, tmp_path / f"a{suffix}")
    with pytest.raises(DataError, match="unpacks to over 200 times"):
        _size(path)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_data_that_repeats_itself_is_read(tmp_path: Path, suffix: str) -> None:
    lines = b"".join(b'{"user": "u%d", "item": "i1", "rating": 5, "text": "good good"}\n' % n for n in range(60_000))
    assert _size(_compressed(lines, tmp_path / f"a{suffix}")) == len(lines)


def test_small_files_have_no_ratio(tmp_path: Path) -> None:
    assert _size(_compressed(BOMB * 5_000, tmp_path / "a.gz")) == 500_000
