"""Amazon's files: the real parts, and what the importer asks for."""

from __future__ import annotations

from pathlib import Path

import pytest
from raw_making import small_music, write_music

from duetbench.data import prepare
from duetbench.datasets.amazon import AmazonBooks, AmazonMusic
from duetbench.errors import MissingRawFiles
from duetbench.testing import DatasetConformance


class TestAmazonMusic(DatasetConformance):
    """The conformance checks, on a few lines."""

    plugin = AmazonMusic

    @pytest.fixture(autouse=True)
    def _raw(self, tmp_path: Path) -> None:
        type(self).raw = write_music(tmp_path / "raw", small_music(12, 10))


@pytest.mark.parametrize(
    ("core", "splits", "users", "items"),
    [
        ("kcore:5", (1984, 165, 64), 234, 206),
        ("kcore:3", (3653, 266, 109), 653, 358),
        (None, (5526, 290, 98), 2036, 380),
    ],
)
def test_the_music_part_has_its_known_sizes(
    real_data: Path, tmp_path: Path, core: str | None, splits: tuple[int, int, int], users: int, items: int
) -> None:
    steps = ["dedupe", *([core] if core else []), "sort", "split_count:0.8/0.1/0.1", "drop_cold"]
    made = prepare(AmazonMusic(), raw=real_data / "amazon-2014-digital-music-part", steps=steps, cache=tmp_path)
    last = made.steps[-1]
    assert tuple(last.splits[name] for name in ("train", "valid", "test")) == splits
    assert (last.users, last.items) == (users, items)


def test_the_music_part_is_read_whole(real_data: Path, tmp_path: Path) -> None:
    made = prepare(AmazonMusic(), raw=real_data / "amazon-2014-digital-music-part", cache=tmp_path)
    assert made.steps[0].rows == 6908
    assert made.counts == {}
    assert (made.items["title"] == "").sum() == 0


def test_missing_files_are_named_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(MissingRawFiles, match=r"reviews_Books_5.json and meta_Books.json.*snap.stanford.edu.*--set"):
        AmazonBooks().raw_files(tmp_path)


def test_only_the_missing_file_is_named(tmp_path: Path) -> None:
    (write_music(tmp_path, small_music()) / "meta_Digital_Music.json.gz").unlink()
    with pytest.raises(MissingRawFiles) as error:
        AmazonMusic().raw_files(tmp_path)
    assert "meta_Digital_Music.json" in str(error.value)
    assert "reviews_Digital_Music" not in str(error.value)


def test_raw_files_are_looked_for_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert AmazonMusic(AmazonMusic.Config(raw="/data/music")).default_folder() == Path("/data/music")
    monkeypatch.setenv("DUETBENCH_DATA", str(tmp_path))
    assert AmazonMusic().default_folder() == tmp_path / "amazon-music"
