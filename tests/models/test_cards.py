"""Model cards."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from duetbench.errors import ModelError, UnknownName
from duetbench.models import card_names, load_card
from duetbench.models.locations import source_folder
from duetbench.paths import registry_dir

NAMES = ["llama3-8b", "qwen3-8b", "smollm2-135m", "toy-lm"]


def test_the_shipped_cards_are_listed() -> None:
    assert set(NAMES) <= set(card_names())


@pytest.mark.parametrize("name", NAMES)
def test_each_shipped_card_loads(name: str) -> None:
    card = load_card(name)
    assert card.name == name
    assert card.sources
    assert card.options["prompt_set"] in ("default", "compact")


def test_qwen_does_not_think() -> None:
    assert load_card("qwen3-8b").template_args == {"enable_thinking": False}


def test_smollm_is_tried_on_the_hub_first_and_then_as_a_wheel() -> None:
    card = load_card("smollm2-135m")
    assert [source.kind for source in card.sources] == ["hub", "wheel"]
    assert len(card.digests) == 7


def test_an_unknown_name_is_an_error_with_the_closest_name() -> None:
    with pytest.raises(UnknownName, match=r"did you mean 'smollm2-135m'.*path:DIR"):
        load_card("smollm-135m")


def modified(tmp_path: Path, **changes: object) -> Path:
    """A folder with one card, a modified copy of a shipped one."""
    body = yaml.safe_load(registry_dir("models", "qwen3-8b.yaml").read_text())
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({**body, **changes}))
    return tmp_path


def test_all_faults_of_a_card_are_named_with_their_paths(tmp_path: Path) -> None:
    folder = modified(tmp_path, context_length="long", colour="blue")
    with pytest.raises(ModelError, match=r"'colour' was unexpected.*context_length: 'long' is not of type"):
        load_card("mine", folder)


def test_a_branch_is_not_a_revision(tmp_path: Path) -> None:
    folder = modified(tmp_path, sources=[{"kind": "hub", "repo": "a/b", "revision": "main"}])
    with pytest.raises(ModelError, match=r"sources\.0"):
        load_card("mine", folder)


def test_a_card_that_is_not_yaml_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("a: [")
    with pytest.raises(ModelError, match=r"card .*mine\.yaml: not valid YAML: line 1"):
        load_card("mine", tmp_path)


def test_the_ident_of_a_source_depends_on_its_content(tmp_path: Path) -> None:
    source = load_card("qwen3-8b").sources[0]
    folder = modified(tmp_path, sources=[{"kind": "hub", "repo": "Qwen/Qwen3-8B", "revision": "0" * 40}])
    assert load_card("mine", folder).sources[0].ident != source.ident


def test_cards_of_the_users_folders_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUETBENCH_MODELS", str(modified(tmp_path, merge_system=True)))
    assert {*NAMES, "mine"} <= set(card_names())
    assert (load_card("mine").merge_system, load_card("mine").folder) == (True, tmp_path)


def test_two_cards_of_one_name_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (modified(tmp_path) / "mine.yaml").rename(tmp_path / "qwen3-8b.yaml")
    monkeypatch.setenv("DUETBENCH_MODELS", str(tmp_path))
    with pytest.raises(ModelError, match=r"two model cards are called 'qwen3-8b': .* and .*rename one"):
        load_card("qwen3-8b")


def test_a_folder_of_cards_that_does_not_exist_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUETBENCH_MODELS", str(tmp_path / "none"))
    with pytest.raises(ModelError, match=r"none does not exist \(--models-dir, DUETBENCH_MODELS\)"):
        card_names()


@pytest.mark.parametrize("is_absolute", [True, False])
def test_a_folder_source_is_absolute_or_relative_to_the_card(tmp_path: Path, is_absolute: bool) -> None:
    path = str(tmp_path / "weights") if is_absolute else "weights"
    card = load_card("mine", modified(tmp_path, sources=[{"kind": "folder", "path": path}]))
    assert source_folder(card, card.sources[0]) == tmp_path / "weights"
