"""Raw files of any size in the official formats, seeded: for tests, benchmarks and trying things out.

Users and items have power-law activity, ratings follow from both, reviews are strings of stock sentences, a quarter
of Amazon's items have no title. Nothing in them is anybody's.
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
from duetbench.data.readers.validation import seconds_of
from duetbench.data.synthetic.formats import FORMATS, LAYOUTS, Format, Layout, Pack, json_lines
from duetbench.data.synthetic.words import CITIES, KINDS, first_words, sentences
from duetbench.errors import MissingDependency, UnknownName, UsageError

_CHUNK = 200_000
_ACTIVE = 90 * 86_400  # seconds that a user writes, on average
_MEAN_SENTENCES = 5


@dataclass(frozen=True, slots=True)
class SyntheticSpec:
    """How large, and from which seed."""

    interactions: int
    seed: int = 0
    category: str = "Digital_Music"
    """Of Amazon's formats: part of the file names."""

    @property
    def n_users(self) -> int:
        """About eight interactions each."""
        return max(self.interactions // 8, 2)

    @property
    def n_items(self) -> int:
        """About thirty interactions each."""
        return max(self.interactions // 30, 2)


def generate(folder: Path, form: Format, world: SyntheticSpec, *, pack: Pack | None = None) -> dict[str, Path]:
    """The raw files by role; same arguments, same bytes.

    Args:
        folder: Is created if missing; files of these names are replaced, each at once.
        form: Which official format.
        world: What is in them.
        pack: `gz`, `zst` or `none`; None: as the official files come.

    Raises:
        UsageError: the category is no part of a file's name.
        DataError: the folder cannot be written.
        MissingDependency: zst without the `zstandard` package.
    """
    if not re.fullmatch(r"\w[\w-]*", world.category):
        raise UsageError(f"a category wants letters, digits, - and _, not '{world.category}'")
    layout = LAYOUTS[form]
    suffix = {"gz": ".gz", "zst": ".zst", "none": ""}[pack or layout.pack]
    paths = {
        role: folder / (name.format(world.category) + suffix)
        for role, name in (("reviews", layout.reviews), ("items", layout.items))
    }
    _write(paths["reviews"], (json_lines(layout.review_columns(chunk)) for chunk in _interactions(world, layout)))
    _write(paths["items"], (b"".join(layout.item_lines(chunk)) for chunk in _items(world)))
    return paths


def format_named(name: str) -> Format:
    """The format of that name.

    Raises:
        UnknownName: there is none.
    """
    for form in FORMATS:
        if form == name:
            return form
    raise UnknownName("raw format", name, FORMATS)


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    with new_file(path) as partial, _packed(partial, path.suffix) as stream:
        for piece in pieces:
            stream.write(piece)


@contextmanager
def _packed(path: Path, suffix: str) -> Iterator[IO[bytes]]:
    with path.open("wb") as plain:
        if suffix == ".gz":
            # Neither name nor time in the header: same arguments, same bytes.
            with gzip.GzipFile("", "wb", compresslevel=3, fileobj=plain, mtime=0) as packed:
                yield cast("IO[bytes]", packed)
        elif suffix == ".zst":
            with _zst(plain) as packed:
                yield packed
        else:
            yield plain


def _zst(plain: IO[bytes]) -> AbstractContextManager[IO[bytes]]:
    try:
        import zstandard
    except ImportError as error:
        raise MissingDependency("zst files need zstandard: pip install 'duetbench[data]'") from error
    return cast("AbstractContextManager[IO[bytes]]", zstandard.ZstdCompressor().stream_writer(plain, closefd=False))


def _interactions(world: SyntheticSpec, layout: Layout) -> Iterator[pl.DataFrame]:
    """user, item, rating, seconds, review, summary, votes; in no order."""
    pool = pl.Series(sentences())
    since, until = seconds_of(layout.since), seconds_of(layout.until)
    taste = np.random.default_rng((world.seed, 1))
    lenient = taste.normal(0, 0.7, world.n_users)
    good = taste.normal(0.8, 0.6, world.n_items)
    # More and more users come as the years go by; each writes for some months.
    begun = since + (until - since) * np.sqrt(taste.random(world.n_users))
    for number, start in enumerate(range(0, world.interactions, _CHUNK)):
        drawn = np.random.default_rng((world.seed, 2, number))
        n = min(_CHUNK, world.interactions - start)
        user, item = _power_law(drawn, n, world.n_users), _power_law(drawn, n, world.n_items)
        rating = np.clip(np.rint(3.2 + lenient[user] + good[item] + drawn.normal(0, 0.8, n)), 1, 5)
        seconds = begun[user] + drawn.exponential(_ACTIVE, n)
        # Who would still write after the end has written at any time before it instead.
        seconds = np.where(seconds < until, seconds, begun[user] + (until - begun[user]) * drawn.random(n))
        yield pl.DataFrame(
            {
                "user": _ids("U", user),
                "item": _ids("B", item),
                "rating": rating,
                "seconds": seconds.astype(np.int64),
                "review": _texts(drawn, n, pool),
                "summary": pool.gather(drawn.integers(0, len(pool), n)),
                "votes": drawn.geometric(0.6, n) - 1,
            }
        )


def _power_law(drawn: np.random.Generator, n: int, size: int) -> np.ndarray:
    """Codes below `size`, small ones often: the density falls with the power of two thirds."""
    return (size * drawn.random(n) ** 3).astype(np.int64)


def _ids(letter: str, codes: np.ndarray) -> pl.Series:
    """Ids whose order tells nothing of their frequency, of the length that Amazon's have."""
    mixed = (codes.astype(np.uint64) * np.uint64(2_654_435_761) + np.uint64(12_345)) % np.uint64(2**40)
    return (
        pl.DataFrame({"code": mixed}).select(pl.lit(letter) + pl.col("code").cast(pl.String).str.zfill(13)).to_series()
    )


def _texts(drawn: np.random.Generator, n: int, pool: pl.Series) -> pl.Series:
    """Reviews of one to many stock sentences."""
    lengths = drawn.geometric(1 / _MEAN_SENTENCES, n)
    rows = np.repeat(np.arange(n), lengths)
    pieces = pl.DataFrame({"row": rows, "text": pool.gather(drawn.integers(0, len(pool), len(rows)))})
    return pieces.group_by("row", maintain_order=True).agg(pl.col("text").str.join(" "))["text"]


def _items(world: SyntheticSpec) -> Iterator[pl.DataFrame]:
    """item, title (null for a quarter), kinds, about, city."""
    words = pl.Series(first_words())
    pool, kinds, cities = pl.Series(sentences()), pl.Series(KINDS), pl.Series(CITIES)
    for number, start in enumerate(range(0, world.n_items, _CHUNK)):
        drawn = np.random.default_rng((world.seed, 3, number))
        codes = np.arange(start, min(start + _CHUNK, world.n_items))
        n = len(codes)

        def one_of(values: pl.Series, drawn: np.random.Generator = drawn, n: int = n) -> pl.Series:
            return values.gather(drawn.integers(0, len(values), n))

        title = one_of(words) + " " + one_of(words) + " " + pl.Series(codes).cast(pl.String)
        yield pl.DataFrame(
            {
                "item": _ids("B", codes),
                "title": title,
                "untitled": drawn.random(n) < 0.25,
                "kind": one_of(kinds),
                "other": one_of(kinds),
                "about": one_of(pool),
                "city": one_of(cities),
                "stars": drawn.integers(2, 11, n) / 2,
            }
        )
