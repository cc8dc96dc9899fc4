"""Generates raw files of any size in the official formats, for tests, benchmarks and experiments.

Users and items have power-law activity, ratings depend on both, reviews are sequences of stock sentences, and a quarter
of Amazon's items have no title. No content comes from real data.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np
import polars as pl

from duetbench.data.folders import new_file
from duetbench.data.readers.validation import parse_timestamp
from duetbench.data.synthetic.formats import LAYOUTS, RAW_FORMATS, Compression, Layout, RawFormat, json_lines
from duetbench.data.synthetic.words import CITIES, KINDS, TITLE_WORDS, sentences
from duetbench.errors import MissingDependency, UnknownName, UsageError

_CHUNK = 200_000
_MEAN_ACTIVE_SECONDS = 90 * 86_400
_MEAN_SENTENCES = 5


@dataclass(frozen=True, slots=True)
class SyntheticSpec:
    """Size, seed and category of generated data."""

    interactions: int
    seed: int = 0
    category: str = "Digital_Music"
    """Part of the file names in Amazon's formats."""

    @property
    def n_users(self) -> int:
        """About eight interactions each."""
        return max(self.interactions // 8, 2)

    @property
    def n_items(self) -> int:
        """About thirty interactions each."""
        return max(self.interactions // 30, 2)


def generate(
    folder: Path, raw_format: RawFormat, spec: SyntheticSpec, *, compression: Compression | None = None
) -> dict[str, Path]:
    """Writes raw files and returns their paths by role. Equal arguments give equal bytes.

    Args:
        folder: Created if missing; files of the same names are replaced atomically.
        raw_format: The official format.
        spec: Size, seed and category.
        compression: `gz`, `zst` or `none`; None: that of the official files.

    Raises:
        UsageError: the category cannot be part of a file's name.
        DataError: the folder cannot be written.
        MissingDependency: zst without the `zstandard` package.
    """
    if not re.fullmatch(r"\w[\w-]*", spec.category):
        raise UsageError(f"the category must consist of letters, digits, - and _, got '{spec.category}'")
    layout = LAYOUTS[raw_format]
    suffix = {"gz": ".gz", "zst": ".zst", "none": ""}[compression or layout.compression]
    paths = {
        role: folder / (name.format(spec.category) + suffix)
        for role, name in (("reviews", layout.reviews), ("items", layout.items))
    }
    _write(paths["reviews"], (json_lines(layout.review_columns(chunk)) for chunk in _interactions(spec, layout)))
    _write(paths["items"], (b"".join(layout.item_lines(chunk)) for chunk in _items(spec)))
    return paths


def parse_format(name: str) -> RawFormat:
    """The raw format with that name.

    Raises:
        UnknownName: it does not exist.
    """
    for raw_format in RAW_FORMATS:
        if raw_format == name:
            return raw_format
    raise UnknownName("raw format", name, RAW_FORMATS)


def _write(path: Path, chunks: Iterator[bytes]) -> None:
    with new_file(path) as partial, _open_compressed(partial, path.suffix) as stream:
        for chunk in chunks:
            stream.write(chunk)


@contextmanager
def _open_compressed(path: Path, suffix: str) -> Iterator[IO[bytes]]:
    with path.open("wb") as plain:
        if suffix == ".gz":
            # Without file name and time in the header, equal arguments give equal bytes.
            with gzip.GzipFile("", "wb", compresslevel=3, fileobj=plain, mtime=0) as compressed:
                yield cast("IO[bytes]", compressed)
        elif suffix == ".zst":
            with _zst_writer(plain) as compressed:
                yield compressed
        else:
            yield plain


def _zst_writer(plain: IO[bytes]) -> AbstractContextManager[IO[bytes]]:
    try:
        import zstandard
    except ImportError as error:
        raise MissingDependency("zst files need zstandard: pip install 'duetbench[data]'") from error
    return cast("AbstractContextManager[IO[bytes]]", zstandard.ZstdCompressor().stream_writer(plain, closefd=False))


def _interactions(spec: SyntheticSpec, layout: Layout) -> Iterator[pl.DataFrame]:
    """user, item, rating, seconds, review, summary, votes; in random order."""
    pool = pl.Series(sentences())
    since, until = parse_timestamp(layout.since), parse_timestamp(layout.until)
    world_rng = np.random.default_rng((spec.seed, 1))
    user_bias = world_rng.normal(0, 0.7, spec.n_users)
    item_bias = world_rng.normal(0.8, 0.6, spec.n_items)
    # The number of new users grows over the years; each is active for some months.
    first_seconds = since + (until - since) * np.sqrt(world_rng.random(spec.n_users))
    for number, start in enumerate(range(0, spec.interactions, _CHUNK)):
        rng = np.random.default_rng((spec.seed, 2, number))
        n = min(_CHUNK, spec.interactions - start)
        user, item = _power_law(rng, n, spec.n_users), _power_law(rng, n, spec.n_items)
        rating = np.clip(np.rint(3.2 + user_bias[user] + item_bias[item] + rng.normal(0, 0.8, n)), 1, 5)
        first_time = first_seconds[user]
        seconds = first_time + rng.exponential(_MEAN_ACTIVE_SECONDS, n)
        # Times after the end are replaced by uniform ones between the user's first time and the end.
        seconds = np.where(seconds < until, seconds, first_time + (until - first_time) * rng.random(n))
        yield pl.DataFrame(
            {
                "user": _ids("U", user),
                "item": _ids("B", item),
                "rating": rating,
                "seconds": seconds.astype(np.int64),
                "review": _texts(rng, n, pool),
                "summary": pool.gather(rng.integers(0, len(pool), n)),
                "votes": rng.geometric(0.6, n) - 1,
            }
        )


def _power_law(rng: np.random.Generator, n: int, size: int) -> np.ndarray:
    """Random codes below `size` with density proportional to code ** (-2/3)."""
    return (size * rng.random(n) ** 3).astype(np.int64)


def _ids(letter: str, codes: np.ndarray) -> pl.Series:
    """Ids as long as Amazon's, whose order does not depend on their frequency."""
    mixed = (codes.astype(np.uint64) * np.uint64(2_654_435_761) + np.uint64(12_345)) % np.uint64(2**40)
    return (
        pl.DataFrame({"code": mixed}).select(pl.lit(letter) + pl.col("code").cast(pl.String).str.zfill(13)).to_series()
    )


def _texts(rng: np.random.Generator, n: int, pool: pl.Series) -> pl.Series:
    """Reviews of one or more stock sentences."""
    lengths = rng.geometric(1 / _MEAN_SENTENCES, n)
    rows = np.repeat(np.arange(n), lengths)
    chosen = pl.DataFrame({"row": rows, "text": pool.gather(rng.integers(0, len(pool), len(rows)))})
    return chosen.group_by("row", maintain_order=True).agg(pl.col("text").str.join(" "))["text"]


def _items(spec: SyntheticSpec) -> Iterator[pl.DataFrame]:
    """item, title, untitled (true for a quarter), kind, other, about, city, stars."""
    words = pl.Series(TITLE_WORDS)
    pool, kinds, cities = pl.Series(sentences()), pl.Series(KINDS), pl.Series(CITIES)
    for number, start in enumerate(range(0, spec.n_items, _CHUNK)):
        rng = np.random.default_rng((spec.seed, 3, number))
        codes = np.arange(start, min(start + _CHUNK, spec.n_items))
        n = len(codes)

        def choose(values: pl.Series, rng: np.random.Generator = rng, n: int = n) -> pl.Series:
            return values.gather(rng.integers(0, len(values), n))

        title = choose(words) + " " + choose(words) + " " + pl.Series(codes).cast(pl.String)
        yield pl.DataFrame(
            {
                "item": _ids("B", codes),
                "title": title,
                "untitled": rng.random(n) < 0.25,
                "kind": choose(kinds),
                "other": choose(kinds),
                "about": choose(pool),
                "city": choose(cities),
                "stars": rng.integers(2, 11, n) / 2,
            }
        )
