"""The content of histories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prepared_making import Line, prepared

from duetbench.config import build_config
from duetbench.data import HistoryOptions, Prepared, StepCount, build_examples, prepare, sample_examples
from duetbench.datasets.toy import Toy
from duetbench.errors import ConfigError
from duetbench.types import Example

ROWS: list[Line] = [
    ("a", "x", 5.0, 10, "train"),
    ("b", "x", 4.0, 10, "train"),
    ("a", "y", 3.0, 20, "train"),
    ("b", "y", 2.0, 20, "train"),
    ("c", "x", 1.0, 20, "train"),
    ("a", "z", 2.0, 30, "valid"),
    ("b", "z", 4.0, 40, "test"),
    ("c", "y", 5.0, 40, "test"),
]
WORLD = prepared(*ROWS)


def example_of(world: Prepared, user: str, item: str, **options: object) -> Example:
    """The example of a pair."""
    history = HistoryOptions(**options)  # type: ignore[arg-type]
    examples = [example for split in ("train", "valid", "test") for example in build_examples(world, split, history)]
    requests = [example.request for example in examples]
    return examples[[(request.user_id, request.item.item_id) for request in requests].index((user, item))]


def pairs(example: Example) -> tuple[list[str], list[str]]:
    """The items of the user's history and the users of the item's history."""
    request = example.request
    return [line.item.item_id for line in request.user_history], [line.user_id for line in request.item_history]


def test_histories_are_oldest_first() -> None:
    assert pairs(example_of(WORLD, "c", "y")) == (["x"], ["a", "b"])


def test_histories_come_from_train_by_default() -> None:
    assert pairs(example_of(WORLD, "b", "z")) == (["x", "y"], [])


@pytest.mark.parametrize("source", ["train+valid", "prequential"])
def test_test_histories_can_contain_validation_rows(source: str) -> None:
    assert pairs(example_of(WORLD, "b", "z", source=source)) == (["x", "y"], ["a"])


def test_histories_of_a_random_split_contain_no_test_rows() -> None:
    world = prepared(("a", "x", 5.0, 1, "test"), ("a", "y", 4.0, 2, "train"), ("a", "z", 3.0, 3, "test"))
    world.__dict__["steps"] = (StepCount("split_random", 3, 1, 3),)
    assert pairs(example_of(world, "a", "z"))[0] == ["y"]


@pytest.mark.parametrize("source", ["train+test", "prequential"])
def test_a_source_with_test_rows_is_refused_for_a_random_split(source: Any) -> None:
    world = prepared(("a", "x", 5.0, 1, "test"), ("a", "y", 4.0, 2, "train"))
    world.__dict__["steps"] = (StepCount("split_random", 2, 1, 2),)
    with pytest.raises(ConfigError, match=r"history\.source.*split_random"):
        build_examples(world, "test", HistoryOptions(source=source))


def test_prequential_histories_contain_earlier_test_rows() -> None:
    world = prepared(("a", "x", 5.0, 1, "train"), ("a", "y", 4.0, 2, "test"), ("a", "z", 3.0, 3, "test"))
    assert pairs(example_of(world, "a", "z", source="prequential"))[0] == ["x", "y"]
    assert pairs(example_of(world, "a", "z", source="train+valid"))[0] == ["x"]


AUTHORS = prepared(
    ("a", "x", 5.0, 10, "train"),
    ("a", "v", 4.0, 20, "valid"),
    ("a", "y", 3.0, 30, "test"),
    ("b", "z", 2.0, 30, "test"),
    ("a", "w", 2.0, 30, "test"),
    ("a", "z", 1.0, 40, "test"),
    ("a", "late", 1.0, 50, "train"),
    ("a", "last", 1.0, 60, "valid"),
)


def test_authors_histories_hold_train_and_earlier_test_rows_but_no_validation_rows() -> None:
    assert pairs(example_of(AUTHORS, "a", "z", source="train+test")) == (["x", "y", "w"], ["b"])
    assert pairs(example_of(AUTHORS, "a", "y", source="train+test"))[0] == ["x"]


def test_authors_histories_of_training_and_validation_hold_no_test_rows() -> None:
    assert pairs(example_of(AUTHORS, "a", "late", source="train+test"))[0] == ["x"]
    assert pairs(example_of(AUTHORS, "a", "last", source="train+test"))[0] == ["x", "late"]


OVERLAPPING = prepared(
    ("a", "tested", 5.0, 10, "test"),
    ("a", "validated", 4.0, 20, "valid"),
    ("a", "learned", 3.0, 30, "train"),
    ("a", "late valid", 2.0, 40, "valid"),
    ("a", "late test", 1.0, 50, "test"),
)


@pytest.mark.parametrize(
    ("source", "seen_by_valid", "seen_by_test"),
    [
        ("train", ["learned"], ["learned"]),
        ("train+valid", ["validated", "learned"], ["validated", "learned", "late valid"]),
        ("train+test", ["learned"], ["tested", "learned"]),
        ("prequential", ["validated", "learned"], ["tested", "validated", "learned", "late valid"]),
    ],
)
def test_no_history_holds_rows_of_a_later_split(source: str, seen_by_valid: list[str], seen_by_test: list[str]) -> None:
    assert pairs(example_of(OVERLAPPING, "a", "learned", source=source))[0] == []
    assert pairs(example_of(OVERLAPPING, "a", "late valid", source=source))[0] == seen_by_valid
    assert pairs(example_of(OVERLAPPING, "a", "late test", source=source))[0] == seen_by_test


@pytest.mark.parametrize("tie", ["strict", "stable"])
@pytest.mark.parametrize("source", ["train+valid", "prequential"])
def test_of_splits_that_follow_each_other_in_time_all_earlier_rows_are_seen(
    source: Any, tie: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = prepare(Toy(Toy.Config(users=40, items=20, interactions=600)), cache=tmp_path)
    options = HistoryOptions(source=source, tie=tie)
    by_split = [build_examples(toy, split, options) for split in ("train", "valid", "test")]
    named = {"train+valid": ("train", "valid"), "prequential": ("train", "valid", "test")}[source]
    monkeypatch.setattr("duetbench.data.history.source_splits", lambda _source, _split: named)
    assert by_split == [build_examples(toy, split, options) for split in ("train", "valid", "test")]


def test_strict_ties_exclude_the_same_time() -> None:
    assert pairs(example_of(WORLD, "b", "y")) == (["x"], [])


def test_stable_ties_include_rows_that_are_earlier_in_the_file() -> None:
    assert pairs(example_of(WORLD, "b", "y", tie="stable")) == (["x"], ["a"])


def test_only_the_last_k_are_kept() -> None:
    world = prepared(*[("a", f"i{day}", 3.0, day, "train") for day in range(30)])
    assert pairs(example_of(world, "a", "i29", k=3))[0] == ["i26", "i27", "i28"]
    assert pairs(example_of(world, "a", "i1", k=3))[0] == ["i0"]


def test_averages_over_all_include_rows_before_the_window() -> None:
    world = prepared(*[("a", f"i{day}", float(1 + day % 5), day, "train") for day in range(11)])
    assert example_of(world, "a", "i10", k=2).request.user_average == 3.0


def test_averages_over_a_window() -> None:
    world = prepared(*[("a", f"i{day}", float(1 + day % 5), day, "train") for day in range(11)])
    assert example_of(world, "a", "i10", average="window", average_k=2).request.user_average == 4.5


def test_an_empty_history_has_no_average() -> None:
    request = example_of(WORLD, "a", "x").request
    assert (request.user_average, request.item_average) == (None, None)
    assert example_of(WORLD, "a", "x", average="window").request.user_average is None


REPEATED = prepared(
    ("a", "x", 1.0, 1, "train"), ("b", "x", 5.0, 2, "train"), ("a", "x", 2.0, 3, "train"), ("a", "y", 4.0, 4, "train"),
    ("a", "x", 3.0, 5, "test"),
)  # fmt: skip


def test_earlier_reviews_of_the_same_pair_are_in_neither_history() -> None:
    example = build_examples(REPEATED, "test", HistoryOptions())[0]
    assert pairs(example) == (["y"], ["b"])
    assert (example.request.user_average, example.request.item_average) == (4.0, 5.0)


def test_a_window_is_full_although_rows_of_the_same_pair_are_excluded() -> None:
    example = build_examples(REPEATED, "test", HistoryOptions(k=1))[0]
    assert pairs(example) == (["y"], ["b"])


def test_the_title_of_an_item_without_metadata_is_its_id() -> None:
    assert example_of(WORLD, "c", "y").request.item.title == "y"


def test_a_sample_is_seeded_and_in_row_order() -> None:
    full = build_examples(WORLD, "train", HistoryOptions())
    sample = build_examples(WORLD, "train", HistoryOptions(), limit=3, seed=1)
    assert sample == build_examples(WORLD, "train", HistoryOptions(), limit=3, seed=1)
    positions = [full.index(example) for example in sample]
    assert positions == sorted(positions)
    assert len(sample) == 3


def test_request_ids_name_split_and_row() -> None:
    examples = build_examples(WORLD, "test", HistoryOptions())
    assert [example.request.request_id for example in examples] == ["test:6", "test:7"]


def test_an_empty_split_gives_no_examples() -> None:
    assert build_examples(prepared(("a", "x", 1.0, 1, "train")), "test", HistoryOptions()) == []


@pytest.mark.parametrize("options", [{"k": -1}, {"average_k": -1}, {"average": "window", "average_k": 9, "k": 5}])
def test_invalid_sizes_are_rejected(options: dict[str, object]) -> None:
    _, faults = build_config(HistoryOptions, options, path="history")
    assert any("k must be" in fault for fault in faults)


def mean(rows: list[dict[str, float]]) -> float | None:
    return sum(row["rating"] for row in rows) / len(rows) if rows else None


lines = st.lists(
    st.tuples(
        st.sampled_from("abcd"), st.sampled_from("wxyz"), st.sampled_from([1.0, 2.5, 5.0]), st.integers(1, 12),
        st.sampled_from(["train", "valid", "test"]),
    ),
    min_size=1,
    max_size=40,
)  # fmt: skip
history_options = st.builds(
    HistoryOptions,
    source=st.sampled_from(["train", "train+valid", "train+test", "prequential"]),
    tie=st.sampled_from(["strict", "stable"]),
    k=st.integers(0, 6),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(world=lines.map(lambda drawn: prepared(*drawn)), options=history_options)
def test_histories_equal_those_of_a_plain_loop(world: Prepared, options: HistoryOptions) -> None:
    rows = world.interactions.to_dicts()
    for split in ("train", "valid", "test"):
        sources = {"train": ["train"], "train+valid": ["train", "valid"], "train+test": ["train", "test"]}
        not_later = {"train": ["train"], "valid": ["train", "valid"], "test": ["train", "valid", "test"]}[split]
        allowed = [name for name in sources.get(options.source, not_later) if name in not_later]
        targets = [position for position, row in enumerate(rows) if row["split"] == split]
        examples = build_examples(world, split, options)
        assert len(targets) == len(examples)
        for target_position, example in zip(targets, examples, strict=True):
            target = rows[target_position]
            before = [
                row
                for position, row in enumerate(rows)
                if row["split"] in allowed
                and (row["timestamp"] < target["timestamp"] if options.tie == "strict" else position < target_position)
                and (row["user_id"], row["item_id"]) != (target["user_id"], target["item_id"])
            ]
            of_user = [row for row in before if row["user_id"] == target["user_id"]]
            of_item = [row for row in before if row["item_id"] == target["item_id"]]
            request = example.request
            keep = slice(-options.k, None) if options.k else slice(0)
            assert [line.review for line in request.user_history] == [row["review"] for row in of_user[keep]]
            assert [line.review for line in request.item_history] == [row["review"] for row in of_item[keep]]
            assert request.user_average == pytest.approx(mean(of_user))
            assert request.item_average == pytest.approx(mean(of_item))


@settings(max_examples=50, deadline=None)
@given(drawn=lines, tie=st.sampled_from(["strict", "stable"]))
def test_later_rows_change_no_history(drawn: list[Line], tie: str) -> None:
    options = HistoryOptions(source="prequential", tie=tie)  # type: ignore[arg-type]
    cut = sorted(line[3] for line in drawn)[len(drawn) // 2]
    replaced = [line if line[3] <= cut else ("d", "w", 1.0, line[3], line[4]) for line in drawn]
    for split in ("train", "valid", "test"):
        early = [
            [example for example in build_examples(world, split, options) if example.request.asked_at <= cut]
            for world in (prepared(*drawn), prepared(*replaced))
        ]
        assert early[0] == early[1]


def test_a_test_row_carries_no_review_of_its_own() -> None:
    world = prepared(("a", "x", 5.0, 10, "train"), ("a", "y", 5.0, 20, "valid"), ("a", "z", 5.0, 30, "test"))
    reviews = [example_of(world, "a", item).review for item in "xyz"]
    assert reviews == ["a/x/10", "a/y/20", ""]


@pytest.mark.parametrize("source", ["train", "prequential"])
def test_a_sample_is_a_part_of_the_examples(source: Any) -> None:
    options = HistoryOptions(source=source)
    examples = build_examples(WORLD, "train", options)
    sample = sample_examples(WORLD, "train", options, n=3, seed=1)
    assert sample.n_pairs == len(examples) == 5
    assert sample.examples == [example for example in examples if example in sample.examples]
    assert len(sample.examples) == 3


def test_a_sample_of_a_limit_is_a_part_of_its_examples() -> None:
    examples = build_examples(WORLD, "train", HistoryOptions(), limit=4, seed=2)
    sample = sample_examples(WORLD, "train", HistoryOptions(), n=2, limit=4, seed=2)
    assert sample.n_pairs == 4
    assert all(example in examples for example in sample.examples)


def test_rows_of_a_user_whose_history_does_not_change_have_one_history() -> None:
    rows = [("a", "x", 5.0, 1, "train"), ("a", "y", 4.0, 2, "test"), ("a", "z", 3.0, 3, "test")]
    fixed, growing = (
        sample_examples(prepared(*rows), "test", HistoryOptions(source=source), n=9)  # type: ignore[arg-type]
        for source in ("train", "prequential")
    )
    assert fixed.n_histories == {"user": (1, 1), "item": (2, 2)}
    assert growing.n_histories["user"] == (2, 2)


def test_later_rows_change_no_sample() -> None:
    later = prepared(
        *(line for line in ROWS if line[4] != "test"), ("b", "z", 1.0, 50, "test"), ("d", "x", 1.0, 60, "test")
    )
    before = sample_examples(WORLD, "valid", HistoryOptions(source="prequential"), n=9)
    assert sample_examples(later, "valid", HistoryOptions(source="prequential"), n=9) == before
