"""MovieLens: the official files of its releases."""

from __future__ import annotations

from pathlib import Path

import pytest

from duetbench.data import HistoryOptions, build_examples, prepare
from duetbench.datasets.delimited import DelimitedDataset
from duetbench.datasets.movielens import MovieLens1M, MovieLens100k, MovieLensLatest
from duetbench.errors import MissingRawFiles
from duetbench.testing import DatasetConformance

GENRE_FLAGS = {"Comedy": "0|0|0|0|0|1|0|0|0|0|0|0|0|0|0|0|0|0|0", "none": "1" + "|0" * 18}
RATINGS = [
    (user, item, (user * item) % 5 + 1, 880_000_000 + 86_400 * (user + item)) for user in range(12) for item in range(9)
]


def write_100k(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "u.data").write_text("".join("\t".join(map(str, row)) + "\n" for row in RATINGS))
    names = ["unknown", "Mis\u00e9rables, Les (1995)", *(f"Movie {item} (1995)" for item in range(2, 9))]
    lines = [
        f"{item}|{name}|01-Jan-1995||http://us.imdb.com/M/{item}|{GENRE_FLAGS['Comedy' if item else 'none']}\n"
        for item, name in enumerate(names)
    ]
    (folder / "u.item").write_bytes("".join(lines).encode("latin-1"))
    return folder


def write_1m(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ratings.dat").write_text("".join("::".join(map(str, row)) + "\n" for row in RATINGS))
    lines = [f'{item}::Caf\u00e9: {item}; a "movie", The (2000)::Children\'s|Comedy\n' for item in range(9)]
    (folder / "movies.dat").write_bytes("".join(lines).encode("latin-1"))
    return folder


def write_latest(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [f"{user},{item},{rating - 0.5},{time}\r\n" for user, item, rating, time in RATINGS]
    (folder / "ratings.csv").write_bytes(("userId,movieId,rating,timestamp\r\n" + "".join(rows)).encode())
    lines = [f'{item},"{item}, ""Great"" Caf\u00e9, The (2010)",Drama|Sci-Fi\r\n' for item in range(8)]
    lines.append("8,Movie 8,(no genres listed)\r\n")
    (folder / "movies.csv").write_bytes(("movieId,title,genres\r\n" + "".join(lines)).encode())
    return folder


class TestMovieLens100k(DatasetConformance):
    """The conformance checks."""

    plugin = MovieLens100k

    @pytest.fixture(autouse=True)
    def _raw(self, tmp_path: Path) -> None:
        type(self).raw = write_100k(tmp_path)


class TestMovieLens1M(DatasetConformance):
    """The conformance checks."""

    plugin = MovieLens1M

    @pytest.fixture(autouse=True)
    def _raw(self, tmp_path: Path) -> None:
        type(self).raw = write_1m(tmp_path)


class TestMovieLensLatest(DatasetConformance):
    """The conformance checks."""

    plugin = MovieLensLatest

    @pytest.fixture(autouse=True)
    def _raw(self, tmp_path: Path) -> None:
        type(self).raw = write_latest(tmp_path)


def test_100k_has_titles_genres_and_an_untitled_movie(tmp_path: Path) -> None:
    tables = MovieLens100k().read(MovieLens100k().raw_files(write_100k(tmp_path)))
    assert tables.interactions.row(9) == ("1", "0", 1.0, 880_086_400, "", "")
    assert tables.items.rows()[:2] == [
        ("1", "Mis\u00e9rables, Les (1995)", ["Comedy"], ""),
        ("2", "Movie 2 (1995)", ["Comedy"], ""),
    ]
    assert tables.items.row(8) == ("0", "", [], "")
    assert tables.counts == {}


def test_1m_has_titles_with_separators_and_quotes(tmp_path: Path) -> None:
    tables = MovieLens1M().read(MovieLens1M().raw_files(write_1m(tmp_path)))
    assert tables.items.row(3) == ("3", 'Caf\u00e9: 3; a "movie", The (2000)', ["Children's", "Comedy"], "")
    assert (tables.interactions.height, tables.counts) == (108, {})


def test_latest_has_half_stars(tmp_path: Path) -> None:
    tables = MovieLensLatest().read(MovieLensLatest().raw_files(write_latest(tmp_path)))
    assert sorted(set(tables.interactions["rating"])) == [0.5, 1.5, 2.5, 3.5, 4.5]
    assert tables.items.row(0) == ("0", '0, "Great" Caf\u00e9, The (2010)', ["Drama", "Sci-Fi"], "")
    assert tables.items.row(8) == ("8", "Movie 8", [], "")
    assert MovieLensLatest().domain().labels == (0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5)


@pytest.mark.parametrize(
    ("dataset", "write"), [(MovieLens100k, write_100k), (MovieLens1M, write_1m), (MovieLensLatest, write_latest)]
)
def test_files_are_prepared_end_to_end(tmp_path: Path, dataset: type[DelimitedDataset], write: object) -> None:
    write(tmp_path / "raw")  # type: ignore[operator]
    prepared = prepare(dataset(), raw=tmp_path / "raw", cache=tmp_path)
    assert prepared.steps[0].rows == 108
    assert prepared.steps[-1].splits["test"] > 0
    assert any(example.request.user_history for example in build_examples(prepared, "test", HistoryOptions()))


def test_files_may_be_in_the_folder_of_the_archive(tmp_path: Path) -> None:
    write_1m(tmp_path / "ml-1m")
    assert MovieLens1M().raw_files(tmp_path)["reviews"] == tmp_path / "ml-1m" / "ratings.dat"


def test_missing_files_are_named_with_their_source(tmp_path: Path) -> None:
    with pytest.raises(
        MissingRawFiles, match=r"ratings.dat and movies.dat .*files.grouplens.org.*--set ml-1m.raw=DIR$"
    ):
        MovieLens1M().raw_files(tmp_path)
