"""`list` and `show`: tab-separated output, descriptions, and faults on stderr."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from duetbench.cli import main
from duetbench.cli.plugins_list import kind_named
from duetbench.errors import UnknownName
from duetbench.interfaces import PLURALS
from duetbench.runner.config.sections import SECTION_NAMES


def _run(*arguments: str, **environ: str) -> Result:
    return CliRunner(env=environ).invoke(main, arguments)


def _names(output: str) -> set[str]:
    return {line.split("\t")[1] for line in output.splitlines()}


def test_list_of_a_kind_names_its_plugins() -> None:
    result = _run("list", "strategies")
    assert result.exit_code == 0
    assert {"10h", "duet"} <= _names(result.stdout)
    assert {line.split("\t")[0] for line in result.stdout.splitlines()} == {"strategy"}


def test_metrics_are_listed_and_shown() -> None:
    assert {"mae", "rmse", "accuracy", "f1", "f1_weighted"} <= _names(_run("list", "metrics").stdout)
    assert _run("show", "metric", "mae").stdout.startswith("metric mae: mean absolute error")


def test_list_without_a_kind_names_all_kinds() -> None:
    assert {line.split("\t")[0] for line in _run("list").stdout.splitlines()} == set(PLURALS)


def test_kind_may_be_singular_or_plural() -> None:
    assert [kind_named(text) for text in ("strategy", "strategies", "Strategies")] == ["strategy"] * 3


def test_unknown_kind_error_suggests_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match="did you mean 'scorers'"):
        kind_named("scorer_")


def test_every_listed_plugin_has_a_summary() -> None:
    assert all(line.split("\t")[3].strip() for line in _run("list").stdout.splitlines())


def test_a_scorer_whose_package_is_missing_is_listed_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("duetbench.scorers.predictors.cornac_mf.find_spec", lambda _name: None)
    (line,) = [line for line in _run("list", "scorers").stdout.splitlines() if "cornac_mf" in line.split("\t")]
    assert "pip install 'duetbench[cornac]'" in line


def test_broken_and_blocked_plugins_are_reported_on_stderr(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import no_such_package_")
    result = _run("--plugins-dir", str(tmp_path), "list", "strategies", DUETBENCH_DISABLE_PLUGINS="duet")
    assert result.exit_code == 0
    assert "duet" not in _names(result.stdout)
    assert f"broken plugin: file {tmp_path / 'bad.py'}: ModuleNotFoundError" in result.stderr
    assert "blocked by DUETBENCH_DISABLE_PLUGINS: duet" in result.stderr


def test_show_prints_options_source_and_origin() -> None:
    result = _run("show", "strategy", "duet")
    assert result.exit_code == 0
    assert result.stdout.startswith("strategy duet: ")
    assert "origin: built-in" in result.stdout
    assert "source: DUET" in result.stdout
    options = {line.split("\t")[0]: line.split("\t")[1:3] for line in result.stdout.splitlines() if "\t" in line}
    assert options["joint"] == ["paired | cross", "paired"]
    assert options["cue"] == ["bool", "true"]
    assert options["prompt"] == ["str | none", "none"]


def test_show_options_prints_the_sections_of_a_run() -> None:
    result = _run("show", "options")
    assert result.exit_code == 0
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in result.stdout.splitlines() if "\t" in line}
    assert {name.partition(".")[0] for name in rows} == {*SECTION_NAMES, "ray", "slurm"}
    assert {"data", "history", "sampling", "evaluation", "training"} <= {*SECTION_NAMES}
    assert rows["history.k"][:2] == ["int", "80"]
    assert rows["training.rewards"][1] == "[fractional]"
    assert rows["sampling.temperature"][2] == "0: greedy decoding"
    assert all(meaning for *_, meaning in rows.values())


def test_show_options_of_a_section_prints_only_that() -> None:
    lines = [line for line in _run("show", "options", "sampling").stdout.splitlines() if "\t" in line]
    assert [line.split("\t")[0] for line in lines] == ["sampling.temperature", "sampling.top_p"]


def test_show_options_of_an_unknown_section_gets_the_nearest() -> None:
    result = _run("show", "options", "traning")
    assert result.exit_code == 1
    assert "no section of options named 'traning'; did you mean 'training'?" in result.stderr


@pytest.mark.parametrize("kind", ["strategy", "prompt", "preset"])
def test_show_without_a_name_says_that_it_is_missing(kind: str) -> None:
    result = _run("show", kind)
    assert result.exit_code == 2
    assert f"show {kind} needs a NAME" in result.stderr


def test_show_of_a_plugin_without_options() -> None:
    assert "It has no options." in _run("show", "strategy", "10h").stdout


@pytest.mark.parametrize("line", _run("list").stdout.splitlines())
def test_show_works_for_every_listed_plugin(line: str) -> None:
    kind, name, *_ = line.split("\t")
    result = _run("show", kind, name)
    assert result.exit_code == 0
    assert all(row.split("\t")[3].strip() for row in result.stdout.splitlines() if "\t" in row)


def test_show_of_an_unknown_name_is_a_one_line_error() -> None:
    result = _run("show", "strategy", "deut")
    assert result.exit_code == 1
    assert result.stderr == f"duetbench: {' '.join(result.stderr.split()[1:])}\n"
    assert "did you mean 'duet'?" in result.stderr


def test_terminal_output_is_a_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from duetbench.cli.context import Settings
    from duetbench.cli.tables import print_rows

    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_rows(Settings(), ("name", "meaning"), [("[bold]", "not markup")])
    shown = capsys.readouterr().out
    assert "name" in shown.splitlines()[0]
    assert "[bold]" in shown


@pytest.mark.parametrize(
    ("name", "part"), [("kar", "hybrid-expert adaptor"), ("palr", "LLaMA-7B ranker"), ("rlmrec", "RLMRec-Con")]
)
def test_card_names_the_parts_that_a_strategy_lacks(name: str, part: str) -> None:
    assert part in _run("show", "strategy", name).stdout.partition("does not have:")[2]
