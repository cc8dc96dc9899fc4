"""Exported datasets can be read back."""

from __future__ import annotations

import errno
from pathlib import Path
from unittest.mock import patch

import polars as pl
import pytest
from raw_making import small_music, write_music

from duetbench.data import Prepared, prepare
from duetbench.data.interchange.exports import export
from duetbench.data.interchange.hugging_face import load
from duetbench.datasets.amazon import AmazonMusic
from duetbench.errors import DataError


@pytest.fixture
def music(tmp_path: Path) -> Prepared:
    """A small prepared dataset."""
    return prepare(AmazonMusic(), raw=write_music(tmp_path / "raw", small_music()), cache=tmp_path / "cache")


def test_parquet_has_one_file_per_split(music: Prepared, tmp_path: Path) -> None:
    counts = export(music, tmp_path / "out", "parquet")
    assert counts == {"train": 24, "valid": 3, "test": 3}
    train = pl.read_parquet(tmp_path / "out" / "train.parquet")
    assert train.equals(music.interactions.filter(pl.col("split") == "train").drop("split"))
    assert (tmp_path / "out" / "manifest.json").is_file()


def test_datasets_are_loaded_with_their_features(music: Prepared, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    export(music, tmp_path / "out", "datasets")
    loaded = datasets.load_from_disk(str(tmp_path / "out"))
    assert set(loaded) == {"train", "validation", "test"}
    assert loaded["test"].features["rating"] == datasets.Value("float64")
    assert loaded["test"].features["categories"] == datasets.List(datasets.Value("large_string"))
    assert load(str(tmp_path / "out"))["test"]["title"].to_list()[0].startswith("The I")
    assert music.fingerprint in loaded["test"].info.description


def test_without_splits_all_rows_are_in_one_file(tmp_path: Path) -> None:
    raw = write_music(tmp_path / "raw", small_music())
    dataset = prepare(AmazonMusic(), raw=raw, cache=tmp_path / "cache", steps=["sort"])
    assert export(dataset, tmp_path / "out", "parquet") == {"all": 30}


def test_nothing_is_overwritten(music: Prepared, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(DataError, match="exists already"):
        export(music, tmp_path / "out", "parquet")


def test_a_failed_export_leaves_no_files(music: Prepared, tmp_path: Path) -> None:
    _ = music.interactions
    full = OSError(errno.ENOSPC, "No space left on device")
    with patch.object(pl.DataFrame, "write_parquet", side_effect=full), pytest.raises(DataError, match="no space left"):
        export(music, tmp_path / "out", "parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "raw"]
