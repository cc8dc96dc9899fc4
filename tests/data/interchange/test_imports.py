"""Tables of every format are imported as the same canonical tables."""

from __future__ import annotations

import gzip
import io
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from duetbench.data import prepare
from duetbench.data.interchange.imports import ImportOptions, import_tables
from duetbench.data.interchange.sources import DelimitedOptions, TableSource, parse_source
from duetbench.datasets.imported import ImportedDataset
from duetbench.errors import ConfigError, DataError, MissingRawFiles, UsageError
from duetbench.testing import DatasetConformance
from duetbench.types import Domain

MOVIE = ImportOptions(Domain("movie", "movies"), max_error_rate=0.0)
TABLE = pl.DataFrame(
    {
        "user": ["007", "b", "007"],
        "movieId": ["x", "x", "y"],
        "stars": [5.0, 4.0, 1.0],
        "time": [1_300_000_000, 1_300_000_001, 1_300_000_002],
        "text": ["Good, really", 'So "so"', ""],
        "title": ["The X", "The X", "The Y"],
        "genres": ["Drama|War", "Drama|War", "Comedy"],
    }
)


def written(folder: Path, kind: str, table: pl.DataFrame = TABLE) -> str:
    """The table in a file with this suffix."""
    path = folder / f"own.{kind}"
    match kind.split(".")[0]:
        case "csv":
            data = table.write_csv().encode()
        case "tsv":
            data = table.write_csv(separator="\t").encode()
        case "jsonl":
            data = table.write_ndjson().encode()
        case "parquet":
            table.write_parquet(buffer := io.BytesIO())
            data = buffer.getvalue()
        case _:
            pytest.importorskip("pandas")
            table.to_pandas().to_pickle(path)
            return str(path)
    path.write_bytes(gzip.compress(data) if kind.endswith(".gz") else data)
    return str(path)


def imported(folder: Path, *sources: str, options: ImportOptions = MOVIE, items: str | None = None) -> pl.DataFrame:
    """The canonical interactions."""
    chosen = [parse_source(source) for source in sources]
    import_tables(chosen, folder / "out", options, items=parse_source(items) if items else None)
    return pl.read_parquet(folder / "out" / "interactions.parquet", glob=False)


class TestImported(DatasetConformance):
    """The conformance checks, on a small table."""

    plugin = ImportedDataset

    @pytest.fixture(autouse=True)
    def _raw(self, tmp_path: Path) -> None:
        imported(tmp_path, written(tmp_path, "parquet"))
        type(self).raw = tmp_path / "out"


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "tsv", "jsonl", "jsonl.gz", "parquet", "parquet.gz", "pkl"])
def test_every_file_format_gives_the_same_tables(tmp_path: Path, kind: str) -> None:
    assert imported(tmp_path, written(tmp_path, kind)).rows() == [
        ("007", "x", 5.0, 1_300_000_000, "Good, really", ""),
        ("b", "x", 4.0, 1_300_000_001, 'So "so"', ""),
        ("007", "y", 1.0, 1_300_000_002, "", ""),
    ]
    items = pl.read_parquet(tmp_path / "out" / "items.parquet")
    assert items.rows() == [("x", "The X", ["Drama", "War"], ""), ("y", "The Y", ["Comedy"], "")]


