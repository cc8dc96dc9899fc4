"""Files of published tables: what is read, and that hostile ones are refused with all faults at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from duetbench.errors import DataError, UnknownName
from duetbench.evaluation.audit import load_published
from duetbench.evaluation.audit.published import PublishedTable

ROW = "{dataset: d, method: m, mae: 0.5000, rmse: 0.9, accuracy: 61.23}"


def _load(folder: Path, text: str | bytes, name: str = "t.yaml") -> PublishedTable:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_published(str(path))


def _fault(folder: Path, text: str | bytes, name: str = "t.yaml") -> str:
    with pytest.raises(DataError) as caught:
        _load(folder, text, name)
    return str(caught.value)


def test_trailing_zeros_are_printed_decimals(tmp_path: Path) -> None:
    number = _load(tmp_path, f"rows: [{ROW}]").rows[0].metrics["mae"]
    assert (float(number.low), float(number.high)) == pytest.approx((0.49995, 0.50005), abs=1e-12)


def test_percent_becomes_a_fraction(tmp_path: Path) -> None:
    assert float(_load(tmp_path, f"rows: [{ROW}]").rows[0].metrics["accuracy"].value) == pytest.approx(0.6123)


def test_fractions_have_their_unit(tmp_path: Path) -> None:
    table = _load(tmp_path, f"unit: fraction\nrows: [{ROW.replace('61.23', '0.6123')}]")
    assert float(table.rows[0].metrics["accuracy"].value) == pytest.approx(0.6123)


def test_csv_has_the_same_columns(tmp_path: Path) -> None:
    text = "Dataset,Method,Backbone,MAE,RMSE,Accuracy,F1,n,bold\nd,m,,0.5000,0.9,61.23,,40,mae rmse\n"
    row = _load(tmp_path, text, "t.csv").rows[0]
    assert (row.metrics["mae"].text, row.n, row.bold) == ("0.5000", 40, ("mae", "rmse"))
    assert "f1" not in row.metrics


def test_all_faults_are_listed_with_their_paths(tmp_path: Path) -> None:
    text = "rows:\n- {dataset: d, method: m, mae: nan, rmse: -0.9, accuracy: '=1+1', speed: 3}\n- {dataset: d}"
    fault = _fault(tmp_path, text)
    for path in ("rows[0].mae", "rows[0].rmse", "rows[0].accuracy", "rows[0]: ", "'speed'", "rows[1]: 'method'"):
        assert path in fault


@pytest.mark.parametrize(
    "value", ["nan", "-0.5", "inf", "1e3", "=2", "0x10", "1_000", "٠.٥", "''", "[1]", "0.123456789"]
)
def test_what_is_not_a_printed_number_is_refused(tmp_path: Path, value: str) -> None:
    assert "rows[0].mae" in _fault(tmp_path, f"rows: [{ROW.replace('0.5000', value)}]")


@pytest.mark.parametrize("name", [r"\e[31mred", r"line\nbreak", r"\u202Egnp", r"\u200B", ""])
def test_names_with_control_characters_are_refused(tmp_path: Path, name: str) -> None:
    row = ROW.replace("method: m", f'method: "{name}"')
    fault = _fault(tmp_path, f"rows: [{row}]")
    assert "rows[0].method" in fault or "line 1, column 29: the text has a control character" in fault
    assert "\x1b" not in fault


def test_hostile_keys_are_not_echoed(tmp_path: Path) -> None:
    assert "\x1b" not in _fault(tmp_path, f'test_sizes: {{"\\e[31m": 0}}\nrows: [{ROW}]')


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"a: &a [*a]\nrows: [{ROW}]", "a value that contains it"),
        ("rows: " + "[" * 5000, "nested deeper"),
        (f"rows: [{ROW}]\nrows: [{ROW}]", "'rows' is given twice"),
        ("rows: [", "not valid YAML"),
        ("", "None is not of type 'object'"),
        (b"\xff\xfe\x00", "not UTF-8"),
        ("rows: []", "rows: "),
        (b"rows: [" + b"x" * 2_000_001, "larger than"),
        (f"rows: [{ROW}, {ROW}]", "a second row 'm / d'"),
        (f"rows: [{ROW.replace('61.23', '6123')}]", "rows[0].accuracy: 6123 is above 1"),
        (f"unit: fraction\nrows: [{ROW}]", "rows[0].accuracy: 61.23 is above 1 in the unit fraction"),
        (f"test_sizes: {{e: 5}}\nrows: [{ROW}]", "test_sizes.e: no row of this dataset"),
        (f"rows: [{ROW[:-1]}, n: 0}}]", "rows[0].n"),
        (f"rows: [{ROW[:-1]}, bold: [f1]}}]", "rows[0].bold: f1 is not given"),
        (
            f"rows: [{ROW}]\nclaims: [{{kind: mean, rows: {{method: z}}, metric: mae, value: 1}}]",
            "claims[0].rows: no row",
        ),
        (f"rows: [{ROW}]\nclaims: [{{kind: same_rows, rows: {{method: m}}, table: ../x}}]", "claims[0].table"),
        (f"rows: [{ROW}]\nclaims: [{{kind: mean, rows: {{method: m}}, metric: mae}}]", "'value' is a required"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, text: str | bytes, reason: str) -> None:
    assert reason in _fault(tmp_path, text)


def test_tags_construct_nothing(tmp_path: Path) -> None:
    text = f"rows: [{ROW.replace('method: m', 'method: !!python/object/apply:os.getcwd []')}]"
    assert "line 1, column 29: the tag" in _fault(tmp_path, text)


def test_percentages_that_look_like_fractions_are_questioned(tmp_path: Path) -> None:
    rows = f"{ROW.replace('61.23', '0.6123')}, {ROW.replace('61.23', '0.7').replace('method: m', 'method: o')}"
    assert "set `unit: fraction`" in _fault(tmp_path, f"rows: [{rows}]")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("dataset,method\nd\n", "rows[0] has 1 cells, the header has 2"),
        ("mae,MAE\n1,2\n", "a column name occurs twice"),
        ('a,b\n"x', "not valid CSV"),
        ("", "no header"),
        ("dataset,method,mae,rmse,accuracy\n", "rows: "),
        ("dataset,method,mae,rmse,accuracy\nd,m,=1,1,1\n", "rows[0].mae"),
    ],
)
def test_a_csv_file_that_is_no_table_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    assert reason in _fault(tmp_path, text, "t.csv")


def test_many_faults_are_counted(tmp_path: Path) -> None:
    rows = ", ".join(ROW.replace("0.5000", "nan").replace("method: m", f"method: m{n}") for n in range(50))
    assert _fault(tmp_path, f"rows: [{rows}]").endswith("; and 30 more")


def test_an_unknown_name_lists_the_shipped_ones() -> None:
    with pytest.raises(UnknownName, match=r"did you mean 'duet-table1'\? Known: duet-table1, duet-table2"):
        load_published("duet-tabel1")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        load_published(str(tmp_path / "t.yaml"))
