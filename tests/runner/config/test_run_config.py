"""Runs as files, and what the command line adds."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from duetbench.errors import ConfigError, UnknownName
from duetbench.runner import run_config
from duetbench.runner.config.run_config import read_config


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "my.yaml"
    path.write_text(dedent(text))
    return path


def test_a_file_fills_a_grid(tmp_path: Path) -> None:
    config = run_config({}, file=_file(tmp_path, "strategies: [10h, duet]\nseeds: [0, 1]\nlimit: 9"))
    assert (config.grids[0].strategies, config.grids[0].seeds, config.grids[0].limit) == (("10h", "duet"), (0, 1), 9)


def test_grids_inherit_the_top_level_values(tmp_path: Path) -> None:
    text = """
    datasets: [toy]
    options: {duet: {joint: cross, history_k: 3}}
    grids:
      - strategies: [10h]
      - {strategies: [duet], label: less, options: {duet: {history_k: 2}}}
    """
    first, second = run_config({}, file=_file(tmp_path, text)).grids
    assert (first.strategies, first.label) == (("10h",), "")
    assert second.options == {"duet": {"joint": "cross", "history_k": 2}}


def test_the_command_line_replaces_the_file_in_every_grid(tmp_path: Path) -> None:
    text = "limit: 9\ngrids:\n- {strategies: [10h], limit: 8}\n- {strategies: [duet]}"
    config = run_config({"limit": 2, "models": ("toy-lm",)}, file=_file(tmp_path, text))
    assert [(grid.limit, grid.models) for grid in config.grids] == [(2, ("toy-lm",))] * 2


def test_a_file_overrides_the_options_of_its_preset(tmp_path: Path) -> None:
    (grid,) = run_config({}, file=_file(tmp_path, "preset: paper\noptions: {duet: {history_k: 50}}")).grids
    assert (grid.strategies, grid.trainers, grid.scorers) == (("duet",), ("grpo",), ("rating_text",))
    assert (grid.options["duet"]["history_k"], grid.options["duet"]["recent_k"]) == (50, 10)


def test_an_unknown_preset_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"did you mean 'paper'.*duet-code"):
        run_config({}, file=_file(tmp_path, "preset: papers"))


def _name(settings: dict[str, str] | None = None, file: Path | None = None, **chosen: Any) -> str:
    return run_config(chosen, settings=settings, file=file).name


def test_without_a_file_strategies_datasets_and_a_digest_name_the_run() -> None:
    assert re.fullmatch(r"10h\+duet-toy\+yelp-[0-9a-f]{8}", _name(strategies=("10h", "duet"), datasets=("toy", "yelp")))


@pytest.mark.parametrize(
    "other",
    [
        {"limit": 3},
        {"seeds": (1,)},
        {"seeds": (0, 1)},
        {"trainers": ("sft",)},
        {"models": ("path:x",)},
        {"scorers": ("rating_text",)},
        {"split": "valid"},
        {"controls": True},
        {"baselines": False},
        {"settings": {"duet.joint": "cross"}},
    ],
)
def test_other_options_are_another_folder(other: dict[str, Any]) -> None:
    assert _name(strategies=("duet",), **other) != _name(strategies=("duet",))


def test_options_that_are_the_defaults_and_other_orders_are_the_same_folder() -> None:
    assert _name(strategies=("duet",), datasets=("toy",), seeds=(0,)) == _name(strategies=("duet",))
    first, second = {"duet.cue": "false", "duet.joint": "cross"}, {"duet.joint": "cross", "duet.cue": "false"}
    assert _name(first, strategies=("duet",)) == _name(second, strategies=("duet",))
    names = [_name(strategies=pair).rpartition("-")[2] for pair in (("10h", "duet"), ("duet", "10h"))]
    assert names[0] == names[1]


def test_a_file_names_the_run_with_a_digest_of_its_content(tmp_path: Path) -> None:
    file = _file(tmp_path, "strategies: [duet]")
    name = _name(file=file)
    assert re.fullmatch("my-[0-9a-f]{8}", name)
    assert _name(file=_file(tmp_path, "description: text\nstrategies: [duet]")) == name
    assert _name(file=_file(tmp_path, "strategies: [duet]\nlimit: 3")) != name


def test_options_of_the_command_line_add_a_digest_to_a_stated_name(tmp_path: Path) -> None:
    file = _file(tmp_path, "name: stated\nstrategies: [duet]")
    assert _name(file=file) == "stated"
    names = [_name(file=file, limit=2), _name(file=file, limit=3), _name({"duet.cue": "false"}, file)]
    assert all(re.fullmatch("stated-[0-9a-f]{8}", name) for name in names)
    assert len(set(names)) == 3


def test_a_name_is_one_short_folder() -> None:
    name = _name(strategies=("../../etc", *(f"strategy-{n}" for n in range(40))))
    assert re.fullmatch(r"[A-Za-z0-9+][A-Za-z0-9._+-]{1,60}", name)


def test_all_faults_of_a_file_are_reported_with_their_paths(tmp_path: Path) -> None:
    text = "stratgies: [duet]\nseeds: [-1]\ngrids:\n- {split: train}"
    with pytest.raises(ConfigError) as caught:
        read_config(_file(tmp_path, text))
    output = " | ".join(caught.value.faults)
    assert "my.yaml: stratgies: no such key; did you mean 'strategies'?" in output
    assert "seeds[0]" in output
    assert "grids[0].split" in output


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: [", "not valid YAML"),
        ("[1, 2]", "the file: expected names with values"),
        ("datasets: toy", "datasets: expected a list, got 'toy'"),
        ("limit: true", "limit: expected a whole number or null, got True"),
        ("limit: .nan", "limit: expected a whole number or null, got nan"),
        ("models: []", "non-empty"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        read_config(_file(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("options: " + "[" * 5_000, "nested deeper than 64 levels"),
        ("seeds: [" + "1" * 5_001 + "]", "line 1, column 9: an integer beyond 64 bits"),
        ("limit: 1\nlimit: 2", "line 2, column 1: key 'limit' is given twice"),
        ("1: 2", "a key must be text"),
        (
            "models: {" + ", ".join(f"k{n}: {'x' * 300}" for n in range(100)) + "}",
            r"expected a list, got \{'k0'.* \.\.\. ",
        ),
        ("\n".join(f"unknown{n}: 1" for n in range(1_000)), "and more"),
    ],
)
def test_a_hostile_file_is_one_short_line(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        read_config(_file(tmp_path, text))
    assert len(str(caught.value)) < 8_000


def test_a_fault_is_reported_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config(_file(tmp_path, "- a"))
    assert len(caught.value.faults) == 1


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read"):
        read_config(tmp_path / "nowhere.yaml")


def test_every_shipped_run_fits_the_schema(root: Path) -> None:
    files = sorted((root / "configs").glob("*.yaml"))
    assert files
    for file in files:
        assert read_config(file) == yaml.safe_load(file.read_text())