def test_a_hugging_face_dataset_keeps_its_splits(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    splits = {"train": datasets.Dataset.from_polars(TABLE[:2]), "validation": datasets.Dataset.from_polars(TABLE[2:])}
    datasets.DatasetDict(splits).save_to_disk(str(tmp_path / "hub"))
    assert imported(tmp_path, f"hf:{tmp_path / 'hub'}")["split"].to_list() == ["train", "train", "valid"]


def test_a_missing_hugging_face_dataset_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    with pytest.raises(DataError, match="cannot be loaded"):
        imported(tmp_path, f"hf:{tmp_path / 'nowhere'}")


def test_named_columns_take_precedence_over_usual_names(tmp_path: Path) -> None:
    table = TABLE.with_columns(pl.lit(2.0).alias("rating"))
    path = written(tmp_path, "csv", table)
    assert imported(tmp_path, path)["rating"].to_list() == [2.0] * 3
    named = ImportOptions(MOVIE.domain, {"rating": "stars"})
    assert imported(tmp_path, path, options=named)["rating"].to_list() == [5.0, 4.0, 1.0]


def test_all_faults_of_the_mapping_are_reported_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, "csv", TABLE.drop("time"))
    options = ImportOptions(MOVIE.domain, {"rating": "star", "reviw": "text"})
    with pytest.raises(ConfigError) as error:
        imported(tmp_path, path, options=options)
    assert [fault.partition(":")[0] for fault in error.value.faults] == ["map.reviw", "map.rating", "map.timestamp"]
    assert "did you mean 'stars'?" in error.value.faults[1]


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        (["2011-03-13 07:06:40"], "auto"),
        (["2011-03-13T07:06:40Z"], "date"),
        (["2011-03-13T08:06:40+0100"], "auto"),
        (["2011-03-13 08:06:40+01:00"], "auto"),
        (["2011-03-13T08:06:40.5+01:00"], "auto"),
        ([1_300_000_000_000], "ms"),
        ([1_300_000_000_000], "auto"),
        (["1300000000000"], "auto"),
        ([1_300_000_000.0], "s"),
        (pl.Series(["2011-03-13T07:06:40"]).str.to_datetime(), "auto"),
    ],
)
def test_times_are_read_in_many_formats(tmp_path: Path, values: Any, unit: Any) -> None:
    path = written(tmp_path, "parquet", TABLE[:1].with_columns(pl.Series("time", values)))
    options = ImportOptions(MOVIE.domain, time_unit=unit)
    assert imported(tmp_path, path, options=options)["timestamp"].to_list() == [1_300_000_000]


def test_milliseconds_read_as_seconds_are_a_fault(tmp_path: Path) -> None:
    path = written(tmp_path, "csv", TABLE.with_columns(pl.col("time") * 1000))
    with pytest.raises(DataError, match=r"3 of 3 rows.*milliseconds instead of seconds"):
        imported(tmp_path, path, options=ImportOptions(MOVIE.domain, time_unit="s"))


@pytest.mark.parametrize("factors", [(1, 1, 1000), (1000, 1000, 1)])
def test_the_unit_of_most_times_decides_and_others_are_faults(tmp_path: Path, factors: tuple[int, ...]) -> None:
    path = written(tmp_path, "csv", TABLE.with_columns(pl.col("time") * pl.Series(factors)))
    with pytest.raises(DataError, match="1 of 3 rows"):
        imported(tmp_path, path)


HEADLINES = pl.concat([TABLE, TABLE.with_columns(user=pl.lit("c"))]).with_columns(
    title=pl.Series([f"headline {row}" for row in range(6)])
)


def test_headlines_of_reviews_are_not_titles_of_items(tmp_path: Path) -> None:
    result = import_tables([parse_source(written(tmp_path, "csv", HEADLINES))], tmp_path / "out", MOVIE)
    assert "title" not in result.columns
    assert result.columns["summary"] == "title"
    assert result.noted["title of the interaction, not of the item"] == 6
    assert pl.read_parquet(tmp_path / "out" / "items.parquet")["title"].to_list() == ["", ""]
    assert pl.read_parquet(tmp_path / "out" / "interactions.parquet")["summary"][5] == "headline 5"


