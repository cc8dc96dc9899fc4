"""JSON lines: values of fields, and malformed lines and files."""

from __future__ import annotations

import errno
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from duetbench.data.readers.jsonl import read_json_columns, read_json_lines
from duetbench.data.readers.validation import RowCounts
from duetbench.errors import DataError

TEXT, NUMBER, TIME, TEXTS = pl.String(), pl.Float64(), pl.Int64(), pl.List(pl.String())
BUFFER = 32 << 20  # largest line that fits into the parser's smaller buffer


def read(path: Path, schema: Mapping[str, pl.DataType], row_counts: RowCounts | None = None) -> pl.DataFrame:
    return pl.concat([frame for frame, _ in read_json_lines(path, schema, row_counts or RowCounts())])


def written(path: Path, *lines: bytes) -> Path:
    data = b"".join(line + b"\n" for line in lines)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [
        (TEXT, "a\u0000ü\U0001f600", "a\u0000ü\U0001f600"),
        (TEXT, 12, "12"),
        (TEXT, ["a", {"b": 1}], '["a",{"b":1}]'),
        (NUMBER, 4, 4.0),
        (NUMBER, 0.1, 0.1),
        (TIME, 1_400_000_000_123, 1_400_000_000_123),
        (TEXTS, ["a", "b"], ["a", "b"]),
        (TEXTS, [], []),
        (TEXT, None, None),
        (NUMBER, None, None),
    ],
)
def test_a_field_is_converted_to_its_type(tmp_path: Path, dtype: pl.DataType, value: Any, expected: Any) -> None:
    path = written(tmp_path / "a.json", json.dumps({"other": 1, "field": value}).encode())
    frame = read(path, {"field": dtype, "missing": TIME})
    assert frame.rows() == [(expected, None)]
    assert frame.schema == {"field": dtype, "missing": TIME}


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        (NUMBER, '"4.5"'), (NUMBER, "true"), (NUMBER, "[4]"), (NUMBER, '""'), (TIME, '"12"'), (TIME, "1.5"),
        (TIME, "1e-7"), (TIME, "99999999999999999999"), (TEXTS, '"a"'), (TEXTS, "{}"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_a_fault(tmp_path: Path, dtype: pl.DataType, value: str) -> None:
    row_counts = RowCounts()
    path = written(tmp_path / "a.json", b'{"id": "a"}', f'{{"id": "b", "field": {value}}}'.encode(), b'{"id": "c"}')
    assert read(path, {"id": TEXT, "field": dtype}, row_counts)["id"].to_list() == ["a", "c"]
    assert row_counts.dropped == {"field of the wrong type": 1}
    assert row_counts.locations == {"field of the wrong type": "a.json line 2"}


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b'{"id": "a"', "malformed line"),
        (b"[1]", "malformed line"),
        (b'"id"', "malformed line"),
        (b'{"id": "a"}{"id": "b"}', "malformed line"),
        (b'{"id": "\xff"}', "invalid UTF-8"),
        (b'{"id": "\\ud800"}', "invalid UTF-8"),
        (b"[" * 100_000, "malformed line"),
    ],
)
def test_an_unreadable_line_is_counted_by_its_fault(tmp_path: Path, line: bytes, fault: str) -> None:
    row_counts = RowCounts()
    path = written(tmp_path / "a.json", b'{"id": "a"}', b"", b"  ", line, b'{"id": "c"}')
    assert read(path, {"id": TEXT}, row_counts)["id"].to_list() == ["a", "c"]
    assert row_counts.locations == {fault: "a.json line 4"}


def test_a_line_without_any_of_the_fields_is_a_row_of_nulls(tmp_path: Path) -> None:
    row_counts = RowCounts()
    path = written(tmp_path / "a.json", b"{}", b'{"other": 1}', b'{"id": null}')
    assert read(path, {"id": TEXT, "n": NUMBER}, row_counts).rows() == [(None, None)] * 3
    assert not row_counts.dropped


@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_a_byte_order_mark_is_not_part_of_the_first_line(tmp_path: Path, name: str) -> None:
    row_counts = RowCounts()
    path = written(tmp_path / name, b'\xef\xbb\xbf{"id": "a"}', b'{"id": "b"}', b"bad")
    assert read(path, {"id": TEXT}, row_counts)["id"].to_list() == ["a", "b"]
    assert row_counts.locations == {"malformed line": f"{name} line 3"}


