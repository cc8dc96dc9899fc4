from __future__ import annotations

from record_making import WITHOUT_LLM, make_record, record_values

from duetbench.leaderboard.board import BoardRow, Costs
from duetbench.leaderboard.row_attributes import attributes_of, differing_attributes, labels_of, model_of, scorer_of


def test_attributes_hold_everything_in_which_cells_may_differ() -> None:
    attributes = attributes_of(make_record())
    expected = {
        "strategy": "duet",
        "trainer": "none",
        "model": "toy-lm",
        "weights": "eeeeeeee",
        "dtype": "float32",
        "torch": "2.13.0",
        "duet.joint": "paired",
        "duet.cue": "true",
        "prompt duet_paired": "aaaaaaaa",
        "commit": "cccccccc",
    }
    assert expected.items() <= attributes.items()
    assert "seed" not in attributes


def test_a_changed_checkout_is_marked() -> None:
    environment = record_values()["environment"] | {"git_dirty": True}
    assert attributes_of(make_record(environment=environment))["commit"] == "cccccccc+"


def test_options_of_the_data_are_left_to_the_fingerprint() -> None:
    attributes = attributes_of(
        make_record(cell={"options": {"data": {"raw": "/here"}, "toy": {"seed": 1}, "history": {"k": 5}}})
    )
    assert {name for name in attributes if "." in name} == {"history.k"}


def test_a_trained_adapter_does_not_separate_seeds() -> None:
    model = record_values()["model"] | {"adapter": "x", "adapter_digest": "9" * 64}
    assert attributes_of(make_record(model=model))["adapter"] == "99999999"
    assert "adapter" not in attributes_of(make_record(model=model, cell={"trainer": "grpo"}))


def test_two_versions_of_one_plugin_have_different_attributes() -> None:
    plugins = {"reward": [{"name": "mine", "origin": "file mine.py", "code": "1" * 64}]}
    attributes = attributes_of(make_record(plugins=plugins))
    assert (attributes["origin mine"], attributes["code mine"]) == ("file mine.py", "11111111")


def test_a_scorer_that_shares_its_name_has_options_of_its_own() -> None:
    options = {"shared": {"a": 1}, "scorer.shared": {"b": 2}}
    assert scorer_of(make_record(cell={"dataset": "shared", "scorer": "shared", "options": options})) == "shared (b=2)"


def test_a_row_without_an_llm_has_no_strategy() -> None:
    assert not {"strategy", "trainer", "model", "engine"} & attributes_of(make_record(cell=WITHOUT_LLM)).keys()


def test_scorer_and_model_carry_their_settings() -> None:
    assert scorer_of(make_record()) == "rating_expectation (history_k=10)"
    assert model_of(make_record()) == "toy-lm eeeeeeee"
    assert model_of(make_record(model=None)) == "toy-lm"


def test_an_attribute_differs_only_between_rows_that_both_have_it() -> None:
    rows = [
        {"strategy": "duet", "duet.joint": "paired", "torch": "1"},
        {"strategy": "duet", "duet.joint": "cross", "torch": "1"},
        {"strategy": "kar", "kar.n": "3", "torch": "1"},
    ]
    assert differing_attributes(rows) == ("duet.joint",)


def test_a_trained_predictor_is_another_scorer_whatever_its_seed() -> None:
    scorers = [
        scorer_of(make_record(trained={"stages": {}, "scorer": digest * 64}, cell={"trainer": "sft"}))
        for digest in ("1", "2")
    ]
    assert scorers == ["rating_expectation (history_k=10, weights=trained by sft on duet)"] * 2
    assert scorer_of(make_record(trained={"stages": {"summary": "1"}, "scorer": None})) == scorer_of(make_record())


def test_a_control_is_shown_even_if_it_is_the_only_one() -> None:
    plain, control = (attributes_of(make_record(cell={"control": name})) for name in (None, "no_profile"))
    assert "control" not in plain
    assert control["control"] == "no_profile"
    assert "control" in differing_attributes([plain, control])
    assert "control" not in differing_attributes([plain])


def _labelled(*rows: dict[str, str]) -> list[str]:
    common = {"strategy": "duet", "trainer": "none", "model": "m"}
    costs = Costs(None, None, None, None, 1.0, None, None, None, None)
    made = [BoardRow("ranked", common | facts, (0,), (f"{n}" * 9,), costs) for n, facts in enumerate(rows)]
    return labels_of(made, differing_attributes(row.facts for row in made))


def test_rows_of_one_name_are_labelled_by_the_grid() -> None:
    short, long = {"label": "short", "duet.history_k": "2"}, {"label": "long", "duet.history_k": "20"}
    names = ["duet [short]", "duet [long]", "duet (shuffled_user)"]
    assert _labelled(short, long, short | {"control": "shuffled_user"}) == names


def test_rows_of_one_grid_are_labelled_by_their_options() -> None:
    assert _labelled({"duet.cue": "true"}, {"duet.cue": "false"}) == ["duet [cue=true]", "duet [cue=false]"]


def test_rows_that_nothing_distinguishes_are_labelled_by_their_cells() -> None:
    assert _labelled({}, {}) == ["duet [00000000]", "duet [11111111]"]
