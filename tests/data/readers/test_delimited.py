"""Comma-separated text: what is a row, and what is told of lines that are none."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from duetbench.data.readers.delimited import delimited_columns, read_delimited
from duetbench.data.readers.validation import RowCounts
from duetbench.errors import DataError

MARK = b"\xef\xbb\xbf"


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("mark", [b"", MARK])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_fields_are_text_as_it_stands(tmp_path: Path, name: str, mark: bytes, end: bytes) -> None:
    lines = b"id, what ,Id", b"007,1.0,true", b'"a, ""b""","two\nlines",NA', b"", b",x, y "
    table = read_delimited(written(tmp_path / name, mark + end.join(lines)), ",", RowCounts())
    assert table.columns == ["id", "what", "Id"]
    assert table.rows() == [("007", "1.0", "true"), ('a, "b"', "two\nlines", "NA"), (None, "x", " y ")]


def test_lines_that_are_no_rows_are_counted_where_they_stand(tmp_path: Path) -> None:
    tally = RowCounts()
    long = b"x" * (17 << 20)
    path = written(tmp_path / "a.csv", b'a,b\n1,2\n\n1,2,3\n\xff,2\n5\n6,7\n8,"shut"but\n8,' + long + b"\n9,9\n")
    assert read_delimited(path, ",", tally).rows() == [("1", "2"), ("6", "7"), ("9", "9")]
    assert tally.dropped == {
        "another number of fields": 2, "invalid UTF-8": 1, "field over 16 MB": 1, "quotes or line ends out of place": 1
    }  # fmt: skip
    assert tally.places == {
        "another number of fields": "a.csv line 4",
        "invalid UTF-8": "a.csv line 5",
        "quotes or line ends out of place": "a.csv line 8",
        "field over 16 MB": "a.csv line 9",
    }


@pytest.mark.parametrize("n", [3, 20_000])
@pytest.mark.parametrize(
    ("opened", "closed", "kind"),
    [
        (b'1,"open\n', b'",x,7\n', "another number of fields"),
        (b'1,"open\n', b'"x,7\n', "quotes or line ends out of place"),
        (b'\xff,"x\n', b'"\n', "invalid UTF-8"),
        (b'1,"open\n', b"", "quotes or line ends out of place"),
    ],
)
def test_all_lines_that_a_wrong_quote_swallows_count(
    tmp_path: Path, n: int, opened: bytes, closed: bytes, kind: str
) -> None:
    tally = RowCounts()
    after = b"8,9\n" * (n + 10) if closed else b""
    path = written(tmp_path / "a.csv", b"a,b\n" + b"1,2\n" * (n + 10) + opened + b"5,6\n" * n + closed + after)
    assert read_delimited(path, ",", tally).height == (n + 10) * (2 if closed else 1)
    assert tally.dropped == {kind: n + (2 if closed else 1)}


def test_a_file_of_another_shape_is_refused_early(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", b"a,b\n" + b"1,2,3\n" * 100_000)
    with pytest.raises(DataError, match=r"1000 of the first 1001 lines are unreadable \(another number of fields"):
        read_delimited(path, ",", RowCounts())


def test_lines_may_end_in_two_ways(tmp_path: Path) -> None:
    tally = RowCounts()
    path = written(tmp_path / "a.csv", b'a,b\n1,2\r\n3,"x\r\ny"\n4,p\rq\n5,6\n')
    assert read_delimited(path, ",", tally).rows() == [("1", "2"), ("3", "x\r\ny"), ("5", "6")]
    assert tally.places == {"quotes or line ends out of place": "a.csv line 5"}


@pytest.mark.parametrize(
    ("data", "why"), [(b"", "does not begin"), (b"\n1,2\n", "does not begin"), (b"a, a\n1,2\n", "the column 'a' twice")]
)
def test_names_of_columns_are_wanted(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(DataError, match=why):
        delimited_columns(written(tmp_path / "a.csv", data), ",")


def test_a_column_without_a_name_is_left_out(tmp_path: Path) -> None:
    table = read_delimited(written(tmp_path / "a.tsv", b"\ta\tb\n0\t1\t2\n"), "\t", RowCounts())
    assert table.rows(named=True) == [{"a": "1", "b": "2"}]


def test_many_rows_keep_their_order(tmp_path: Path) -> None:
    data = b"n,text\n" + b"".join(b"%d,%s\n" % (n, b"x" * 100) for n in range(200_000))
    table = read_delimited(written(tmp_path / "a.csv", data), ",", RowCounts())
    assert table["n"].to_list() == [str(n) for n in range(200_000)]


def test_a_damaged_archive_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv.gz", b"a,b\n" + b"1,2\n" * 1000)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="ends early"):
        read_delimited(path, ",", RowCounts())
