"""`duetbench data ...` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from raw_making import small_music, write_music

from duetbench.cli import main

TOY = ["--set", "toy.users=40", "--set", "toy.items=20", "--set", "toy.interactions=400"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["data", *map(str, arguments)], catch_exceptions=False)


def test_prepare_shows_every_step_and_the_fingerprint() -> None:
    result = run("prepare", "toy", *TOY)
    assert result.exit_code == 0
    for part in ("raw", "dedupe", "split_count:0.8/0.1/0.1", "drop_cold", "fingerprint", "prepared in"):
        assert part in result.stdout


def test_prepare_warns_if_sizes_differ_from_table_4(tmp_path: Path) -> None:
    result = run("prepare", "amazon-music", "--raw", write_music(tmp_path, small_music()))
    assert result.exit_code == 0
    assert "43,071" in result.stdout
    assert "warning" in result.stderr
    assert "The paper names neither release nor split shares" in result.stderr


def test_a_missing_file_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    result = run("prepare", "yelp", "--raw", tmp_path)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "yelp_academic_dataset_review.json" in result.stderr


def test_the_help_names_every_step() -> None:
    from duetbench.data.preparation.steps import STEPS

    words = run("prepare", "--help").stdout.replace(";", " ").replace(":", " ").replace(".", " ").split()
    assert set(STEPS) <= set(words)


def test_no_summary_is_shortened_in_the_overview() -> None:
    assert "..." not in run("--help").stdout.partition("Commands:")[2]


def test_steps_can_be_chosen() -> None:
    result = run("prepare", "toy", *TOY, "--steps", "sort, split_time:60d/60d")
    assert "split_time:60d/60d" in result.stdout
    assert "dedupe" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["toyy"], 1, "did you mean 'toy'"),
        (["toy", "--set", "toy.user=3"], 1, "did you mean 'users'"),
        (["toy", "--set", "toi.users=3"], 1, "only toy.*, history.* can be set here"),
        (["toy", "--steps", "dedup"], 1, "did you mean 'dedupe'"),
        (["toy", "--steps", "window:x"], 1, "steps.window:x"),
        (["toy", "--max-error-rate", "3"], 2, "0<=x<=1"),
        ([], 2, "Missing argument 'DATASET'"),
    ],
)
def test_an_invalid_argument_is_one_line(arguments: list[str], code: int, message: str) -> None:
    result = run("prepare", *arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [["prepare", "toy"], ["check", "toy"], ["import", "r.csv"]])
def test_the_old_name_of_an_option_gets_the_new_one_suggested(command: list[str]) -> None:
    result = run(*command, "--tolerated", "0.1")
    assert result.exit_code == 2
    assert "No such option '--tolerated'. Did you mean '--max-error-rate'?" in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_old_name_is_not_suggested_where_the_new_one_does_not_exist(tmp_path: Path) -> None:
    result = run("generate", tmp_path, "--tolerated", "0.1")
    assert result.exit_code == 2
    assert "--max-error-rate" not in result.stderr


def test_the_old_name_of_a_setting_gets_the_new_one_suggested() -> None:
    result = CliRunner().invoke(main, ["run", "--strategy", "duet", "--set", "data.tolerated=0.1", "--plan"])
    assert result.exit_code == 1
    assert "data.tolerated: no such option; did you mean 'max_error_rate'?" in result.stderr


def test_stats_print_splits_and_windows() -> None:
    result = run("stats", "toy", *TOY)
    assert result.exit_code == 0
    for part in ("mean rating", "rated 5", "10H", "70H", "differs"):
        assert part in result.stdout
    assert "50 and 70 give every test request the same inputs" in result.stderr


def test_stats_are_printed_as_json() -> None:
    content = json.loads(run("stats", "toy", *TOY, "--json", "--windows", "5,10").stdout)
    assert [window["k"] for window in content["windows"]] == [5, 10]
    assert content["splits"][0]["rows"] == 400


def test_a_prepared_folder_is_accepted_as_a_dataset() -> None:
    folder = run("prepare", "toy", *TOY).stdout.split("prepared in ")[1].strip().replace("\n", "")
    assert run("stats", folder).exit_code == 0


@pytest.mark.parametrize("option", [["--steps", "dedupe"], ["--raw", "x"], ["--set", "toy.users=3"]])
def test_an_option_without_effect_on_a_prepared_folder_is_an_error(option: list[str]) -> None:
    folder = run("prepare", "toy", *TOY).stdout.rstrip().rpartition("prepared in ")[2]
    result = run("stats", folder, *option)
    assert result.exit_code != 0
    assert "already prepared" in result.stderr or "only history.* can be set here" in result.stderr


def test_prepare_names_the_command_that_uses_the_folder() -> None:
    *_, command, folder = run("prepare", "toy", *TOY).stdout.splitlines()
    assert command == f"use it with: duetbench run --dataset {folder.removeprefix('prepared in ')} ..."


def test_a_folder_without_a_prepared_dataset_is_named(tmp_path: Path) -> None:
    result = run("stats", tmp_path)
    assert result.exit_code == 1
    assert f"{tmp_path} contains no prepared dataset" in result.stderr


def test_all_faults_of_the_steps_are_one_line() -> None:
    result = run("prepare", "toy", "--steps", "dedup,kcore:x,split_count:1/1/1")
    assert result.exit_code == 1
    assert all(part in result.stderr for part in ("did you mean 'dedupe'", "steps.kcore:x", "steps.split_count:1/1/1"))


def test_removed_repeats_are_not_called_kept(tmp_path: Path) -> None:
    reviews = small_music()
    again = {**reviews[2], "reviewText": "changed my mind"}
    raw = write_music(tmp_path, [*reviews, reviews[0], reviews[1], again])
    words = run("prepare", "amazon-music", "--raw", raw).stdout.split()
    assert " ".join(words).count("2 removed by dedupe") == 1
    assert "repeat review of a pair, not a copy 1 removed by dedupe" in " ".join(words)
    words = run("prepare", "amazon-music", "--raw", raw, "--steps", "titled,dedupe").stdout.split()
    assert "1 removed by titled, dedupe" in " ".join(words)
    words = run("prepare", "amazon-music", "--raw", raw, "--steps", "sort").stdout.split()
    assert "repeat review of a pair, not a copy 1 kept" in " ".join(words)


@pytest.mark.parametrize(
    ("steps", "warning"),
    [
        ("sort,split_count:0.8/0.2/0", "the test split is empty"),
        ("sort", "no step assigns splits"),
        ("split_random:0.8/0.1/0.1/3", "not safe against leakage from the future"),
    ],
)
def test_prepare_warns_about_splits(steps: str, warning: str) -> None:
    result = run("prepare", "toy", *TOY, "--steps", steps)
    assert result.exit_code == 0
    assert f"warning: {warning}" in result.stderr


def test_data_without_times_is_shown_without_days(tmp_path: Path) -> None:
    table = tmp_path / "own.csv"
    table.write_text("user,item,rating\n" + "".join(f"u{n % 5},i{n % 7},{1 + n % 5}\n" for n in range(35)))
    assert run("import", table, "--out", tmp_path / "out", "--time", "none").exit_code == 0
    data = ["imported", "--set", f"imported.raw={tmp_path / 'out'}"]
    assert "1970" not in run("stats", *data).stdout
    assert " in row " in run("sample", *data).stdout
    checked = run("check", *data)
    assert "none in file order" in checked.stdout
    assert "not safe against leakage from the future: the data has no times" in checked.stderr


def test_an_item_table_without_any_rated_item_is_noted(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("user,item,rating\nu,a,4\nu,b,3\n")
    (tmp_path / "items.csv").write_text("item,title\n1,One\n")
    result = run("import", tmp_path / "own.csv", "--items", tmp_path / "items.csv", "--time", "none")
    assert "none of 2 items occurs in the item table" in result.stderr
    assert "none of 2 items occurs in the item table" in run("prepare", "imported", "--steps", "sort").stderr


def test_a_sample_shows_histories_and_true_ratings() -> None:
    result = run("sample", "toy", *TOY, "-n", "2")
    assert result.stdout.count("the true rating is") == 2
    assert "user history" in result.stdout


def test_a_split_without_rows_cannot_be_sampled() -> None:
    result = run("sample", "toy", *TOY, "--steps", "sort")
    assert result.exit_code == 1
    assert "has no test rows" in result.stderr


def test_check_passes_valid_data_and_strategies() -> None:
    result = run("check", "toy", *TOY, "--strategy", "duet", "--set", "duet.joint=cross")
    assert result.exit_code == 0
    assert "strategy duet" in result.stdout
    assert "not checked" in result.stdout


def test_check_probes_the_controls_of_a_strategy() -> None:
    controls = ("--control", "raw_evidence", "--control", "shuffled_both", "--set", "duet.joint=cross")
    result = run("check", "toy", *TOY, "--strategy", "duet", *controls)
    assert result.exit_code == 0, result.stderr
    assert "strategy duet, control raw_evidence, control shuffled_both" in result.stdout


def test_check_refuses_a_control_without_a_strategy() -> None:
    assert "add --strategy NAME" in run("check", "toy", *TOY, "--control", "raw_evidence").stderr


def test_stats_warn_about_a_split_without_rows() -> None:
    result = run("stats", "toy", *TOY, "--steps", "dedupe,sort")
    assert result.exit_code == 0
    assert "there are no test rows" in result.stderr
    assert "the same inputs" not in result.stderr


def test_check_fails_on_a_leak_in_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps({"text": "average_rating: 4.5"}))
    result = run("check", "toy", *TOY, "--prompts", log)
    assert result.exit_code == 1
    assert "banned_field: log.jsonl line 1" in result.stderr


def test_a_log_without_prompts_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text("")
    result = run("check", "toy", "--prompts", tmp_path / "log.jsonl")
    assert result.exit_code == 1
    assert "no prompts in" in result.output


@pytest.mark.parametrize("name", ["../../evil", "a/b", ""])
def test_the_name_of_an_import_cannot_leave_the_cache(tmp_path: Path, name: str) -> None:
    (tmp_path / "r.csv").write_text("user,item,rating,timestamp\na,b,5,1400000000\n")
    result = run("import", tmp_path / "r.csv", "--name", name)
    assert result.exit_code == 2
    assert "--name must consist of" in result.output


def test_an_invalid_date_is_an_error() -> None:
    result = run("import", "r.csv", "--since", "yesterday")
    assert result.exit_code == 1
    assert "expected a date, as in 2014-05-01, got 'yesterday'" in result.output


def test_generate_then_prepare(tmp_path: Path) -> None:
    generated = run("generate", tmp_path, "--format", "amazon-2023", "--interactions", "500", "--category", "Books")
    assert generated.exit_code == 0
    assert "Books.jsonl.gz" in generated.stdout
    assert run("prepare", "amazon-books", "--raw", tmp_path, "--steps", "sort").exit_code == 0


def test_import_then_export(tmp_path: Path) -> None:
    table = tmp_path / "own.csv"
    table.write_text(
        "user,item,stars,date,text\n" + "".join(f"u{n % 3},i{n},4,2020-01-{n + 1:02},ok\n" for n in range(20))
    )
    imported = run("import", table, "--name", "own", "--noun", "film", "--map", "rating=stars")
    assert imported.exit_code == 0
    assert "rating from 'stars'" in imported.stdout
    exported = run(
        "export", "imported", tmp_path / "out", "--set", "imported.table=own", "--steps", "split_count:0.5/0/0.5"
    )
    assert exported.exit_code == 0
    assert (tmp_path / "out" / "train.parquet").is_file()


@pytest.mark.parametrize("option", [["--labels", "a,b"], ["--map", "rating"], ["--time", "weeks"]])
def test_invalid_import_options_are_usage_errors(tmp_path: Path, option: list[str]) -> None:
    result = run("import", tmp_path / "x.csv", *option)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1


def test_delimited_text_of_any_form_is_imported(tmp_path: Path) -> None:
    (tmp_path / "ratings.dat").write_text("1::11::5::978300760\n2::11::3::978302109\n")
    (tmp_path / "movies.dat").write_bytes("11::Les Mis\u00e9rables (1995)::Drama\n".encode("latin-1"))
    result = run(
        "import", tmp_path / "ratings.dat", "--separator", "::", "--columns", "user_id,item_id,rating,timestamp",
        "--items", tmp_path / "movies.dat", "--item-columns", "item_id,title,genres", "--encoding", "latin-1",
    )  # fmt: skip
    assert result.exit_code == 0
    assert "2 interactions, 1 items" in result.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--columns", "a,b"], "--columns is only for delimited text: r.jsonl"),
        (["--separator", ";"], "--separator is only for delimited text: r.jsonl"),
        (["--encoding", "latin-1"], "--encoding is only for delimited text: r.jsonl"),
        (["--item-columns", "a"], "--item-columns is only for delimited text: there is no --items"),
        (["--separator", ""], "--separator: expected text"),
    ],
)
def test_options_of_delimited_text_need_such_a_table(options: list[str], message: str) -> None:
    result = run("import", "r.jsonl", *options)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
