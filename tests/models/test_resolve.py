"""From model names to references."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from weights_making import WEIGHTS, write_weights

from duetbench.errors import DigestMismatch, ModelError
from duetbench.models import digests, resolve


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the names of all files that a model folder must have."""
    created = tmp_path / "model"
    created.mkdir()
    for name in ("config.json", "tokenizer.json"):
        (created / name).write_text("{}")
    write_weights(created / WEIGHTS)
    return created


def test_a_folder_is_a_model(folder: Path) -> None:
    reference = resolve(f"path:{folder}")
    assert (reference.path, reference.context_length, reference.template_args) == (str(folder), None, {})
    assert len(reference.digest) == 64


def test_all_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"lacks config\.json; a tokenizer .*; weights"):
        resolve(f"path:{tmp_path}")


@pytest.mark.parametrize(
    ("name", "fault"), [("tokenizer.json", "a tokenizer"), (WEIGHTS, "weights"), ("config.json", "config")]
)
def test_a_missing_file_is_named(folder: Path, name: str, fault: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"lacks {fault}"):
        resolve(f"path:{folder}")


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        resolve(f"path:{tmp_path / 'none'}")


def test_an_absent_model_is_not_fetched_without_pull() -> None:
    with pytest.raises(ModelError, match="duetbench models pull qwen3-8b"):
        resolve("qwen3-8b", pull=False)


@pytest.mark.parametrize("name", [WEIGHTS, "config.json", "tokenizer.json"])
def test_each_model_file_changes_the_digest(folder: Path, name: str) -> None:
    before = resolve(f"path:{folder}").digest
    if name == WEIGHTS:
        write_weights(folder / name, value=1)
    else:
        (folder / name).write_text('{"changed": true}')
    assert resolve(f"path:{folder}").digest != before


def test_other_files_do_not_change_the_digest(folder: Path) -> None:
    before = resolve(f"path:{folder}").digest
    (folder / "README.md").write_text("hello")
    assert resolve(f"path:{folder}").digest == before


def test_files_are_checked_against_the_digests_of_a_card(folder: Path) -> None:
    digest = digests.digest_of_file(folder / WEIGHTS)
    digests.check_files(folder, {WEIGHTS: digest})
    with pytest.raises(DigestMismatch, match="the card has 0000"):
        digests.check_files(folder, {WEIGHTS: "0" * 64})
    with pytest.raises(DigestMismatch, match="is missing"):
        digests.check_files(folder, {"other": digest})


def test_a_digest_is_computed_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = resolve(f"path:{folder}").digest

    def refuse(_path: Path) -> str:
        raise AssertionError("a file was read again")

    monkeypatch.setattr(digests, "digest_of_file", refuse)
    assert resolve(f"path:{folder}").digest == before


def test_a_change_of_the_same_size_changes_the_digest(folder: Path) -> None:
    before = resolve(f"path:{folder}").digest
    stat = (folder / WEIGHTS).stat()
    write_weights(folder / WEIGHTS, value=1)
    os.utime(folder / WEIGHTS, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert resolve(f"path:{folder}").digest != before
