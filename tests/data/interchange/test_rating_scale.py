"""Tables on any rating scale are imported; implicit feedback is not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from duetbench.data import prepare
from duetbench.data.interchange.imports import ImportOptions, ImportResult, import_tables
from duetbench.data.interchange.rating_scale import find_labels, is_amount
from duetbench.data.interchange.sources import parse_source
from duetbench.data.statistics import split_statistics
from duetbench.datasets.imported import ImportedDataset
from duetbench.errors import ConfigError, DataError
from duetbench.types import Domain

AUTO = ImportOptions(Domain("film", "films"), find_labels=True, max_error_rate=0.0)
HALVES = (0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5)


def write(folder: Path, ratings: list[object], column: str = "rating") -> str:
    rows = pl.DataFrame(
        {
            "userId": [f"u{row % 3}" for row in range(len(ratings))],
            "movieId": [f"m{row}" for row in range(len(ratings))],
            column: ratings,
            "timestamp": [1_300_000_000 + row for row in range(len(ratings))],
        },
        strict=False,
    )
    rows.write_csv(folder / "own.csv")
    return str(folder / "own.csv")


def imported(folder: Path, path: str, options: ImportOptions = AUTO) -> ImportResult:
    return import_tables([parse_source(path)], folder / "out", options)


def ratings_of(folder: Path) -> list[float]:
    return pl.read_parquet(folder / "out" / "interactions.parquet")["rating"].to_list()


def dataset(folder: Path) -> ImportedDataset:
    return ImportedDataset(ImportedDataset.Config(raw=str(folder / "out")))


@pytest.mark.parametrize(
    ("ratings", "labels"),
    [
        ([3.5, 0.5, 5, 1], HALVES),
        ([1, 7, 10, 5], tuple(range(1, 11))),
        ([0, 10, 5, 7], tuple(range(11))),
        ([0, 1, 1], (0, 1)),
        ([-3, -1, 3], (-3, -1, 1, 3)),
    ],
)
def test_the_scale_is_read_from_the_ratings(tmp_path: Path, ratings: list[object], labels: tuple[float, ...]) -> None:
    result = imported(tmp_path, write(tmp_path, ratings))
    assert tuple(result.ratings) == labels
    assert sum(result.ratings.values()) == len(ratings)
    assert dataset(tmp_path).domain().labels == labels


def test_a_declared_scale_takes_every_label_and_nothing_between_them(tmp_path: Path) -> None:
    options = replace(AUTO, domain=Domain("film", "films", HALVES), find_labels=False, max_error_rate=0.5)
    result = imported(tmp_path, write(tmp_path, [0.5, 4.5, 4.7]), options)
    assert result.dropped == {"rating between two labels": 1}
    assert ratings_of(tmp_path) == [0.5, 4.5]


def test_ratings_off_the_default_scale_point_to_the_scale_of_the_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--labels auto reads the scale from the ratings"):
        imported(tmp_path, write(tmp_path, [0.5, 4.5]), replace(AUTO, find_labels=False))


def test_ratings_in_single_precision_are_those_that_were_written(tmp_path: Path) -> None:
    rows = pl.read_csv(write(tmp_path, [4.1, 4.3, 4.2])).with_columns(pl.col("rating").cast(pl.Float32))
    rows.write_parquet(tmp_path / "own.parquet")
    imported(tmp_path, str(tmp_path / "own.parquet"))
    assert ratings_of(tmp_path) == [4.1, 4.3, 4.2]


def test_zero_may_mean_not_rated(tmp_path: Path) -> None:
    result = imported(tmp_path, write(tmp_path, [0, 3, 0, 1, 2]), replace(AUTO, missing=(0.0,)))
    assert (result.unrated, result.rows, tuple(result.ratings)) == (2, 3, (1, 2, 3))
    assert result.dropped == {}
    assert ratings_of(tmp_path) == [3, 1, 2]


def test_a_label_cannot_mean_not_rated(tmp_path: Path) -> None:
    ten = replace(AUTO, domain=Domain("film", "films", tuple(range(11))), find_labels=False, missing=(0.0,))
    with pytest.raises(ConfigError, match="missing: 0 is a label of the scale 0 to 10"):
        imported(tmp_path, write(tmp_path, [0, 3]), ten)


@pytest.mark.parametrize("column", ["plays", "play_count", "hours", "Clicks", "playtime_forever"])
def test_implicit_feedback_is_refused_with_what_is_supported(tmp_path: Path, column: str) -> None:
    path = write(tmp_path, [1, 2, 3], column)
    with pytest.raises(DataError, match=rf"'{column}' has no ratings: .* 1 to 10 or 0/1; implicit .* not supported"):
        imported(tmp_path, path)
    with pytest.raises(DataError, match="implicit feedback"):
        imported(tmp_path, path, replace(AUTO, column_map={"rating": column}))


def test_hours_beside_ratings_do_no_harm(tmp_path: Path) -> None:
    path = write(tmp_path, [1, 2, 3])
    pl.read_csv(path).with_columns(hours=pl.lit(7)).write_csv(path)
    assert imported(tmp_path, path).rows == 3


@pytest.mark.parametrize("values", [[1, 1, 1], [1, 17, 352_698, 4], [0.123, 0.77, 0.5], [None]])
def test_numbers_on_no_scale_are_refused_with_what_is_supported(values: list[float]) -> None:
    with pytest.raises(DataError, match="implicit feedback such as plays, hours or clicks is not supported"):
        find_labels([pl.Series(values, dtype=pl.Float64)])


def test_only_usual_names_of_amounts_are_amounts() -> None:
    assert is_amount("Play Count")
    assert not any(map(is_amount, ("rating", "stars", "review_hours", "score")))


def test_ratings_on_another_scale_are_stored_as_they_are_and_shown_rescaled(tmp_path: Path) -> None:
    options = replace(AUTO, rescale=(1, 2, 3, 4, 5))
    imported(tmp_path, write(tmp_path, [1, 10, 4, 7, 2, 5] * 4), options)
    assert ratings_of(tmp_path)[:3] == [1, 10, 4]
    domain = dataset(tmp_path).domain()
    assert (domain.labels, domain.original) == ((1, 2, 3, 4, 5), tuple(range(1, 11)))
    prepared = prepare(dataset(tmp_path), steps=("sort", "split_count:0.8/0.1/0.1"), cache=tmp_path / "cache")
    assert prepared.domain == domain
    assert sorted(set(prepared.interactions["rating"])) == pytest.approx([1, 13 / 9, 21 / 9, 25 / 9, 33 / 9, 5])
    assert list(split_statistics(prepared)[0].ratings) == ["1", "2", "4", "5", "7", "10"]


def test_a_scale_that_is_the_same_cannot_be_rescaled_to(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="rescale: the ratings are on the scale 1 to 3 already"):
        imported(tmp_path, write(tmp_path, [1, 2, 3]), replace(AUTO, rescale=(1, 2, 3)))


def test_an_import_of_an_earlier_version_has_the_scale_of_its_ratings(tmp_path: Path) -> None:
    imported(tmp_path, write(tmp_path, [1, 2, 3, 4, 5]))
    about = json.loads((tmp_path / "out" / "about.json").read_text())
    (tmp_path / "out" / "about.json").write_text(json.dumps({k: v for k, v in about.items() if k != "rescale"}))
    assert dataset(tmp_path).domain() == Domain("film", "films")