def test_headlines_of_test_rows_are_not_titles_although_each_item_occurs_once_there(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_bytes(HEADLINES[:4].write_csv().encode())
    (tmp_path / "test.csv").write_bytes(HEADLINES[4:].write_csv().encode())
    sources = [parse_source(f"{split}={tmp_path / split}.csv") for split in ("train", "test")]
    import_tables(sources, tmp_path / "out", MOVIE)
    assert set(pl.read_parquet(tmp_path / "out" / "items.parquet")["title"]) == {""}


@pytest.mark.parametrize(("column_map", "titles"), [({}, {""}), ({"title": "title"}, {"great", "awful"})])
def test_a_title_that_no_second_row_confirms_is_that_of_the_item_only_if_mapped(
    tmp_path: Path, column_map: dict[str, str], titles: set[str]
) -> None:
    (tmp_path / "once.csv").write_text("user,item,rating,time,title\nu,a,4,1300000000,great\nu,b,2,1400000000,awful\n")
    sources = [parse_source(str(tmp_path / "once.csv"))]
    import_tables(sources, tmp_path / "out", ImportOptions(MOVIE.domain, column_map))
    assert set(pl.read_parquet(tmp_path / "out" / "items.parquet")["title"]) == titles


def test_a_headline_named_as_title_is_an_error(tmp_path: Path) -> None:
    options = ImportOptions(MOVIE.domain, {"title": "title"})
    with pytest.raises(ConfigError, match=r"map.title: .* 2 of 2 items .*summary=title"):
        imported(tmp_path, written(tmp_path, "csv", HEADLINES), options=options)


def test_an_item_with_two_titles_keeps_the_first(tmp_path: Path) -> None:
    titles = pl.Series(["The X", "The X", "The Y", "The X", "The X", "Y, remastered"])
    result = import_tables(
        [parse_source(written(tmp_path, "csv", HEADLINES.with_columns(title=titles)))], tmp_path / "out", MOVIE
    )
    assert result.columns["title"] == "title"
    assert pl.read_parquet(tmp_path / "out" / "items.parquet")["title"].to_list() == ["The X", "The Y"]


def test_malformed_rows_are_counted_by_kind(tmp_path: Path) -> None:
    bad = pl.DataFrame({"stars": ["x", "9", None], "time": ["1300000000", "1300000000", "1300000000"]})
    table = pl.concat([TABLE.with_columns(pl.col("stars", "time").cast(pl.String)), TABLE.with_columns(bad)])
    result = import_tables(
        [TableSource(written(tmp_path, "csv", table))],
        tmp_path / "out",
        ImportOptions(MOVIE.domain, max_error_rate=0.5),
    )
    assert result.dropped == {"rating is not a number": 1, "rating missing": 1, "rating outside the scale": 1}
    assert result.rows == 3


def test_a_failed_import_keeps_the_previous_one(tmp_path: Path) -> None:
    imported(tmp_path, written(tmp_path, "csv"))
    with pytest.raises(DataError):
        imported(tmp_path, written(tmp_path, "csv", TABLE.with_columns(pl.lit(9.0).alias("stars"))))
    assert pl.read_parquet(tmp_path / "out" / "interactions.parquet").height == 3


def test_a_second_import_replaces_the_first(tmp_path: Path) -> None:
    imported(tmp_path, written(tmp_path, "csv"))
    assert imported(tmp_path, written(tmp_path, "csv", TABLE[:1])).height == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "own.csv"]


def test_items_may_be_in_a_separate_table(tmp_path: Path) -> None:
    items = pl.DataFrame({"asin": ["x"], "name": ["X &amp; Co"], "tags": [["a", "b"]]})
    items.write_parquet(tmp_path / "items.parquet")
    imported(tmp_path, written(tmp_path, "csv"), items=str(tmp_path / "items.parquet"))
    assert pl.read_parquet(tmp_path / "out" / "items.parquet").rows() == [("x", "X & Co", ["a", "b"], "")]


def test_given_splits_are_kept_unless_a_step_assigns_others(tmp_path: Path) -> None:
    first, second = written(tmp_path, "csv", TABLE[:2]), written(tmp_path, "parquet", TABLE[2:])
    imported(tmp_path, f"train={first}", f"test={second}")
    prepared = prepare(ImportedDataset(), raw=tmp_path / "out", cache=tmp_path, steps=["sort"])
    assert prepared.interactions["split"].to_list() == ["train", "train", "test"]
    assert prepared.domain.noun == "movie"
    other = prepare(ImportedDataset(), raw=tmp_path / "out", cache=tmp_path, steps=["sort", "split_count:0.4/0/0.6"])
    assert other.interactions["split"].to_list() == ["train", "test", "test"]


def test_default_steps_keep_given_splits(tmp_path: Path) -> None:
    dataset = ImportedDataset(ImportedDataset.Config(raw=str(tmp_path / "out")))
    imported(tmp_path, written(tmp_path, "csv"))
    assert "split_count:0.8/0.1/0.1" in dataset.default_steps()
    imported(tmp_path, f"train={written(tmp_path, 'csv')}")
    assert dataset.default_steps() == ("dedupe", "sort", "drop_cold")


