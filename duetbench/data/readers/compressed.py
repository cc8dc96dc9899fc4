"""Reads gz, zst and plain files in blocks of complete lines and bounded size."""

from __future__ import annotations

import gzip
import re
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice
from pathlib import Path
from typing import IO, cast

from duetbench.data.folders import scratch_folder
from duetbench.documents.expansion import ExpansionGuard
from duetbench.errors import DataError, MissingDependency

PIECE_BYTES = 64 << 20
"""Size of the files that a compressed file is unpacked into; smaller ones do not keep a parser with several threads
busy."""
BUFFER_BYTES = 1 << 20
"""How much of such a file is in memory at a time; small enough for the same memory to be reused and stay in cache."""
_BLOCK_BYTES = 8 << 20
MAX_LINE_BYTES = 512 << 20
"""A longer line is an error: a small compressed file may contain a line that does not fit into memory."""
_ZST_READ_BYTES = 1 << 13
"""Compressed bytes per step, which may unpack to 32,768 times as many: the size of a step's result is not bounded
otherwise."""
_PATTERN_CHARACTERS = re.compile(r"[*?\[\]\\~\ud800-\udfff]")
SUFFIXES = ("", ".gz", ".zst")
"""Suffixes that a raw file's name may have; all of these formats are read."""


def read_blocks(path: Path, *, block_bytes: int = _BLOCK_BYTES) -> Iterator[bytes]:
    """The file in blocks of complete lines, without a byte order mark; a line longer than a block extends its block.

    Raises:
        DataError: the file cannot be opened, or its compressed stream is damaged or ends early.
        MissingDependency: a .zst file without the `zstandard` package.
    """
    readers = {".zst": _zst_blocks, ".gz": _gz_blocks}
    try:
        blocks = readers.get(path.suffix.lower(), _plain_blocks)(path, block_bytes)
        yield from (block.removeprefix(BOM_UTF8) for block in islice(blocks, 1))
        yield from blocks
    except EOFError as error:
        raise DataError(f"{path} ends early, as after an interrupted download: download it again") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is not an intact gzip file ({error}): download it again") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def read_numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers from 1; raises the errors of `read_blocks`."""
    first = 1
    for block in read_blocks(path):
        lines = block.split(b"\n")
        yield from ((number, line) for number, line in enumerate(lines, first) if line.strip())
        first += len(lines) - 1


def unpack(path: Path) -> Iterator[Path]:
    """Plain files that DuckDB can parse: the file itself, or, of a compressed file, pieces of complete lines.

    A piece is deleted when the next one is requested. DuckDB's own decompression is not used because it ignores damage
    that gz and zst detect. It does not skip a byte order mark either, so a file with one is copied into pieces too. A
    file whose name DuckDB would read as a pattern is linked under another name. Raises the errors of `read_blocks`.
    """
    is_plain = path.suffix.lower() not in SUFFIXES[1:] and not _has_byte_order_mark(path)
    if is_plain and not _PATTERN_CHARACTERS.search(str(path)):
        yield path
        return
    with scratch_folder() as folder:
        if is_plain:
            link = folder / "linked"
            link.symlink_to(path.absolute())
            yield link
        else:
            yield from _unpack_ahead(path, folder)


def _unpack_ahead(path: Path, folder: Path) -> Iterator[Path]:
    """The pieces in order; while one is in use, a thread unpacks the next."""
    with ThreadPoolExecutor(1) as pool:
        pieces = _write_pieces(path, folder)
        upcoming = pool.submit(next, pieces, None)
        while piece := upcoming.result():
            upcoming = pool.submit(next, pieces, None)
            yield piece
            piece.unlink()


def _has_byte_order_mark(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(len(BOM_UTF8)) == BOM_UTF8
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def _write_pieces(path: Path, folder: Path) -> Iterator[Path]:
    blocks = read_blocks(path, block_bytes=BUFFER_BYTES)
    block = next(blocks, None)
    for number in count():
        if block is None:
            return
        piece = folder / str(number)
        with piece.open("wb") as stream:
            while block is not None and stream.tell() < PIECE_BYTES:
                stream.write(block)
                block = next(blocks, None)
        yield piece


def _plain_blocks(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb") as stream:
        start = 0
        while True:
            # Find the end of the block first, then read it at once: appending the rest of a line would copy the block.
            stream.seek(start + size - 1)
            _read_rest_of_line(stream, path)
            end = stream.tell()
            stream.seek(start)
            if not (block := stream.read(end - start)):
                return
            yield block
            start = end


def _read_rest_of_line(stream: IO[bytes], path: Path) -> bytes:
    rest = stream.readline(MAX_LINE_BYTES)
    if len(rest) == MAX_LINE_BYTES:
        raise _line_too_long(path)
    return rest


def _line_too_long(path: Path) -> DataError:
    return DataError(f"{path} has a line of over {MAX_LINE_BYTES >> 20} MB: it is not a file of text lines")


def _gz_blocks(path: Path, size: int) -> Iterator[bytes]:
    guard = ExpansionGuard(path)
    with path.open("rb") as packed, cast("IO[bytes]", gzip.GzipFile(fileobj=packed)) as stream:
        while block := stream.read(size):
            guard.add(len(block), n_read=packed.tell())
            if block.endswith(b"\n"):
                yield block
                continue
            rest = _read_rest_of_line(stream, path)
            guard.add(len(rest), n_read=packed.tell())
            yield block + rest


def _zst_blocks(path: Path, size: int) -> Iterator[bytes]:
    buffer: list[bytes] = []
    n_bytes = 0
    for data in _decompress_zst(path):
        buffer.append(data)
        n_bytes += len(data)
        end = data.rfind(b"\n") + 1
        if not end and n_bytes > size + MAX_LINE_BYTES:
            raise _line_too_long(path)
        if n_bytes >= size and end:
            buffer[-1] = data[:end]
            yield b"".join(buffer)
            buffer, n_bytes = [data[end:]], len(data) - end
    if n_bytes:
        yield b"".join(buffer)


def _decompress_zst(path: Path) -> Iterator[bytes]:
    try:
        import zstandard
    except ImportError as error:
        raise MissingDependency(f"{path} needs zstandard: pip install 'duetbench[data]'") from error
    # Archives compressed with --long need a larger window than zstandard allows by default.
    decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 31)
    guard = ExpansionGuard(path)
    try:
        with path.open("rb") as stream:
            frame, is_inside = decompressor.decompressobj(), False
            while compressed := stream.read(_ZST_READ_BYTES):
                while compressed:
                    data = frame.decompress(compressed)
                    guard.add(len(data), n_read=stream.tell())
                    yield data
                    is_inside = not frame.eof
                    compressed = frame.unused_data if frame.eof else b""
                    frame = frame if is_inside else decompressor.decompressobj()
            if is_inside:
                raise EOFError
    except zstandard.ZstdError as error:
        raise DataError(f"{path} is not an intact zst file ({error}): download it again") from error
