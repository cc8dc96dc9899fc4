"""`plugin check` and `plugin new`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from duetbench.cli import main
from duetbench.errors import PluginError
from duetbench.interfaces import PLURALS, Kind
from duetbench.testing.new_plugin import plugin_source, write_plugin

ROOT = Path(__file__).parents[2]


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_check_prints_outcome_and_reason() -> None:
    result = _run("plugin", "check", "global_mean")
    assert result.exit_code == 0
    assert "pass    The plugin has a one-line summary\n" in result.stdout
    assert "skipped Garbage answers give no value: it uses no model\n" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("scorer global_mean from built-in: ")


def test_check_of_a_broken_plugin_fails_with_the_reason(tmp_path: Path) -> None:
    text = plugin_source("reward", "mine").replace("return 0.0", "return 2.0")
    (tmp_path / "mine.py").write_text(text)
    result = _run("--plugins-dir", str(tmp_path), "plugin", "check", "mine")
    assert result.exit_code == 1
    assert ": an unreadable completion gets a higher reward than a readable one\n" in result.stdout


def test_report_holds_every_check(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    result = _run("plugin", "check", "fractional", "--report", str(path))
    report = json.loads(path.read_text())
    assert (report["plugin"], report["kind"], report["origin"]) == ("fractional", "reward", "built-in")
    assert len(report["checks"]) == sum(line[:8].strip() in ("pass", "skipped") for line in result.stdout.splitlines())
    assert {"check", "meaning", "outcome", "reason"} == set(report["checks"][0])


def test_check_takes_options() -> None:
    assert _run("plugin", "check", "duet", "--set", "duet.joint=cross").exit_code == 0


def test_check_reports_all_invalid_options_at_once() -> None:
    result = _run("plugin", "check", "duet", "--set", "duet.jiont=cross", "--set", "kar.k=1", "--set", "duet.cue=7")
    assert result.exit_code == 1
    assert result.stderr.startswith("duetbench: 3 options are invalid: ")


def test_name_of_two_kinds_needs_the_kind(tmp_path: Path) -> None:
    write_plugin("reward", "twice", tmp_path / "a")
    write_plugin("scorer", "twice", tmp_path / "b")
    folders = ("--plugins-dir", str(tmp_path / "a"), "--plugins-dir", str(tmp_path / "b"))
    result = _run(*folders, "plugin", "check", "twice")
    assert result.exit_code == 2
    assert "'twice' is a scorer and a reward: select one with --kind" in result.stderr
    assert _run(*folders, "plugin", "check", "twice", "--kind", "rewards").exit_code == 0


def test_unknown_plugin_error_suggests_the_nearest_name() -> None:
    result = _run("plugin", "check", "fractoinal")
    assert result.exit_code == 1
    assert "no plugin named 'fractoinal'; did you mean 'fractional'?" in result.stderr


def test_model_is_for_engines_and_trainers() -> None:
    result = _run("plugin", "check", "duet", "--model", "toy-lm")
    assert result.exit_code == 2
    assert "--model is for engines and trainers" in result.stderr


@pytest.mark.parametrize("kind", PLURALS)
def test_new_plugin_passes_the_checks_unchanged(kind: Kind, tmp_path: Path) -> None:
    written = _run("plugin", "new", kind, f"my-{kind}", "--into", str(tmp_path))
    assert written.exit_code == 0
    command = written.stdout.splitlines()[-1].removeprefix("duetbench ").split()
    assert _run(*command).exit_code == 0


def test_new_dataset_reads_its_file(tmp_path: Path) -> None:
    _run("plugin", "new", "dataset", "mine", "--into", str(tmp_path / "plugins"))
    rows = "".join(f"u{n % 3},i{n % 4},Title,{n % 5 + 1},{1000 + n},fine\n" for n in range(60))
    (tmp_path / "ratings.csv").write_text("user,item,title,rating,time,review\n" + rows)
    result = _run("--plugins-dir", str(tmp_path / "plugins"), "plugin", "check", "mine", "--raw", str(tmp_path))
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].endswith("0 fail, 0 skipped")


@pytest.mark.parametrize("name", ["Mine", "my plugin", "../mine", "", "-x", "a.b", "class'"])
def test_invalid_name_is_an_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="invalid plugin name"):
        write_plugin("reward", name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["3rd", "class", "none", "a_b-c"])
def test_unusual_names_make_working_files(name: str, tmp_path: Path) -> None:
    compile(plugin_source("reward", name), str(tmp_path), "exec")
    write_plugin("reward", name, tmp_path)
    assert _run("--plugins-dir", str(tmp_path), "plugin", "check", name, "--kind", "reward").exit_code == 0


def test_new_does_not_overwrite_a_file(tmp_path: Path) -> None:
    path = write_plugin("reward", "mine", tmp_path)
    path.write_text("my work")
    result = _run("plugin", "new", "reward", "mine", "--into", str(tmp_path))
    assert result.exit_code == 1
    assert "exists: choose another name" in result.stderr
    assert path.read_text() == "my work"


@pytest.mark.parametrize("kind", PLURALS)
def test_templates_pass_ruff(kind: Kind, tmp_path: Path) -> None:
    import subprocess
    import sys

    path = write_plugin(kind, "mine", tmp_path)
    config = ["--config", str(ROOT / "pyproject.toml")]
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        done = subprocess.run([sys.executable, "-m", "ruff", *command, *config, str(path)], capture_output=True)
        assert done.returncode == 0, done.stdout.decode()


def test_new_rejects_a_name_in_use(tmp_path: Path) -> None:
    result = _run("plugin", "new", "strategy", "duet", "--into", str(tmp_path))
    assert result.exit_code == 1
    assert "a strategy named 'duet' already exists" in result.output
    assert not list(tmp_path.iterdir())


def test_a_reward_that_is_best_on_failures_gets_a_warning(tmp_path: Path) -> None:
    text = plugin_source("reward", "kind").replace("return 0.0", "return 0.0 if rollout.readable else -1.0")
    text = text.replace(
        "return max(1 - abs(value - rollout.example.rating) / float(self.config.width), 0.0)",
        "return -abs(value - rollout.example.rating)",
    )
    (tmp_path / "kind.py").write_text(text)
    result = _run("--plugins-dir", str(tmp_path), "plugin", "check", "kind")
    assert "warning: with reward 'kind' a failure earns about as much as a success (-0.5)" in result.stdout
    assert "an unreadable rating 0" in result.stdout
    assert "warning:" not in _run("plugin", "check", "fractional").stdout


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "others"), [("strategy", []), ("scorer", ["--strategy", "10h"])])
def test_the_shipped_model_answers_a_new_plugin(kind: str, others: list[str], tmp_path: Path) -> None:
    _run("plugin", "new", kind, "mine", "--into", str(tmp_path / "plugins"))
    words = ["--plugins-dir", str(tmp_path / "plugins"), "run", f"--{kind}", "mine", "--dataset", "toy"]
    words += ["--limit", "12", "--no-baselines", "--out", str(tmp_path / "out")]
    result = _run(*words, *others)
    assert result.exit_code == 0, result.output
    (path,) = tmp_path.glob("out/cells/*/record.json")
    assert json.loads(path.read_text())["metrics"]["coverage"] > 0.5