def test_columns_are_those_of_all_lines(tmp_path: Path) -> None:
    lines = b'{"b": 1, "a": {"z": 1}}', b"bad", b"", b"[1]", b"5", b'{"c\xc3\xbc": 2, "a": 1}'
    path = written(tmp_path / "a.json", *lines)
    assert read_json_columns(path) == ["b", "a", "cü"]


@pytest.mark.parametrize("name", ["it's [a] *?.json", "a=b.json", "-.json.gz", "%s{}.json.gz"])
def test_a_file_name_is_not_read_as_a_pattern(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "year=2014" / "x[1]'; --"
    folder.mkdir(parents=True)
    written(folder / "it's a b.json", b'{"id": "another"}')
    assert read(written(folder / name, b'{"id": "a"}'), {"id": TEXT}).rows() == [("a",)]


def test_fields_may_have_any_name(tmp_path: Path) -> None:
    names = ['a "b"', "it's", "x) --", "select", "ü"]
    path = written(tmp_path / "a.json", json.dumps({name: str(n) for n, name in enumerate(names)}).encode())
    frame = read(path, dict.fromkeys(names, TEXT))
    assert frame.columns == names
    assert frame.rows() == [("0", "1", "2", "3", "4")]


def test_rows_keep_the_order_of_the_lines(tmp_path: Path) -> None:
    n = 60_000
    path = written(tmp_path / "a.json", *(b'{"n": %d, "text": "%s"}' % (number, b"x" * 600) for number in range(n)))
    locations = []
    first = 0
    for frame, location in read_json_lines(path, {"n": TIME, "text": TEXT}, RowCounts()):
        assert frame["n"].to_list() == list(range(first, first + frame.height))
        locations.append(location.first_line)
        first += frame.height
    assert first == n
    assert len(locations) > 1  # a file of more than one part
    assert locations[0] == 1


@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_a_line_longer_than_the_parsers_buffer_is_read(tmp_path: Path, name: str) -> None:
    lines = [b'{"n": %d}' % number for number in range(30_000)]
    lines[20_000] = b'{"n": 20000, "text": "' + b"x" * BUFFER + b'"}'
    frame = read(written(tmp_path / name, *lines), {"n": TIME, "text": TEXT})
    assert frame["n"].to_list() == list(range(30_000))
    assert frame["text"].str.len_bytes().max() == BUFFER


def test_a_line_longer_than_the_largest_buffer_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("duetbench.data.readers.jsonl._MAX_LINE_BYTES", (16 << 20,))
    path = written(tmp_path / "a.json", b'{"n": 1, "text": "' + b"x" * BUFFER + b'"}')
    with pytest.raises(DataError, match=r"a\.json has a line of over 16 MB: remove it"):
        read(path, {"n": TIME})


def test_stopping_early_leaves_no_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("duetbench.data.readers.compressed.PIECE_BYTES", 1_000)
    monkeypatch.setattr("duetbench.data.readers.compressed.BUFFER_BYTES", 100)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temp"))
    (tmp_path / "temp").mkdir()
    rows = read_json_lines(written(tmp_path / "a.json.gz", *[b'{"n": 1}'] * 5_000), {"n": TIME}, RowCounts())
    next(rows)
    assert list((tmp_path / "temp").iterdir())
    rows.close()  # type: ignore[attr-defined]
    assert not list((tmp_path / "temp").iterdir())


def test_temporary_files_of_a_killed_process_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    left = tmp_path / f".partial-{os.uname().nodename}-{ended.stdout.strip()}-abc"
    left.mkdir()
    read(written(tmp_path / "a.json.gz", b'{"n": 1}'), {"n": TIME})
    assert not left.exists()


def test_a_full_disk_for_temporary_files_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("duetbench.data.readers.compressed._write_pieces", lambda *_: iter(full, None))
    with pytest.raises(DataError, match=f"no space left in {tmp_path} to unpack into.*TMPDIR"):
        read(written(tmp_path / "a.json.gz", b'{"n": 1}'), {"n": TIME})


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.json cannot be read"):
        read(tmp_path / "a.json", {"n": TIME})
