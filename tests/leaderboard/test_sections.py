from __future__ import annotations

from typing import Any

import pytest
from record_making import WITHOUT_LLM, record_values

from duetbench.leaderboard.read_results import CellResult
from duetbench.leaderboard.sections import groups_of, sections_of
from duetbench.records import Record, from_json

TEXT = {"scorer": "rating_text", "options": {"rating_text": {"history_k": 10}}}
FREE = WITHOUT_LLM | {"scorer": "bias", "options": {}}


def result(cell_id: str, tmp_path: Any = None, *, pairs: str = "1", **changes: Any) -> CellResult:
    values = record_values(cell_id=cell_id, **changes)
    if values["metrics"]:
        values["metrics"]["pairs"] = pairs * 64
    return CellResult(from_json(Record, values), tmp_path)


def ids(results: list[CellResult]) -> list[list[str]]:
    return [sorted(part.record.cell_id for part in [*s.done, *s.failed]) for s in sections_of(results)]


@pytest.mark.parametrize(
    "other",
    [
        {"pairs": "2"},
        {"cell": TEXT},
        {"cell": {"options": {"rating_expectation": {"history_k": 0}}}},
        {"cell": {"dataset": "yelp"}},
        {"cell": {"split": "valid"}},
        {"model": record_values()["model"] | {"digest": "7" * 64}},
        {"dataset": record_values()["dataset"] | {"fingerprint": "0" * 64}},
    ],
    ids=["pairs", "scorer", "scorer option", "dataset", "split", "weights", "fingerprint"],
)
def test_what_cannot_be_compared_never_shares_a_ranking(other: dict[str, Any]) -> None:
    assert sorted(ids([result("a"), result("b", **other)])) == [["a"], ["b"]]


def test_strategies_seeds_and_options_share_a_ranking() -> None:
    cells = [{"strategy": "kar"}, {"seed": 7}, {"trainer": "grpo"}]
    assert ids([result(str(place), cell=cell) for place, cell in enumerate(cells)]) == [["0", "1", "2"]]


def test_a_row_without_an_llm_is_in_every_section_of_its_pairs() -> None:
    results = [result("a"), result("b", cell=TEXT), result("c", pairs="2"), result("free", cell=FREE)]
    assert sorted(ids(results)) == [["a", "free"], ["b", "free"], ["c"]]


def test_rows_without_an_llm_alone_are_a_section() -> None:
    assert ids([result("free", cell=FREE), result("more", cell=FREE | {"scorer": "majority"})]) == [["free", "more"]]


def test_scorers_and_models_are_mixed_on_request() -> None:
    results = [result("a"), result("b", cell=TEXT), result("c", model=record_values()["model"] | {"digest": "7" * 64})]
    assert len(sections_of(results, mix=("scorer",))) == 2
    assert len(sections_of(results, mix=("scorer", "model"))) == 1


def test_a_failed_cell_is_in_the_section_of_its_pairs() -> None:
    early = result("x", error="no weights", dataset=None, model=None, engine=None)
    assert sorted(ids([result("a"), result("b", cell=TEXT), early])) == [["a", "x"], ["b"]]


def test_a_failed_cell_of_another_limit_is_in_a_section_of_its_own() -> None:
    assert sorted(ids([result("a"), result("x", error="e", cell={"limit": 99})])) == [["a"], ["x"]]


def test_a_failed_cell_of_other_data_is_in_a_section_of_its_own() -> None:
    other = record_values()["dataset"] | {"fingerprint": "0" * 64}
    assert sorted(ids([result("a"), result("x", error="e", dataset=other)])) == [["a"], ["x"]]


def test_where_all_cells_failed_the_rows_without_an_llm_are_in_their_section() -> None:
    results = [result(name, error="e", dataset=None, model=None) for name in "xy"]
    assert ids([*results, result("free", cell=FREE)]) == [["free", "x", "y"]]


def test_a_failed_row_without_an_llm_is_in_every_section_of_its_rows() -> None:
    results = [result("a"), result("b", cell=TEXT), result("free", cell=FREE, error="e", dataset=None)]
    assert sorted(ids(results)) == [["a", "free"], ["b", "free"]]


def test_seeds_are_one_row_and_other_options_another() -> None:
    options = {"duet": {"joint": "cross"}, "rating_expectation": {"history_k": 10}}
    cells = [{"seed": 1}, {"seed": 0}, {"seed": 0, "options": options}]
    groups = groups_of([result(str(place), cell=cell) for place, cell in enumerate(cells)])
    assert [[part.record.cell_id for part in group.results] for group in groups] == [["1", "0"], ["2"]]


def test_two_cells_of_one_seed_are_two_rows() -> None:
    groups = groups_of([result("abcdefgh1"), result("ijklmnop2")])
    assert [group.facts["cell"] for group in groups] == ["abcdefgh", "ijklmnop"]


def test_failed_sections_come_last() -> None:
    results = [
        result("a", cell={"model": "a-model"}, error="it broke", model=None),
        result("b", cell={"model": "b-model"}),
        result("c", cell=FREE),
    ]
    sections = sections_of(results)
    assert [(section.key.model, section.has_failed) for section in sections] == [
        ("b-model eeeeeeee", False),
        ("a-model", True),
    ]


def test_rows_without_an_llm_alone_have_not_failed() -> None:
    (section,) = sections_of([result("c", cell=FREE)])
    assert not section.has_failed
