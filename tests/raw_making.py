"""Writes small raw files in the official formats, for tests."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from duetbench.data.readers.compressed import read_blocks

DAY = 86_400
START = 1_300_000_000 // DAY * DAY


def review_2014(user: str, item: str, day: int = 0, rating: float = 5.0, **other: Any) -> dict[str, Any]:
    """A review in the format of 2014."""
    return {
        "reviewerID": user,
        "asin": item,
        "reviewerName": "A reviewer",
        "helpful": [1, 2],
        "reviewText": f"{user} on {item}",
        "overall": rating,
        "summary": "short",
        "unixReviewTime": START + day * DAY,
        "reviewTime": "03 13, 2011",
    } | other


def item_2014(item: str, title: str | None = "", **other: Any) -> dict[str, Any]:
    """Metadata in the format of 2014; title None leaves it out."""
    fields = {"asin": item, "title": title or f"The {item}", "categories": [["Music", "Rock"], ["Music", "Jazz"]]}
    if title is None:
        del fields["title"]
    return fields | {"related": {"also_bought": ["B1"]}, "salesRank": {"Music": 7}, "price": 9.99} | other


def write_json(path: Path, lines: Sequence[Any]) -> Path:
    """Writes JSON lines; a str or bytes is written unchanged. Compressed if the name ends in .gz."""
    data = b"".join(_line(line) + b"\n" for line in lines)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


def _line(line: Any) -> bytes:
    if isinstance(line, bytes):
        return line
    return (line if isinstance(line, str) else json.dumps(line)).encode()


def write_music(folder: Path, reviews: Sequence[Any], items: Sequence[Any] | None = None) -> Path:
    """Writes a folder of Digital Music in the format of 2014; items None: one titled item per asin."""
    folder.mkdir(parents=True, exist_ok=True)
    if items is None:
        ids = dict.fromkeys(line["asin"] for line in reviews if isinstance(line, dict) and line.get("asin"))
        items = [item_2014(asin) for asin in ids]
    write_json(folder / "reviews_Digital_Music_5.json.gz", reviews)
    write_json(
        folder / "meta_Digital_Music.json.gz", [repr(item) if isinstance(item, dict) else item for item in items]
    )
    return folder


def small_music(n_users: int = 6, n_items: int = 5) -> list[dict[str, Any]]:
    """Every user rates every item, one rating per day, in a shuffled order."""
    pairs = [(f"U{user}", f"I{item}") for item in range(n_items) for user in range(n_users)]
    Random(0).shuffle(pairs)
    return [review_2014(user, item, day, float(1 + day % 5)) for day, (user, item) in enumerate(pairs)]


def write_json_files(folder: Path, files: dict[str, list[Any]]) -> Path:
    """Writes a folder of JSON lines files, given by name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in files.items():
        write_json(folder / name, lines)
    return folder


def read_in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes readers read compressed files some lines at a time, as they read large files some megabytes at a time."""
    monkeypatch.setattr("duetbench.data.readers.compressed.BUFFER_BYTES", 100)
    monkeypatch.setattr("duetbench.data.readers.compressed.PIECE_BYTES", 700)
    monkeypatch.setattr("duetbench.data.readers.literals.read_blocks", partial(read_blocks, block_bytes=700))