def test_released_pickles_are_imported(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    rows = {
        "user_id": ["A1", "A2"], "item_id": ["B1", "B2"], "ratings": [5.0, 4.0], "reviews": ["good", "fine"],
        "title": ["One", "Two"], "unixReviewTime": [1_300_000_000, 1_300_086_400], "reviewerName": ["J", "K"],
        "helpful": [[0, 0], [1, 2]], "categories": [[["Music", "Rock"]], [["Music"]]], "summary": ["a", "b"],
    }  # fmt: skip
    for name in ("train", "val", "test"):
        pandas.DataFrame(rows).to_pickle(tmp_path / f"{name}.pkl")
    interactions = imported(tmp_path, *(f"{name}={tmp_path / name}.pkl" for name in ("train", "val", "test")))
    assert interactions["split"].to_list() == ["train", "train", "valid", "valid", "test", "test"]
    assert interactions.row(0) == ("A1", "B1", 5.0, 1_300_000_000, "good", "a", "train")
    items = pl.read_parquet(tmp_path / "out" / "items.parquet")
    assert items.rows() == [("B1", "One", ["Music", "Rock"], ""), ("B2", "Two", ["Music"], "")]


def test_splits_of_some_tables_only_are_an_error(tmp_path: Path) -> None:
    path = written(tmp_path, "csv")
    with pytest.raises(DataError, match="train=FILE valid=FILE test=FILE"):
        imported(tmp_path, f"train={path}", path)


@pytest.mark.parametrize(
    ("name", "data", "error", "match"),
    [
        ("a.xlsx", b"", UsageError, r"expected .csv"),
        (
            "a.csv",
            b"user,item,rating,time\n\xff\xfe,x,1,1300000000\n",
            DataError,
            "1 invalid UTF-8, first at a.csv line 2",
        ),
        (
            "a.csv",
            b"user,item,rating,time\na,b,c,d,e\n",
            DataError,
            "1 wrong number of fields, first at a.csv line 2",
        ),
        ("a.csv", b"", DataError, "does not begin with a line of column names"),
        ("a.dat", b"", UsageError, "name the separator, as in --separator '::'"),
        ("a.parquet", b"PAR1", DataError, "cannot be read"),
        ("a.jsonl", b"<html>", DataError, "has no JSON lines with fields"),
    ],
)
def test_files_that_are_not_tables_are_errors(
    tmp_path: Path, name: str, data: bytes, error: type[Exception], match: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(error, match=match):
        imported(tmp_path, str(tmp_path / name))


def test_a_table_without_rows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the tables contain no rows"):
        imported(tmp_path, written(tmp_path, "csv", TABLE[:0]))


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file .*own.csv"):
        imported(tmp_path, str(tmp_path / "own.csv"))


def test_a_missing_import_is_an_error_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(MissingRawFiles, match=r"duetbench data import FILE --name films"):
        ImportedDataset(ImportedDataset.Config(table="films")).raw_files(tmp_path)


def test_gift_cards_of_2018_are_imported_with_their_metadata(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "amazon-2018-gift-cards"
    options = ImportOptions(Domain("gift card", "gift cards"), max_error_rate=0.0)
    items = parse_source(str(folder / "meta_Gift_Cards.json.gz"))
    result = import_tables([parse_source(str(folder / "Gift_Cards_5.json.gz"))], tmp_path / "out", options, items=items)
    assert (result.rows, result.items, result.dropped) == (2972, 148, {})
    assert result.noted == {"empty review": 6, "item: markup in a title": 178}
    assert result.columns["categories"] == "category"


def test_the_books_sample_is_imported_by_usual_names(real_data: Path, tmp_path: Path) -> None:
    path = real_data / "amazon-2014-books-sample" / "reviews_Books.json.gz"
    result = import_tables([parse_source(str(path))], tmp_path / "out", ImportOptions(Domain("book", "books")))
    assert (result.rows, result.items, result.dropped) == (1000, 977, {})


def test_a_folder_with_other_files_is_not_replaced(tmp_path: Path) -> None:
    path = written(tmp_path, "csv")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match=r"contains other files, such as thesis\.txt"):
        imported(tmp_path, path)
    assert (tmp_path / "out" / "thesis.txt").read_text() == "years of work"


def test_an_empty_folder_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()
    path = written(tmp_path, "csv")
    monkeypatch.chdir(tmp_path / "out")
    import_tables([parse_source(path)], Path("."), MOVIE)
    assert (tmp_path / "out" / "about.json").is_file()


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_pattern_characters_are_part_of_file_names(tmp_path: Path, kind: str) -> None:
    for name in ("a*", "ab", "[x]", "x"):
        (tmp_path / name).mkdir()
        written(tmp_path / name, kind)
    for name in ("a*", "[x]"):
        interactions = imported(tmp_path / name, str(tmp_path / name / f"own.{kind}"))
        assert interactions.height == 3
        dataset = ImportedDataset(ImportedDataset.Config(raw=str(tmp_path / name / "out")))
        prepared = prepare(dataset, cache=tmp_path / name / "cache", steps=["sort"])
        assert prepared.interactions.height == 3


def test_a_field_of_late_lines_only_is_a_column(tmp_path: Path) -> None:
    lines = TABLE.drop("text").write_ndjson() * 100 + TABLE.write_ndjson()
    (tmp_path / "late.jsonl").write_text(lines)
    assert imported(tmp_path, str(tmp_path / "late.jsonl"))["review"].to_list()[-3:] == TABLE["text"].to_list()


def test_a_malformed_first_line_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "malformed.jsonl").write_text('garbage\n{"stars": true}\n' + TABLE.write_ndjson() * 10)
    loose = replace(MOVIE, max_error_rate=0.1)
    assert imported(tmp_path, str(tmp_path / "malformed.jsonl"), options=loose).height == 30


def test_unreadable_item_lines_are_counted(tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").write_text('{"item": "x", "title": "X"}\nbad\n{"item": "y", "title": "Y"}\n')
    paths = written(tmp_path, "csv"), str(tmp_path / "items.jsonl")
    with pytest.raises(DataError, match=r"1 of 3 item rows are malformed \(1 item: malformed line, first at .* line 2"):
        imported(tmp_path, paths[0], items=paths[1])
    assert imported(tmp_path, paths[0], items=paths[1], options=replace(MOVIE, max_error_rate=0.5)).height == 3


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_a_split_column_is_read_from_all_formats(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path, kind, TABLE.with_columns(split=pl.Series(["Train", " validation", "test"])))
    assert imported(tmp_path, path)["split"].to_list() == ["train", "valid", "test"]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize(("name", "message"), [("holdout", "contains 'holdout'"), (None, "is empty in some rows")])
def test_an_unknown_split_is_an_error(tmp_path: Path, kind: str, name: str | None, message: str) -> None:
    path = written(tmp_path, kind, TABLE.with_columns(split=pl.Series(["train", name, "test"])))
    with pytest.raises(DataError, match=f"{message}, expected one of train, valid"):
        imported(tmp_path, path)


def test_a_split_column_of_items_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item,title,split\nx,X,left\ny,Y,right\n")
    assert imported(tmp_path, written(tmp_path, "csv"), items=str(tmp_path / "items.csv")).height == 3


def test_every_item_row_without_an_id_is_counted(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item,title\nx,X\nx,X\n" + ",Z\n" * 5)
    with pytest.raises(DataError, match=r"5 of 7 item rows are malformed \(5 item: item without id"):
        imported(tmp_path, written(tmp_path, "csv"), items=str(tmp_path / "items.csv"))


def test_items_without_rows_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item,title\n")
    with pytest.raises(DataError, match="contain no item rows"):
        imported(tmp_path, written(tmp_path, "csv"), items=str(tmp_path / "items.csv"))


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet", "jsonl", "jsonl.gz"])
@pytest.mark.parametrize("stem", ["a*", "a\\\\*", "~a", "n\udcff", "a b'\"[x]"])
def test_a_file_may_have_any_name(tmp_path: Path, kind: str, stem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(written(tmp_path, kind)).rename(tmp_path / f"{stem}.{kind}")
    monkeypatch.chdir(tmp_path)
    assert imported(tmp_path, f"{stem}.{kind}").height == 3


def test_columns_that_differ_in_case_only_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_text(TABLE.with_columns(Text=pl.lit("headline")).write_ndjson())
    named = replace(MOVIE, column_map={"review": "text", "summary": "Text"})
    with pytest.raises(DataError, match="several fields named text that differ in case only"):
        imported(tmp_path, str(tmp_path / "own.jsonl"), options=named)


def test_a_column_named_split_in_capitals_is_an_ordinary_column(tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_text(TABLE.rename({"text": "Split"}).write_ndjson())
    named = replace(MOVIE, column_map={"review": "Split"})
    assert imported(tmp_path, str(tmp_path / "own.jsonl"), options=named)["review"].to_list() == TABLE["text"].to_list()


def test_categorical_columns_are_read_as_text(tmp_path: Path) -> None:
    table = TABLE.with_columns(pl.col("stars", "time").cast(pl.Int64).cast(pl.String).cast(pl.Categorical))
    interactions = imported(tmp_path, written(tmp_path, "parquet", table))
    assert interactions["rating"].to_list() == [5.0, 4.0, 1.0]
    assert interactions["timestamp"].to_list() == TABLE["time"].to_list()


@pytest.mark.parametrize(
    ("column", "values", "fault"),
    [
        ("stars", [True, False, True], "rating is not a number"),
        ("stars", [[1.0], [2.0], [3.0]], "rating is not a number"),
        ("time", [timedelta(1), timedelta(2), timedelta(3)], "time cannot be read"),
        ("stars", [2.5, 3.7, 4.2], "rating between two labels"),
    ],
)
def test_values_that_are_not_ratings_or_times_are_faults(
    tmp_path: Path, column: str, values: list[Any], fault: str
) -> None:
    path = written(tmp_path, "parquet", TABLE.with_columns(pl.Series(column, values)))
    with pytest.raises(DataError, match=f"3 of 3 rows are malformed .3 {fault}"):
        imported(tmp_path, path)


@pytest.mark.parametrize("name", ["own.JSONL.GZ", "OWN.CSV.Gz"])
def test_suffixes_may_be_in_capitals(tmp_path: Path, name: str) -> None:
    data = TABLE.write_ndjson() if "JSON" in name else TABLE.write_csv()
    (tmp_path / name).write_bytes(gzip.compress(data.encode()))
    assert imported(tmp_path, str(tmp_path / name)).height == 3


@pytest.mark.parametrize(
    "names",
    [
        ("userId", "movieId", "rating", "timestamp", "review", "movie_title"),
        ("User-ID", "ISBN", "Book-Rating", "Time", "Text", "Book-Title"),
        ("review_profilename", "beer_beerid", "review_overall", "review_time", "review_text", "beer_name"),
        ("user_id", "movie_id", "stars", "date", "text", "title"),
        ("user_id", "beer_id", "score", "time", "text", "name"),
        ("UserId", "ProductId", "Score", "Time", "Text", "product_title"),
        ("reviewerID", "asin", "overall", "unixReviewTime", "reviewText", "title"),
    ],
)
def test_usual_names_of_published_tables_are_found(tmp_path: Path, names: tuple[str, ...]) -> None:
    table = TABLE.drop("genres").rename(dict(zip(TABLE.columns, names, strict=False)))
    result = import_tables([parse_source(written(tmp_path, "csv", table))], tmp_path / "out", MOVIE)
    assert tuple(result.columns.values()) == names


def test_a_table_without_a_header_is_imported(tmp_path: Path) -> None:
    (tmp_path / "ratings.dat").write_text("1::1193::5::978300760\n1::661::3::978302109\n")
    (tmp_path / "movies.dat").write_bytes("661::Les Mis\u00e9rables (1995)::Drama|Musical\n".encode("latin-1"))
    ratings = DelimitedOptions("::", ("user_id", "item_id", "rating", "timestamp"))
    movies = DelimitedOptions("::", ("item_id", "title", "genres"), "latin-1")
    items = parse_source(str(tmp_path / "movies.dat"), movies)
    result = import_tables([parse_source(str(tmp_path / "ratings.dat"), ratings)], tmp_path / "out", MOVIE, items=items)
    assert (result.rows, result.dropped) == (2, {})
    expected = [("661", "Les Mis\u00e9rables (1995)", ["Drama", "Musical"], "")]
    assert pl.read_parquet(tmp_path / "out" / "items.parquet").rows() == expected


def test_many_lines_in_another_encoding_are_an_error_with_a_hint(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_bytes(b"user,item,rating,time,text\n" + "a,x,5,1300000000,tr\u00e8s bon\n".encode("latin-1") * 9)
    with pytest.raises(DataError, match=r"9 invalid UTF-8.*as in --encoding latin-1, cp1252 or utf-16"):
        imported(tmp_path, str(path))
    result = import_tables([parse_source(str(path), DelimitedOptions(encoding="latin-1"))], tmp_path / "out", MOVIE)
    assert (result.rows, result.dropped) == (9, {})


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_rows_without_any_value_are_blank_lines(tmp_path: Path, kind: str) -> None:
    empty = TABLE.select(pl.lit(None, dtype=kind_of).alias(name) for name, kind_of in TABLE.schema.items())
    assert imported(tmp_path, written(tmp_path, kind, pl.concat([TABLE, empty.head(1)]))).height == 3
