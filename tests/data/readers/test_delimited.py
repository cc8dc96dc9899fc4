"""Comma-separated text: valid rows, and counts of invalid lines."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from duetbench.data.readers.delimited import (
    DelimitedFormat,
    normalize_encoding,
    read_delimited,
    read_delimited_columns,
)
from duetbench.data.readers.validation import RowCounts
from duetbench.errors import DataError, UsageError

CSV = DelimitedFormat()
MARK = b"\xef\xbb\xbf"


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("mark", [b"", MARK])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_fields_are_unchanged_text(tmp_path: Path, name: str, mark: bytes, end: bytes) -> None:
    lines = b"id, what ,Id", b"007,1.0,true", b'"a, ""b""","two\nlines",NA', b"", b",x, y "
    table = read_delimited(written(tmp_path / name, mark + end.join(lines)), CSV, RowCounts())
    assert table.columns == ["id", "what", "Id"]
    assert table.rows() == [("007", "1.0", "true"), ('a, "b"', "two\nlines", "NA"), (None, "x", " y ")]


def test_invalid_lines_are_counted_with_their_location(tmp_path: Path) -> None:
    row_counts = RowCounts()
    long = b"x" * (17 << 20)
    path = written(tmp_path / "a.csv", b'a,b\n1,2\n\n1,2,3\n\xff,2\n5\n6,7\n8,"shut"but\n8,' + long + b"\n9,9\n")
    assert read_delimited(path, CSV, row_counts).rows() == [("1", "2"), ("6", "7"), ("9", "9")]
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
    assert read_delimited(path, CSV, row_counts).height == (n + 10) * (2 if closed else 1)
    assert row_counts.dropped == {kind: n + (2 if closed else 1)}


