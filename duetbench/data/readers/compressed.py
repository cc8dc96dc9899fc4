"""Whole lines out of gz, zst or plain files, in blocks of bounded size."""

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
from duetbench.errors import DataError, MissingDependency

PIECE_BYTES = 64 << 20
"""Of a packed file, how much is unpacked at a time: less is too little work for a parser with several threads."""
UNPACKED_BYTES = 1 << 20
"""Of it, how much is in memory at a time: little enough to be the same memory each time, near a core."""
_BLOCK_BYTES = 8 << 20
LONGEST_LINE = 512 << 20
"""Beyond it a line is an error: a small packed file may hold one that fills any memory."""
_ZST_STEP = 1 << 18  # packed bytes at a time: what they unpack to is not bounded otherwise
_ODD_NAME = re.compile(r"[*?\[\]\\~\ud800-\udfff]")
SUFFIXES = ("", ".gz", ".zst")
"""What may follow a raw file's name: all of them are read."""


def read_blocks(path: Path, *, block_bytes: int = _BLOCK_BYTES) -> Iterator[bytes]:
    """The file in blocks of whole lines, without a byte order mark; a line longer than a block makes its block longer.

    Raises:
        DataError: the file cannot be opened, or its compressed stream is damaged or ends early.
        MissingDependency: a .zst file without the `zstandard` package.
    """
    ways = {".zst": _zst_blocks, ".gz": _gz_blocks}
    try:
        blocks = ways.get(path.suffix.lower(), _plain_blocks)(path, block_bytes)
        yield from (block.removeprefix(BOM_UTF8) for block in islice(blocks, 1))
        yield from blocks
    except EOFError as error:
        raise DataError(f"{path} ends early, as after an interrupted download: fetch it again") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is no intact gzip file ({error}): fetch it again") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers from 1; raises like `read_blocks`."""
    first = 1
    for block in read_blocks(path):
        lines = block.split(b"\n")
        yield from ((number, line) for number, line in enumerate(lines, first) if line.strip())
        first += len(lines) - 1


def plain_files(path: Path) -> Iterator[Path]:
    """The file itself; of a packed one, whole lines of it in files that are gone when the next is asked for.

    A library's own unpacking does not do: DuckDB's passes over damage that gz and zst tell of. Nor does it pass over a
    byte order mark, so that a file with one goes the way of packed files; and a name in which it would see a pattern
    gets another. Raises like `read_blocks`.
    """
    is_plain = path.suffix.lower() not in SUFFIXES[1:] and not _is_marked(path)
    if is_plain and not _ODD_NAME.search(str(path)):
        yield path
        return
    with scratch_folder() as folder:
        if is_plain:
            link = folder / "linked"
            link.symlink_to(path.absolute())
            yield link
        else:
            yield from _pieces(path, folder)


def _pieces(path: Path, folder: Path) -> Iterator[Path]:
    """One after the other, while the next is unpacked."""
    with ThreadPoolExecutor(1) as pool:
        pieces = _unpacked(path, folder)
        ahead = pool.submit(next, pieces, None)
        while piece := ahead.result():
            ahead = pool.submit(next, pieces, None)
            yield piece
            piece.unlink()


def _is_marked(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(len(BOM_UTF8)) == BOM_UTF8
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def _unpacked(path: Path, folder: Path) -> Iterator[Path]:
    blocks = read_blocks(path, block_bytes=UNPACKED_BYTES)
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
            # First where the block ends, then the block in one piece: to add a line's rest to it would copy it.
            stream.seek(start + size - 1)
            _rest_of_line(stream, path)
            end = stream.tell()
            stream.seek(start)
            if not (block := stream.read(end - start)):
                return
            yield block
            start = end


def _rest_of_line(stream: IO[bytes], path: Path) -> bytes:
    rest = stream.readline(LONGEST_LINE)
    if len(rest) == LONGEST_LINE:
        raise _endless(path)
    return rest


def _endless(path: Path) -> DataError:
    return DataError(f"{path} holds a line of over {LONGEST_LINE >> 20} MB: it is no file of lines")


def _gz_blocks(path: Path, size: int) -> Iterator[bytes]:
    with cast("IO[bytes]", gzip.open(path, "rb")) as stream:
        while block := stream.read(size):
            yield block if block.endswith(b"\n") else block + _rest_of_line(stream, path)


def _zst_blocks(path: Path, size: int) -> Iterator[bytes]:
    held: list[bytes] = []
    n_held = 0
    for piece in _zst_pieces(path):
        held.append(piece)
        n_held += len(piece)
        end = piece.rfind(b"\n") + 1
        if not end and n_held > size + LONGEST_LINE:
            raise _endless(path)
        if n_held >= size and end:
            held[-1] = piece[:end]
            yield b"".join(held)
            held, n_held = [piece[end:]], len(piece) - end
    if n_held:
        yield b"".join(held)


def _zst_pieces(path: Path) -> Iterator[bytes]:
    try:
        import zstandard
    except ImportError as error:
        raise MissingDependency(f"{path} needs zstandard: pip install 'duetbench[data]'") from error
    # The window of archives packed with --long exceeds zstandard's default bound.
    frames = zstandard.ZstdDecompressor(max_window_size=1 << 31)
    try:
        with path.open("rb") as stream:
            frame, is_inside = frames.decompressobj(), False
            while packed := stream.read(_ZST_STEP):
                while packed:
                    yield frame.decompress(packed)
                    is_inside = not frame.eof
                    packed = frame.unused_data if frame.eof else b""
                    frame = frame if is_inside else frames.decompressobj()
            if is_inside:
                raise EOFError
    except zstandard.ZstdError as error:
        raise DataError(f"{path} is no intact zst file ({error}): fetch it again") from error
