"""`duetbench run`: results on stdout, progress on stderr, every bad input one line with advice."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from grid_making import BASELINES, PLUGIN, make_model_folder

Cli = Callable[..., Result]


def _one_line(result: Result, *, exit_code: int = 1) -> str:
    """The single line on stderr, if the command failed as a user's fault fails."""
    assert result.exit_code == exit_code, result.output
    assert isinstance(result.exception, SystemExit)
    lines = [line for line in result.stderr.splitlines() if line.startswith("duetbench:")]
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_the_leaderboard_goes_to_stdout_and_progress_to_stderr(grid: Cli) -> None:
    result = grid("--strategy", "10h", "--strategy", "duet", "--trainer", "none")
    assert result.exit_code == 0, result.output
    assert "duet" in result.stdout
    assert "global_mean" in result.stdout
    assert f"{2 + len(BASELINES)} computed" in result.stderr
    assert "computed" not in result.stdout


def test_the_same_command_again_finds_everything(grid: Cli) -> None:
    grid("--strategy", "10h")
    again = grid("--strategy", "10h")
    assert again.exit_code == 0
    assert f"{1 + len(BASELINES)} already finished" in again.stderr


def test_quiet_leaves_the_results_alone(cli: Cli, work: Path) -> None:
    arguments = ["--dataset", "tiny", "--model", "path:model", "--engine", "logging", "--limit", "2", "--store", "s"]
    result = cli("-q", "run", "--strategy", "10h", *arguments)
    assert result.stderr == ""
    assert "10h" in result.stdout


def test_the_default_folder_is_named_after_the_run(grid: Cli, work: Path) -> None:
    grid("--strategy", "10h")
    (folder,) = (work / "runs").iterdir()
    assert folder.name.startswith("10h-tiny-")
    assert {"plan.json", "env.json", "leaderboard.md", "leaderboard.json", "cells"} <= set(os.listdir(folder))


def test_other_options_go_to_another_folder_and_the_plan_names_it(grid: Cli, work: Path) -> None:
    grid("--strategy", "10h", "--no-baselines")
    (folder,) = (work / "runs").iterdir()
    result = grid("--strategy", "10h", "--no-baselines", "--seed", "1", "--plan")
    (name,) = re.findall(r"Results go to runs/(\S+)\.", result.stdout)
    assert name.startswith("10h-tiny-")
    assert name != folder.name


def test_a_failing_cell_makes_the_command_exit_1_with_its_reason(grid: Cli) -> None:
    result = grid("--strategy", "broken", "--strategy", "10h")
    assert "a third-party bug" in _one_line(result)
    assert "10h" in result.stdout


def test_plan_loads_no_model_and_computes_nothing(grid: Cli, work: Path) -> None:
    result = grid("--strategy", "duet", "--plan", "--set", "logging.log=log")
    assert result.exit_code == 0, result.output
    assert "6 distinct prompts" in result.stdout
    assert not (work / "log").exists()
    assert not (work / "runs").exists()


def test_plan_imports_no_torch(work: Path) -> None:
    arguments = ["run", "--strategy", "duet", "--dataset", "tiny", "--model", "path:model", "--plan"]
    code = f"""
import sys
from click.testing import CliRunner
from duetbench.cli import main
result = CliRunner().invoke(main, ["--plugins-dir", {str(PLUGIN)!r}, *{arguments!r}])
assert result.exit_code == 0, result.output
print(*sys.modules)
"""
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "transformers", "trl", "datasets", "pandas"} & set(loaded)


def test_a_file_describes_a_run(grid: Cli, work: Path) -> None:
    (work / "mine.yaml").write_text("strategies: [duet]\ntrainers: [none]\noptions: {duet: {joint: cross}}")
    assert grid("--config", "mine.yaml", "--no-baselines").exit_code == 0
    record = json.loads(next((work / "runs").glob("mine-*/cells/*/record.json")).read_text())
    assert record["cell"]["options"]["duet"]["joint"] == "cross"


# Bad input.


def test_nothing_to_run_is_a_fault_of_usage(cli: Cli) -> None:
    assert "--strategy duet" in _one_line(cli("run"), exit_code=2)


@pytest.mark.parametrize(
    ("option", "name", "kind"),
    [("--strategy", "deut", "strategy"), ("--dataset", "tony", "dataset"), ("--trainer", "non", "trainer"),
     ("--scorer", "rating_txt", "scorer"), ("--engine", "loging", "engine"), ("--model", "toy-ml", "model")],
)  # fmt: skip
def test_an_unknown_name_gets_the_nearest(grid: Cli, option: str, name: str, kind: str) -> None:
    line = _one_line(grid("--strategy", "10h", option, name))
    assert f"no {kind} named '{name}'; did you mean" in line


def test_misspelt_and_ill_typed_options_are_reported_at_once(grid: Cli) -> None:
    line = _one_line(
        grid("--strategy", "duet", "--set", "duet.jiont=cross", "--set", "duet.cue=7", "--set", "history.k=x")
    )
    assert "3 options are invalid" in line
    assert all(part in line for part in ("duet.jiont", "did you mean 'joint'", "duet.cue", "history.k"))


def test_a_setting_without_a_value_says_how_to_write_it(grid: Cli) -> None:
    assert "write it as name.option=value" in _one_line(grid("--strategy", "duet", "--set", "duet"))


