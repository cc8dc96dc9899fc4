"""Book-Crossing's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from duetbench.data import HistoryOptions, build_examples, prepare
from duetbench.datasets.book_crossing import BookCrossing
from duetbench.testing import DatasetConformance

BOOKS = (
    '"ISBN";"Book-Title";"Book-Author";"Year-Of-Publication";"Publisher";"Image-URL-S";"Image-URL-M";"Image-URL-L"\n'
)


def write(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [f'"{user}";"{isbn:09}X";"{(user + isbn) % 11}"\n' for user in range(20) for isbn in range(12)]
    (folder / "BX-Book-Ratings.csv").write_text('"User-ID";"ISBN";"Book-Rating"\n' + "".join(rows))
    lines = [
        f'"{isbn:09}X";"The \\"Caf\u00e9\\"; {isbn} &amp; more";"A. B";"2002";"Pub";"u";"u";"u"\n' for isbn in range(12)
    ]
    (folder / "BX-Books.csv").write_bytes((BOOKS + "".join(lines)).encode("latin-1"))
    return folder


class TestBookCrossing(DatasetConformance):
    """The conformance checks."""

    plugin = BookCrossing

    @pytest.fixture(autouse=True)
    def _raw(self, tmp_path: Path) -> None:
        type(self).raw = write(tmp_path)


def test_escaped_quotes_and_latin_1_are_read(tmp_path: Path) -> None:
    tables = BookCrossing().read(BookCrossing().raw_files(write(tmp_path)))
    assert tables.items.row(1) == ("000000001X", 'The "Caf\u00e9"; 1 & more', [], "A. B, 2002, Pub")
    assert tables.counts == {}


def test_implicit_ratings_are_left_out_and_noted(tmp_path: Path) -> None:
    tables = BookCrossing().read(BookCrossing().raw_files(write(tmp_path)))
    n_implicit = sum((user + isbn) % 11 == 0 for user in range(20) for isbn in range(12))
    assert tables.notes["not rated"] == n_implicit
    assert tables.interactions.height == 240 - n_implicit
    assert tables.interactions["rating"].min() == 1.0


def test_positions_in_the_file_are_times_and_the_data_is_marked(tmp_path: Path) -> None:
    prepared = prepare(BookCrossing(), raw=write(tmp_path / "raw"), cache=tmp_path)
    assert prepared.interactions["timestamp"].is_sorted()
    assert not prepared.has_times
    assert len(prepared.temporal_leakage) == 2
    assert prepared.domain.labels == tuple(range(1, 11))
    assert build_examples(prepared, "test", HistoryOptions())
