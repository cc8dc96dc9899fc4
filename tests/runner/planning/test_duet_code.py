"""`configs/duet-code.yaml` does what the authors' released code does; one test per fact."""

from __future__ import annotations

from pathlib import Path

import pytest
from prepared_making import prepared
from request_making import request, text_of

from duetbench.config import parse_settings
from duetbench.data import build_examples
from duetbench.errors import ConfigError
from duetbench.evaluation.conventions import CONVENTIONS
from duetbench.plugins import Plugins
from duetbench.runner import Plan, plan, run_config
from duetbench.runner.planning.cells import Cell
from duetbench.types import Profile, Profiles, Prompt, Request

FILE = Path(__file__).parents[3] / "configs" / "duet-code.yaml"


def planned_code(plugins: Plugins, *settings: str, **chosen: object) -> Plan:
    grid = {"datasets": ("tiny",), "baselines": False, "controls": False, **chosen}
    return plan(run_config(grid, file=FILE, settings=parse_settings(settings)), plugins)


@pytest.fixture
def cell(plugins: Plugins) -> Cell:
    (cell,) = planned_code(plugins).cells
    return cell


def writer_prompt(cell: Cell, of: Request) -> Prompt:
    assert cell.writing is not None
    (prompt,) = cell.writing.strategy.make().stages()[0].prompts([of], {})
    return prompt


def test_the_writer_sees_the_last_10_of_both_histories(cell: Cell) -> None:
    text = text_of(writer_prompt(cell, request(n_user=12, n_item=12)))
    assert ["review 1 by anna" in text, "review 2 by anna" in text, "review 11 by anna" in text] == [False, True, True]
    assert [f"by other-{n}" in text for n in (0, 2, 11)] == [False, True, True]


def test_a_user_with_few_interactions_has_them_in_the_window(cell: Cell) -> None:
    assert "review 0 by anna" in text_of(writer_prompt(cell, request(n_user=1)))


def test_the_scorer_sees_only_the_profiles(cell: Cell) -> None:
    profiles = Profiles(Profile("user", "Likes jazz."), Profile("item", "Calm."))
    texts = [
        text_of(cell.scorer.make().prompts([request(n_user=n, n_item=n, user_average=float(n))], [profiles])[0])
        for n in (1, 5)
    ]
    assert texts[0] == texts[1]
    assert "Likes jazz." in texts[0]
    assert "Calm." in texts[0]


def test_averages_are_over_the_window_of_10(cell: Cell) -> None:
    days = [("a", f"i{day}", 5.0 if day < 5 else 2.0, day, "train") for day in range(15)]
    (example,) = build_examples(prepared(*days, ("a", "x", 4.0, 99, "test")), "test", cell.data.history)
    assert example.request.user_average == 2.0


def test_averages_are_shown_with_one_decimal(cell: Cell) -> None:
    text = text_of(writer_prompt(cell, request(user_average=3.26, item_average=None)))
    assert "average: 3.3)" in text
    assert "3.26" not in text


def test_test_histories_hold_train_and_earlier_test_rows_only(cell: Cell) -> None:
    world = prepared(
        ("a", "t", 5.0, 1, "train"),
        ("a", "v", 5.0, 2, "valid"),
        ("a", "e", 5.0, 3, "test"),
        ("a", "x", 5.0, 4, "test"),
        ("a", "same", 5.0, 4, "test"),
    )
    history = build_examples(world, "test", cell.data.history)[1].request.user_history
    assert [interaction.item.item_id for interaction in history] == ["t", "e"]


def test_training_rows_without_user_history_are_dropped_and_counted(plugins: Plugins) -> None:
    made = planned_code(plugins)
    data = made.cells[0].data
    assert [note for note in made.notes if "training rows are dropped" in note]
    users = data.prepared.interactions.filter(split="train")["user_id"].n_unique()
    assert data.n_dropped_for_history(1) == users  # only each user's first row: all times differ


def test_the_authors_parser_reads_profiles_and_ratings(cell: Cell) -> None:
    assert cell.writing is not None
    assert cell.writing.strategy.options["parse"] == cell.scorer.options["parse"] == "official"


def test_the_metric_rule_is_theirs(cell: Cell) -> None:
    rule = CONVENTIONS["duet"]
    assert (rule.over, rule.error, rule.classes, rule.f1) == ("official", "raw", "exact_float", "macro_gt")
    assert cell.evaluation.fill == "official"


def test_the_trainer_follows_their_script(cell: Cell) -> None:
    assert cell.writing is not None
    grpo = cell.writing.trainer.options
    assert (grpo["preset"], grpo["epochs"], grpo["delta"]) == ("duet-code", 10, 3.0)
    assert (grpo["pairs_per_round"], grpo["num_generations"], grpo["updates_per_round"]) == (64, 8, 2)
    assert "rounds" not in grpo  # determined by the epochs


def test_a_split_without_test_requests_is_refused(plugins: Plugins) -> None:
    with pytest.raises(ConfigError, match="train\\+test differs from train for test requests only"):
        planned_code(plugins, split="valid")