def test_missing_raw_files_say_which_whence_and_whither(grid: Cli) -> None:
    line = _one_line(grid("--strategy", "duet", "--dataset", "yelp"))
    assert "yelp_academic_dataset_review.json" in line
    assert "https://" in line
    assert "yelp.raw=" in line


def _amazon(work: Path, reviews: bytes) -> list[str]:
    raw = work / "raw"
    raw.mkdir()
    (raw / "reviews_Digital_Music_5.json.gz").write_bytes(reviews)
    (raw / "meta_Digital_Music.json.gz").write_bytes(gzip.compress(b""))
    return ["--strategy", "10h", "--dataset", "amazon-music", "--set", f"amazon-music.raw={raw}"]


def _review(n: int) -> str:
    review = {"reviewerID": f"u{n % 7}", "asin": f"i{n % 5}", "overall": 4.0, "unixReviewTime": 10**9 + n}
    return json.dumps(review | {"reviewText": "good", "summary": "fine"})


def test_a_truncated_archive_is_refused_by_name(grid: Cli, work: Path) -> None:
    packed = gzip.compress("\n".join(_review(n) for n in range(999)).encode())
    line = _one_line(grid(*_amazon(work, packed[: len(packed) // 2])))
    assert "reviews_Digital_Music_5.json.gz" in line


def test_too_many_malformed_lines_are_refused_with_the_share(grid: Cli, work: Path) -> None:
    lines = [_review(n) if n % 3 else "{broken" for n in range(300)]
    line = _one_line(grid(*_amazon(work, gzip.compress("\n".join(lines).encode()))))
    assert "malformed" in line


def test_few_malformed_lines_are_counted_in_the_record(grid: Cli, work: Path) -> None:
    lines = [_review(n) for n in range(300)] + ["{broken"]
    steps = ["--set", "data.steps=sort,split_count:0.8/0.1/0.1"]
    result = grid(*_amazon(work, gzip.compress("\n".join(lines).encode())), *steps)
    assert result.exit_code == 0, result.output
    record = json.loads(next(work.glob("runs/*/cells/10h__*amazon*/record.json")).read_text())
    assert sum(record["dataset"]["counts"].values()) == 1


def test_an_empty_split_names_the_steps(grid: Cli) -> None:
    line = _one_line(grid("--strategy", "10h", "--set", "data.steps=sort,split_count:0.9/0.1/0.0"))
    assert "no rows are left in test" in line
    assert "data.steps" in line


def test_a_model_folder_without_a_tokenizer_says_so(grid: Cli, work: Path) -> None:
    (make_model_folder(work / "bare") / "tokenizer.json").unlink()
    assert "tokenizer" in _one_line(grid("--strategy", "10h", "--model", "path:bare"))


def test_an_output_folder_that_cannot_be_written_is_named(grid: Cli, work: Path) -> None:
    (work / "taken").write_text("a file")
    assert "choose another with --out" in _one_line(grid("--strategy", "10h", "--out", "taken/out"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_folder_without_permission_is_named(grid: Cli, work: Path) -> None:
    (work / "closed").mkdir(mode=0o500)
    assert "choose another with --out" in _one_line(grid("--strategy", "10h", "--out", "closed/out"))


def test_a_store_that_cannot_be_written_is_named(grid: Cli, work: Path) -> None:
    (work / "taken").write_text("a file")
    assert "taken" in _one_line(grid("--strategy", "10h", "--store", "taken/store.sqlite"))


def test_a_config_file_that_is_invalid_reports_every_path(grid: Cli, work: Path) -> None:
    (work / "bad.yaml").write_text("stratgies: [duet]\nlimit: 0\n")
    line = _one_line(grid("--config", "bad.yaml"))
    assert "did you mean 'strategies'" in line
    assert "limit" in line


def test_verbose_shows_where_a_bug_lies(cli: Cli, work: Path) -> None:
    arguments = ["--dataset", "tiny", "--model", "path:model", "--engine", "logging", "--store", "s", "--limit", "2"]
    output = [cli(*flags, "run", "--strategy", "broken", *arguments).stderr for flags in ([], ["-v"])]
    assert ["grid_plugin.py" in text.split("FAILED ")[-1] for text in output] == [False, True]


def test_verbose_shows_where_a_fault_was_found(cli: Cli) -> None:
    assert "Traceback" in cli("-v", "run", "--strategy", "deut").stderr
    assert "Traceback" not in cli("run", "--strategy", "deut").stderr


def test_the_table_shows_this_runs_cells_and_the_folder_keeps_all(grid: Cli, work: Path) -> None:
    grid("--strategy", "10h")
    result = grid("--strategy", "duet", "--no-baselines")
    assert "10h" not in result.stdout
    assert "10h" in next(work.glob("runs/*/leaderboard.md")).read_text()


def test_a_broken_plugin_is_named_since_its_metrics_are_missing(cli: Cli, work: Path) -> None:
    (work / "bad.py").write_text("import no_such_package_")
    arguments = ["--dataset", "tiny", "--model", "path:model", "--engine", "logging", "--limit", "2", "--store", "s"]
    result = cli("--plugins-dir", "bad.py", "run", "--strategy", "10h", *arguments)
    assert result.exit_code == 0
    assert "broken plugin: file bad.py: ModuleNotFoundError" in result.stderr
