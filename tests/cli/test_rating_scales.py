"""Half stars and 1 to 10 from the import to the leaderboard, with the model that ships with the package."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from duetbench.cli import main
from duetbench.records import Record, read_record

COMPACT = ("--set", "rating_expectation.prompt_set=compact", "--set", "rating_text.prompt_set=compact")
FILLED = ("--set", "rating_text.answer=fill", "--set", "rating_text.decimals=any")
HALVES = tuple(number / 2 for number in range(1, 11))
TEN = tuple(range(1, 11))


def write_ratings(path: Path, labels: tuple[float, ...]) -> None:
    """A table in the form of MovieLens: ten users rate twelve films each, in an order that mixes both."""
    pairs = [(user, film) for user in range(10) for film in range(12)]
    pl.DataFrame(
        {
            "userId": [f"u{user}" for user, _ in pairs],
            "movieId": [f"m{film}" for _, film in pairs],
            "rating": [labels[(user * 3 + film * 7 + user * film) % len(labels)] for user, film in pairs],
            "timestamp": [1_300_000_000 + (user * 12 + film) * 49 % 120 * 86_400 for user, film in pairs],
            "title": [f"Film {film}" for _, film in pairs],
        }
    ).write_csv(path)


def command(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def imported(folder: Path, labels: tuple[float, ...], *arguments: str) -> tuple[Result, tuple[str, ...]]:
    """The output of an import, and the arguments that name it."""
    write_ratings(folder / "ratings.csv", labels)
    result = command("data", "import", folder / "ratings.csv", "--out", folder / "own", "--noun", "film", *arguments)
    return result, ("--set", f"imported.raw={folder / 'own'}")


def records_of_run(folder: Path, *arguments: str) -> dict[str, Record]:
    """The record of each scorer with a model, from a run of three pairs.

    toy-lm has seen ratings from 1 to 5 only: what it writes on another scale may be unreadable; then that cell fails.
    """
    fixed = ("--dataset", "imported", "--strategy", "10h", "--trainer", "none", "--model", "toy-lm", "--limit", "3")
    folders = ("--out", folder / "run", "--store", folder / "store.sqlite", "--no-baselines")
    scorers = ("--scorer", "rating_expectation", "--scorer", "rating_text")
    result = CliRunner().invoke(main, [*map(str, ("run", *fixed, *folders, *scorers, *COMPACT, *FILLED, *arguments))])
    unreadable = "rating_text seed 0: FAILED: 0 of 3 predictions readable" in " ".join(result.output.split())
    assert result.exit_code == (1 if unreadable else 0), result.output
    records = [read_record(path.parent) for path in (folder / "run").glob("cells/10h__*/record.json")]
    return {record.cell.scorer: record for record in records}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("labels", "scale"), [(HALVES, "0.5 to 5 in steps of 0.5"), (TEN, "1 to 10")], ids=["half stars", "1 to 10"]
)
def test_every_scale_goes_from_the_import_to_both_scorers(
    tmp_path: Path, labels: tuple[float, ...], scale: str
) -> None:
    result, named = imported(tmp_path, labels, "--labels", "auto")
    assert f"ratings on the scale {scale}: " in result.stdout
    assert "120" in command("data", "prepare", "imported", *named).stdout
    command("data", "check", "imported", *named, "--strategy", "duet", "--limit", "5")
    records = records_of_run(tmp_path, *named)
    for record in records.values():
        assert record.dataset is not None
        assert record.dataset.domain.labels == labels
    metrics = records["rating_expectation"].metrics
    assert metrics is not None
    assert (metrics.n, metrics.n_readable) == (3, 3)
    assert sum(metrics.distribution.truth.values()) == 3
    table = pl.read_parquet(next((tmp_path / "run").glob("cells/10h__*rating_expectation*/predictions.parquet")))
    assert all(len(row) == 10 and sum(row) == pytest.approx(1) for row in table["probabilities"])
    assert table["rating"].is_in([float(label) for label in labels]).all()


@pytest.mark.slow
def test_a_rescaled_run_reports_metrics_on_the_scale_of_the_data(tmp_path: Path) -> None:
    _, named = imported(tmp_path, TEN, "--labels", "1:10", "--rescale", "1,2,3,4,5")
    record = records_of_run(tmp_path, *named)["rating_expectation"]
    assert record.dataset is not None
    assert (record.dataset.domain.labels, record.dataset.domain.prompt_labels) == (TEN, (1, 2, 3, 4, 5))
    table = pl.read_parquet(next((tmp_path / "run").glob("cells/10h__*rating_expectation*/predictions.parquet")))
    assert table["rating"].is_in([float(label) for label in TEN]).all()
    assert {len(row) for row in table["probabilities"]} == {5}
    assert record.metrics is not None
    assert record.metrics.decision == "mean"
    mae = float((table["value"] - table["rating"]).abs().mean())  # type: ignore[arg-type]
    assert record.metrics.over["readable"].values["mae"]["raw"] == pytest.approx(mae)


@pytest.mark.parametrize("text", ["1", "a,b", "5:1", "1:5:0"])
def test_what_is_no_scale_is_a_usage_error(tmp_path: Path, text: str) -> None:
    write_ratings(tmp_path / "ratings.csv", TEN)
    arguments = ["data", "import", str(tmp_path / "ratings.csv"), "--labels", text]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "expected labels such as 1,2,3,4,5, a range such as 1:10 or 0.5:5:0.5, or auto" in result.stderr


def test_rows_without_a_rating_are_named(tmp_path: Path) -> None:
    result, _ = imported(tmp_path, (0, *TEN), "--labels", "1:10", "--missing", "0")
    assert "10 rows without a rating (--missing) are left out" in result.stdout
