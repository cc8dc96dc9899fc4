"""Comma-separated text: valid rows, and counts of invalid lines."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from duetbench.data.readers.delimited import read_delimited, read_delimited_columns
from duetbench.data.readers.validation import RowCounts
from duetbench.errors import DataError

MARK = b"\xef\xbb\xbf"


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("mark", [b"", MARK])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_fields_are_unchanged_text(tmp_path: Path, name: str, mark: bytes, end: bytes) -> None:
    lines = b"id, what ,Id", b"007,1.0,true", b'"a, ""b""","two\nlines",NA', b"", b",x, y "
    table = read_delimited(written(tmp_path / name, mark + end.join(lines)), ",", RowCounts())
    assert table.columns == ["id", "what", "Id"]
    assert table.rows() == [("007", "1.0", "true"), ('a, "b"', "two\nlines", "NA"), (None, "x", " y ")]


def test_invalid_lines_are_counted_with_their_location(tmp_path: Path) -> None:
    row_counts = RowCounts()
    long = b"x" * (17 << 20)
    path = written(tmp_path / "a.csv", b'a,b\n1,2\n\n1,2,3\n\xff,2\n5\n6,7\n8,"shut"but\n8,' + long + b"\n9,9\n")
    assert read_delimited(path, ",", row_counts).rows() == [("1", "2"), ("6", "7"), ("9", "9")]
    assert row_counts.dropped == {
        "wrong number of fields": 2, "invalid UTF-8": 1, "field over 16 MB": 1, "misplaced quote or line end": 1
    }  # fmt: skip
    assert row_counts.locations == {
        "wrong number of fields": "a.csv line 4",
        "invalid UTF-8": "a.csv line 5",
        "misplaced quote or line end": "a.csv line 8",
        "field over 16 MB": "a.csv line 9",
    }


@pytest.mark.parametrize("n", [3, 20_000])
@pytest.mark.parametrize(
    ("opened", "closed", "kind"),
    [
        (b'1,"open\n', b'",x,7\n', "wrong number of fields"),
        (b'1,"open\n', b'"x,7\n', "misplaced quote or line end"),
        (b'\xff,"x\n', b'"\n', "invalid UTF-8"),
        (b'1,"open\n', b"", "misplaced quote or line end"),
    ],
)
def test_all_lines_inside_a_misplaced_quote_are_counted(
    tmp_path: Path, n: int, opened: bytes, closed: bytes, kind: str
) -> None:
    row_counts = RowCounts()
    after = b"8,9\n" * (n + 10) if closed else b""
    path = written(tmp_path / "a.csv", b"a,b\n" + b"1,2\n" * (n + 10) + opened + b"5,6\n" * n + closed + after)
    assert read_delimited(path, ",", row_counts).height == (n + 10) * (2 if closed else 1)
    assert row_counts.dropped == {kind: n + (2 if closed else 1)}


def test_a_file_with_other_columns_is_rejected_early(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", b"a,b\n" + b"1,2,3\n" * 100_000)
    with pytest.raises(DataError, match=r"1000 of the first 1001 lines are unreadable \(wrong number of fields"):
        read_delimited(path, ",", RowCounts())


def test_both_kinds_of_line_end_are_read(tmp_path: Path) -> None:
    row_counts = RowCounts()
    path = written(tmp_path / "a.csv", b'a,b\n1,2\r\n3,"x\r\ny"\n4,p\rq\n5,6\n')
    assert read_delimited(path, ",", row_counts).rows() == [("1", "2"), ("3", "x\r\ny"), ("5", "6")]
    assert row_counts.locations == {"misplaced quote or line end": "a.csv line 5"}


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", "does not begin"), (b"\n1,2\n", "does not begin"), (b"a, a\n1,2\n", "has two columns named 'a'")],
)
def test_column_names_are_required(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_delimited_columns(written(tmp_path / "a.csv", data), ",")


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
