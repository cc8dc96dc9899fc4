"""Hostile and damaged JSON is an error of one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from duetbench.documents.json_text import load_json, parse_json
from duetbench.errors import DocumentError


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[" * 200_000, "nested deeper than 64 levels"),
        ("[" * 65 + "]" * 65, "nested deeper than 64 levels"),
        ('{"a": ' * 70 + "1" + "}" * 70, "nested deeper"),
        ('{"a": ' + "1" * 5_001 + "}", "an integer of 5,001 digits"),
        ('{"a": 1, "b": 2, "a": 3}', "key 'a' is given twice"),
        ('{"a": 1,\n "b" 2}', "not valid JSON: line 2, column 6"),
        (b'{"a": "\xff"}', "not UTF-8"),
        ("", "not valid JSON: line 1"),
    ],
)
def test_faults_are_one_line(text: str | bytes, fault: str) -> None:
    with pytest.raises(DocumentError, match=rf"^here: {fault}") as caught:
        parse_json(text, name="here")
    assert len(str(caught.value)) < 200


def test_a_wide_text_is_not_a_deep_one() -> None:
    values = [{"a": [n]} for n in range(100)]
    assert parse_json(json.dumps(values), name="here") == values


def test_the_bound_itself_is_accepted() -> None:
    assert parse_json("[" * 64 + "]" * 64, name="here") == json.loads("[" * 64 + "]" * 64)


def test_a_maximum_length_of_a_tokenizer_is_accepted() -> None:
    assert parse_json('{"model_max_length": 1000000000000000019884624838656}', name="here")


def test_a_file_has_a_maximum_size(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1, 2]")
    with pytest.raises(DocumentError, match=r"a\.json: larger than 5 bytes"):
        load_json(tmp_path / "a.json", max_bytes=5)