def test_a_file_with_other_columns_is_rejected_early(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", b"a,b\n" + b"1,2,3\n" * 100_000)
    with pytest.raises(DataError, match=r"1000 of the first 1001 lines are unreadable \(wrong number of fields"):
        read_delimited(path, CSV, RowCounts())


def test_both_kinds_of_line_end_are_read(tmp_path: Path) -> None:
    row_counts = RowCounts()
    path = written(tmp_path / "a.csv", b'a,b\n1,2\r\n3,"x\r\ny"\n4,p\rq\n5,6\n')
    assert read_delimited(path, CSV, row_counts).rows() == [("1", "2"), ("3", "x\r\ny"), ("5", "6")]
    assert row_counts.locations == {"misplaced quote or line end": "a.csv line 5"}


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", "does not begin"), (b"\n1,2\n", "does not begin"), (b"a, a\n1,2\n", "has two columns named 'a'")],
)
def test_column_names_are_required(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_delimited_columns(written(tmp_path / "a.csv", data), CSV)


def test_a_column_without_a_name_is_left_out(tmp_path: Path) -> None:
    table = read_delimited(written(tmp_path / "a.tsv", b"\ta\tb\n0\t1\t2\n"), DelimitedFormat("\t"), RowCounts())
    assert table.rows(named=True) == [{"a": "1", "b": "2"}]


def test_many_rows_keep_their_order(tmp_path: Path) -> None:
    data = b"n,text\n" + b"".join(b"%d,%s\n" % (n, b"x" * 100) for n in range(200_000))
    table = read_delimited(written(tmp_path / "a.csv", data), CSV, RowCounts())
    assert table["n"].to_list() == [str(n) for n in range(200_000)]


def test_a_damaged_archive_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv.gz", b"a,b\n" + b"1,2\n" * 1000)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="ends early"):
        read_delimited(path, CSV, RowCounts())


def test_a_table_without_names_is_read_with_given_ones(tmp_path: Path) -> None:
    path = written(tmp_path / "u.data", b"196\t242\t3\t881250949\n186\t302\t3\t891717742\n")
    table = read_delimited(path, DelimitedFormat("\t", ("user", "item", "", "time")), RowCounts())
    assert table.rows(named=True)[0] == {"user": "196", "item": "242", "time": "881250949"}
    assert table.height == 2


@pytest.mark.parametrize("separator", ["::", "|", ";", "§", "<tab>", " - "])
def test_a_separator_may_be_any_text(tmp_path: Path, separator: str) -> None:
    rows = ["a", "b"], ["1", "x,y:z"], ["2", "what\u00e9ver"]
    path = written(tmp_path / "a.dat", "\n".join(separator.join(row) for row in rows).encode())
    assert read_delimited(path, DelimitedFormat(separator), RowCounts()).rows() == [tuple(row) for row in rows[1:]]


def test_lines_split_at_several_characters_have_no_quotes(tmp_path: Path) -> None:
    row_counts = RowCounts()
    path = written(tmp_path / "a.dat", b'1::"Great" movie\n2::"open\n3::a::b\n')
    table = read_delimited(path, DelimitedFormat("::", ("id", "title")), row_counts)
    assert table.rows() == [("1", '"Great" movie'), ("2", '"open')]
    assert row_counts.locations == {"wrong number of fields": "a.dat line 3"}


@pytest.mark.parametrize("fault", [b"", b"9,9,9\n"])
def test_rows_of_empty_fields_are_blank_lines(tmp_path: Path, fault: bytes) -> None:
    row_counts = RowCounts()
    path = written(tmp_path / "a.csv", b'a,b\n1,2\n,\n  , \n"",""\n,3\n' + fault)
    assert read_delimited(path, CSV, row_counts).rows() == [("1", "2"), (None, "3")]
    assert row_counts.dropped.total() == bool(fault)


def test_blank_rows_may_have_any_number_of_fields(tmp_path: Path) -> None:
    row_counts = RowCounts()
    assert read_delimited(written(tmp_path / "a.csv", b"a,b\n1,2\n,,,,\n"), CSV, row_counts).height == 1
    assert not row_counts.dropped


@pytest.mark.parametrize("fault", [b"", b"9,9,9\r"])
def test_line_ends_of_old_macs_are_read(tmp_path: Path, fault: bytes) -> None:
    row_counts = RowCounts()
    path = written(tmp_path / "a.csv", b'a,b\r1,"x, y"\r3,4\r' + fault)
    assert read_delimited(path, CSV, row_counts).rows() == [("1", "x, y"), ("3", "4")]
    assert row_counts.dropped.total() == bool(fault)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-be", "shift-jis"])
def test_other_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    text = "日本" if encoding == "shift-jis" else "Caf\u00e9"
    data = ("id,title\n" + f'7,"{text}, ok"\n' * 3).encode(encoding)
    path = written(tmp_path / "a.csv", data)
    table = read_delimited(path, DelimitedFormat(encoding=normalize_encoding(encoding)), RowCounts())
    assert table.rows() == [("7", f"{text}, ok")] * 3


def test_bytes_that_an_encoding_lacks_are_counted(tmp_path: Path) -> None:
    row_counts = RowCounts()
    path = written(tmp_path / "a.csv", b"a,b\n1,\x81\n2,\xe9\n")
    assert read_delimited(path, DelimitedFormat(encoding="cp1252"), row_counts).rows() == [("2", "\u00e9")]
    assert row_counts.locations == {"invalid cp1252": "a.csv line 2"}


def test_long_texts_in_utf_16_are_split_at_lines_only(tmp_path: Path) -> None:
    rows = [f"{n},\u0a05\u0a0a" for n in range(300_000)]  # these characters contain the byte of a line end
    path = written(tmp_path / "a.csv", "\n".join(["a,b", *rows]).encode("utf-16"))
    table = read_delimited(path, DelimitedFormat(encoding="utf-16"), RowCounts())
    assert table["b"].unique().to_list() == ["\u0a05\u0a0a"]
    assert table.height == 300_000


def test_quotes_may_be_escaped(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", b'"a";"b"\n"1";"the \\"x; y\\" z"\n')
    assert read_delimited(path, DelimitedFormat(";", escape="\\"), RowCounts()).rows() == [("1", 'the "x; y" z')]


@pytest.mark.parametrize("name", ["latin9x", "hex", "rot13"])
def test_an_unknown_encoding_is_an_error(name: str) -> None:
    with pytest.raises(UsageError, match=f"no text encoding is named '{name}'"):
        normalize_encoding(name)


@pytest.mark.parametrize(
    ("data", "form", "message"),
    [
        (b"a;b\n1;2\n", CSV, "single column, 'a;b': name the separator, as in --separator ';'"),
        (b"a\tb\n1\t2\n", CSV, r"--separator '\\t'"),
        (b"\xff\xfea\x00,\x00", CSV, "as in --encoding latin-1, cp1252 or utf-16"),
        (b"1,2,3\n", DelimitedFormat(columns=("a", "b")), r"3 fields in its first line, but --columns names 2 \(a,b\)"),
        (b"a\x00,b\x00", DelimitedFormat(encoding="utf-16"), "is not in utf-16"),
    ],
)
def test_another_format_is_an_error_with_what_to_do(
    tmp_path: Path, data: bytes, form: DelimitedFormat, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_delimited(written(tmp_path / "a.csv", data), form, RowCounts())


def test_a_late_fault_changes_no_other_row(tmp_path: Path) -> None:
    row_counts = RowCounts()
    rows = b"".join(b"%d,%s\n" % (n, b"x" * 300) for n in range(200_000))
    path = written(tmp_path / "a.csv", b"n,text\n" + rows + b"a,b,c\n-1,y\n")
    table = read_delimited(path, CSV, row_counts)
    assert table["n"].to_list() == [*map(str, range(200_000)), "-1"]
    assert row_counts.locations == {"wrong number of fields": "a.csv line 200002"}
