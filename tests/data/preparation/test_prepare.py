"""Preparation from raw files to a prepared folder."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import polars as pl
import pytest
from raw_making import item_2014, read_in_small_pieces, review_2014, small_music, write_music

from duetbench.data import load_prepared, prepare
from duetbench.data.folders import new_folder
from duetbench.datasets.amazon import AmazonMusic
from duetbench.errors import DataError

STEPS = ["dedupe", "sort", "split_count:0.8/0.1/0.1", "drop_cold"]


def test_prepared_tables_are_canonical(tmp_path: Path) -> None:
    dataset = prepare(AmazonMusic(), raw=write_music(tmp_path / "raw", small_music()), cache=tmp_path, steps=STEPS)
    assert dataset.interactions.schema == {
        "row": pl.Int64, "user_id": pl.String, "item_id": pl.String, "rating": pl.Float64, "timestamp": pl.Int64,
        "review": pl.String, "summary": pl.String, "split": pl.String,
    }  # fmt: skip
    assert dataset.interactions["split"].value_counts().sort("split").rows() == [
        ("test", 3),
        ("train", 24),
        ("valid", 3),
    ]
    assert dataset.items.columns == ["item_id", "title", "categories", "description"]
    assert (dataset.name, dataset.domain.noun) == ("amazon-music", "album")


def test_interactions_are_sorted_by_time_then_file_order(tmp_path: Path) -> None:
    lines = [review_2014("a", "x", 3), review_2014("b", "x", 1), review_2014("c", "x", 3), review_2014("d", "x", 1)]
    dataset = prepare(AmazonMusic(), raw=write_music(tmp_path / "raw", lines), cache=tmp_path, steps=["sort"])
    assert dataset.interactions["user_id"].to_list() == ["b", "d", "a", "c"]
    assert dataset.interactions["row"].to_list() == [1, 3, 0, 2]


def test_the_same_input_is_prepared_once(tmp_path: Path) -> None:
    raw = write_music(tmp_path / "raw", small_music())
    first = prepare(AmazonMusic(), raw=raw, cache=tmp_path)
    with patch.object(AmazonMusic, "read_parts", side_effect=AssertionError("read again")):
        again = prepare(AmazonMusic(), raw=raw, cache=tmp_path)
    assert again == first


def test_other_steps_reuse_the_read_tables(tmp_path: Path) -> None:
    raw = write_music(tmp_path / "raw", small_music())
    first = prepare(AmazonMusic(), raw=raw, cache=tmp_path)
    with patch.object(AmazonMusic, "read_parts", side_effect=AssertionError("read again")):
        other = prepare(AmazonMusic(), raw=raw, cache=tmp_path, steps=["sort"])
    assert other.fingerprint != first.fingerprint


def test_the_fingerprint_does_not_depend_on_folders(tmp_path: Path) -> None:
    one = prepare(AmazonMusic(), raw=write_music(tmp_path / "one", small_music()), cache=tmp_path / "a")
    config = AmazonMusic.Config(raw=str(write_music(tmp_path / "two", small_music())))
    two = prepare(AmazonMusic(config), cache=tmp_path / "b")
    assert one.fingerprint == two.fingerprint
    assert one.interactions.equals(two.interactions)


class HalfStarMusic(AmazonMusic):
    """Declares whole stars, and gives half stars."""

    name = "half-star-music"

    def read_parts(self, files):  # type: ignore[no-untyped-def]
        for part in super().read_parts(files):
            yield replace(part, interactions=part.interactions.with_columns(pl.col("rating") - 0.5))


def test_ratings_off_the_declared_scale_are_an_error_before_any_work(tmp_path: Path) -> None:
    raw = write_music(tmp_path / "raw", small_music())
    with pytest.raises(DataError, match=r"'half-star-music' gives .* such as \d\.5, that are not on its scale 1 to 5"):
        prepare(HalfStarMusic(), raw=raw, cache=tmp_path)


@pytest.mark.parametrize("change", ["reviews", "items", "options", "version"])
def test_the_fingerprint_depends_on_files_options_and_version(tmp_path: Path, change: str) -> None:
    first = prepare(AmazonMusic(), raw=write_music(tmp_path / "raw", small_music()), cache=tmp_path)
    reviews = small_music(n_users=7 if change == "reviews" else 6)
    raw = write_music(tmp_path / "other", reviews, [item_2014("I0", "New")] if change == "items" else None)
    dataset = AmazonMusic(AmazonMusic.Config(release="2014") if change == "options" else None)
    with patch.object(AmazonMusic, "version", 2 if change == "version" else 1):
        assert prepare(dataset, raw=raw, cache=tmp_path).fingerprint != first.fingerprint


def test_the_manifest_describes_the_preparation(tmp_path: Path) -> None:
    dataset = prepare(AmazonMusic(), raw=write_music(tmp_path / "raw", small_music()), cache=tmp_path, steps=STEPS)
    assert dataset.manifest["steps"] == STEPS
    assert set(dataset.manifest["raw"]) == {"reviews", "items"}
    assert len(dataset.manifest["raw"]["reviews"]["sha256"]) == 64
    assert set(dataset.manifest["versions"]) == {"duetbench", "duckdb", "polars", "numpy", "python"}
    assert str(tmp_path) not in json.dumps(dataset.manifest)


def test_unrated_items_are_dropped_and_missing_ones_noted(tmp_path: Path) -> None:
    raw = write_music(tmp_path / "raw", small_music(), [item_2014("I1"), item_2014("I1", "again"), item_2014("other")])
    dataset = prepare(AmazonMusic(), raw=raw, cache=tmp_path, steps=["sort"])
    assert dataset.items.select("item_id", "title").rows() == [("I1", "The I1")]
    assert dataset.notes == {"item without metadata": 4, "repeated item metadata": 1}


def test_of_repeated_items_the_first_titled_row_is_kept(tmp_path: Path) -> None:
    twice = [item_2014("I1", None), item_2014("I1", "First"), item_2014("I1", "Second")]
    raw = write_music(tmp_path / "raw", [review_2014("U", "I1")], twice)
    dataset = prepare(AmazonMusic(), raw=raw, cache=tmp_path, steps=["titled"])
    assert dataset.items["title"].to_list() == ["First"]
    assert AmazonMusic().read(AmazonMusic().raw_files(raw)).items["title"].to_list() == ["First"]


def test_repeated_pairs_are_noted(tmp_path: Path) -> None:
    raw = write_music(tmp_path / "raw", [*small_music(), *small_music()[:2]])
    assert prepare(AmazonMusic(), raw=raw, cache=tmp_path).notes == {"repeated user-item pair": 2}


def test_metadata_can_be_left_out(tmp_path: Path) -> None:
    raw = write_music(tmp_path / "raw", small_music())
    (raw / "meta_Digital_Music.json.gz").unlink()
    dataset = prepare(AmazonMusic(AmazonMusic.Config(metadata=False)), raw=raw, cache=tmp_path, steps=["sort"])
    assert dataset.items.height == 0


@pytest.mark.parametrize("step", ["kcore:99", "window:1990-01-01/1991-01-01"])
def test_a_step_that_leaves_no_rows_is_an_error(tmp_path: Path, step: str) -> None:
    raw = write_music(tmp_path / "raw", small_music())
    with pytest.raises(DataError, match=f"no rows are left after the step {step}.*data.steps"):
        prepare(AmazonMusic(), raw=raw, cache=tmp_path, steps=["dedupe", step, "sort"])


def test_without_a_split_step_no_row_has_a_split(tmp_path: Path) -> None:
    dataset = prepare(AmazonMusic(), raw=write_music(tmp_path / "raw", small_music()), cache=tmp_path, steps=["sort"])
    assert dataset.interactions["split"].null_count() == 30


def test_a_cache_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    raw = write_music(tmp_path / "raw", small_music())
    with pytest.raises(DataError, match=r"cannot be written.*DUETBENCH_CACHE"):
        prepare(AmazonMusic(), raw=raw, cache=tmp_path / "cache")


def test_a_full_disk_is_an_error_and_leaves_no_files(tmp_path: Path) -> None:
    raw = write_music(tmp_path / "raw", small_music())
    full = OSError(errno.ENOSPC, "No space left on device")
    with patch.object(pl.DataFrame, "write_parquet", side_effect=full), pytest.raises(DataError, match="no space left"):
        prepare(AmazonMusic(), raw=raw, cache=tmp_path / "cache")
    assert list((tmp_path / "cache" / "amazon-music").iterdir()) == []


def test_a_folder_that_another_run_wrote_first_is_kept(tmp_path: Path) -> None:
    with new_folder(tmp_path / "target") as partial:
        (partial / "a").write_text("ours")
        (tmp_path / "target").mkdir()
        (tmp_path / "target" / "a").write_text("theirs")
    assert (tmp_path / "target" / "a").read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_partial_folders_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    process = os.fork()
    if process == 0:
        os._exit(0)
    os.waitpid(process, 0)
    abandoned = tmp_path / f".partial-{os.uname().nodename}-{process}-abc"
    running = tmp_path / f".partial-{os.uname().nodename}-{os.getpid()}-abc"
    abandoned.mkdir()
    running.mkdir()
    with new_folder(tmp_path / "target"):
        pass
    assert not abandoned.exists()
    assert running.exists()


def test_a_folder_without_a_manifest_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"contains no prepared dataset: there is no manifest.json"):
        load_prepared(tmp_path)


def test_many_small_parts_give_the_same_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = write_music(tmp_path / "raw", small_music(20, 15))
    at_once = prepare(AmazonMusic(), raw=raw, cache=tmp_path / "a")
    read_in_small_pieces(monkeypatch)
    parts = prepare(AmazonMusic(), raw=raw, cache=tmp_path / "b")
    assert len(list((tmp_path / "b" / "amazon-music").glob("canonical-*/interactions/*.parquet"))) > 20
    assert parts.interactions.equals(at_once.interactions)
    assert parts.items.equals(at_once.items)
    assert parts.steps == at_once.steps
