"""Hostile and mistaken YAML is an error of one line with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from duetbench.documents.yaml_text import MAX_YAML_BYTES, load_yaml
from duetbench.errors import DocumentError

LINES = [f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 10)}]" for n in range(9)]
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "\n".join(LINES)


def _load(tmp_path: Path, text: str | bytes, **options: Any) -> Any:
    path = tmp_path / "a.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_yaml(path, **options)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("x: " + "[" * 5_000, r"line 1, column \d+: nested deeper than 64 levels"),
        ("{a: " * 5_000, "nested deeper"),
        ("- " * 5_000, "nested deeper"),
        ("\na: " + "1" * 5_001, "line 2, column 4: an integer beyond 64 bits, of 5,001 characters"),
        ("a: 0x" + "f" * 5_000, "an integer beyond 64 bits"),
        ("a: 18446744073709551616", "an integer beyond 64 bits"),
        (BOMB, r"line 6, .*larger than 2,000,000 characters once its aliases are written out"),
        ("a: &a " + "x" * 100_000 + "\nb: [" + "*a, " * 30 + "]", "line 2, .*once its aliases are written out"),
        ("a: &a [*a]", r"alias '\*a' refers to a value that contains it"),
        ("a: *b", "undefined alias"),
        ("5: a", 'a key must be text, got 5: write it as "5"'),
        ("on: a", 'got on: write it as "on"'),
        ("~: a", "a key must be text"),
        ("1.5: a", "a key must be text"),
        ("? [a, b]\n: c", "a key must be text, got a list"),
        ("a: 1\nb: 2\na: 3", "line 3, column 1: key 'a' is given twice"),
        ("a: {b: 1, b: 2}", "key 'b' is given twice"),
        ("a: !!python/object/apply:os.getcwd []", "the tag .* is not supported"),
        ("a: !!set {b}", "the tag .* is not supported"),
        ("a: !!binary aGk=", "the tag .* is not supported"),
        ("a: !!int x", "not a value of type 'int'"),
        ("a: !!bool x", "not a value of type 'bool'"),
        ('a: "\\0"', "control character"),
        ('a: "\\ud800"', "control character"),
        ("a: [", "not valid YAML: line 1"),
        ("a: 1\n--- \nb: 2", "not valid YAML: line 2"),
        (b"\xff\xfe\x00", "not UTF-8"),
        ("a: " + "x" * MAX_YAML_BYTES, "larger than 1,000,000 bytes"),
    ],
)
def test_faults_have_their_place(tmp_path: Path, text: str | bytes, fault: str) -> None:
    with pytest.raises(DocumentError, match=fault) as caught:
        _load(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "a.yaml"))
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)


def test_aliases_and_merge_keys_are_followed(tmp_path: Path) -> None:
    text = "a: &a {b: 1, c: 2}\nd: {<<: *a, c: 3}\ne: *a"
    assert _load(tmp_path, text) == {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}, "e": {"b": 1, "c": 2}}


def test_dates_stay_as_they_are_written(tmp_path: Path) -> None:
    assert _load(tmp_path, "a: 2024-13-45\nb: 2024-01-31") == {"a": "2024-13-45", "b": "2024-01-31"}


def test_numbers_may_stay_text(tmp_path: Path) -> None:
    assert _load(tmp_path, "a: [0.9500, 1e-3, yes, ~]", numbers_as_text=True) == {"a": ["0.9500", "1e-3", "yes", "~"]}


def test_an_empty_file_has_no_value(tmp_path: Path) -> None:
    assert _load(tmp_path, "# nothing\n") is None


def test_every_shipped_file_means_what_yaml_says(root: Path) -> None:
    files = [*root.glob("configs/*.yaml"), *root.glob("registry/*/*.yaml")]
    assert len(files) > 15
    for path in files:
        assert load_yaml(path) == yaml.safe_load(path.read_text(encoding="utf-8"))
