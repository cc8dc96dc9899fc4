"""Blocks of complete lines of compressed and plain files."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from duetbench.data.readers.compressed import read_blocks
from duetbench.errors import DataError

zstandard = pytest.importorskip("zstandard")
LINES = b"".join(b"line %d\n" % number for number in range(5_000))


def written(path: Path, data: bytes) -> Path:
    compressors = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}
    path.write_bytes(compressors.get(path.suffix, bytes)(data))
    return path


@pytest.mark.parametrize("name", ["a.json", "a.json.gz", "a.json.zst"])
def test_all_blocks_joined_are_the_file(tmp_path: Path, name: str) -> None:
    blocks = list(read_blocks(written(tmp_path / name, LINES), block_bytes=1_000))
    assert len(blocks) > 10 or name.endswith(".zst")  # a block has at least what one read decompresses to
    assert b"".join(blocks) == LINES
    assert all(block.endswith(b"\n") for block in blocks)


@pytest.mark.parametrize("block_bytes", [1, 6, 7, 8, 14, 50_000, 1_000_000])
def test_blocks_end_where_lines_end(tmp_path: Path, block_bytes: int) -> None:
    blocks = list(read_blocks(written(tmp_path / "a.json", LINES), block_bytes=block_bytes))
    assert b"".join(blocks) == LINES
    assert all(block.endswith(b"\n") and len(block) < block_bytes + len(b"line 4999\n") for block in blocks)


def test_a_line_longer_than_a_block_is_not_split(tmp_path: Path) -> None:
    data = b"a" * 5_000 + b"\nb\n"
    assert next(read_blocks(written(tmp_path / "a.json", data), block_bytes=100)).startswith(b"a" * 5_000 + b"\n")


@pytest.mark.parametrize("name", ["a.json", "a.json.gz", "a.json.zst"])
def test_a_line_without_end_is_an_error(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("duetbench.data.readers.compressed.MAX_LINE_BYTES", 1 << 20)
    monkeypatch.setattr("duetbench.data.readers.compressed._ZST_READ_BYTES", 10)
    path = written(tmp_path / name, b"short\n" + b"a" * (3 << 20))
    with pytest.raises(DataError, match=f"{name} has a line of over 1 MB"):
        list(read_blocks(path, block_bytes=1_000))


def test_the_last_line_may_have_no_line_end(tmp_path: Path) -> None:
    assert list(read_blocks(written(tmp_path / "a.json", b"a\nb"), block_bytes=2)) == [b"a\n", b"b"]


@pytest.mark.parametrize("name", ["a.json.gz", "a.json.zst"])
def test_a_truncated_file_is_an_error(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, LINES)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"ends early.*download it again"):
        list(read_blocks(path))


@pytest.mark.parametrize("name", ["a.json.gz", "a.json.zst"])
def test_a_file_of_another_format_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"<html>not found</html>")
    with pytest.raises(DataError, match="is not an intact"):
        list(read_blocks(tmp_path / name))


def test_flipped_bits_in_gz_are_an_error(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json.gz", LINES)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match="download it again"):
        list(read_blocks(path))


def test_two_zst_frames_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json.zst"
    path.write_bytes(2 * zstandard.ZstdCompressor().compress(LINES))
    assert b"".join(read_blocks(path)) == 2 * LINES
