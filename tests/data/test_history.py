"""What a history holds, and what it never holds."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prepared_making import Line, prepared

from duetbench.config import build_config
from duetbench.data import HistoryOptions, Prepared, build_examples
from duetbench.types import Example

WORLD = prepared(
    ("a", "x", 5.0, 10, "train"),
    ("b", "x", 4.0, 10, "train"),
    ("a", "y", 3.0, 20, "train"),
    ("b", "y", 2.0, 20, "train"),
    ("c", "x", 1.0, 20, "train"),
    ("a", "z", 2.0, 30, "valid"),
    ("b", "z", 4.0, 40, "test"),
    ("c", "y", 5.0, 40, "test"),
)


def asked(world: Prepared, user: str, item: str, **options: object) -> Example:
    """The example of a pair."""
    chosen = HistoryOptions(**options)  # type: ignore[arg-type]
    examples = [one for split in ("train", "valid", "test") for one in build_examples(world, split, chosen)]
    return next(one for one in examples if (one.request.user_id, one.request.item.item_id) == (user, item))


def pairs(example: Example) -> tuple[list[str], list[str]]:
    """Items of the user's history, users of the item's."""
    request = example.request
    return [line.item.item_id for line in request.user_history], [line.user_id for line in request.item_history]


def test_histories_are_oldest_first() -> None:
    assert pairs(asked(WORLD, "c", "y")) == (["x"], ["a", "b"])


def test_train_alone_is_the_default_source() -> None:
    assert pairs(asked(WORLD, "b", "z")) == (["x", "y"], [])


@pytest.mark.parametrize("source", ["train+valid", "prequential"])
def test_validation_rows_can_be_known_at_test(source: str) -> None:
    assert pairs(asked(WORLD, "b", "z", source=source)) == (["x", "y"], ["a"])


def test_prequential_knows_earlier_test_rows() -> None:
    world = prepared(("a", "x", 5.0, 1, "train"), ("a", "y", 4.0, 2, "test"), ("a", "z", 3.0, 3, "test"))
    assert pairs(asked(world, "a", "z", source="prequential"))[0] == ["x", "y"]
    assert pairs(asked(world, "a", "z", source="train+valid"))[0] == ["x"]


def test_strict_ties_hide_the_same_time() -> None:
    assert pairs(asked(WORLD, "b", "y")) == (["x"], [])


def test_stable_ties_show_what_stands_earlier_in_the_file() -> None:
    assert pairs(asked(WORLD, "b", "y", tie="stable")) == (["x"], ["a"])


def test_only_the_last_k_are_kept() -> None:
    world = prepared(*[("a", f"i{day}", 3.0, day, "train") for day in range(30)])
    assert pairs(asked(world, "a", "i29", k=3))[0] == ["i26", "i27", "i28"]
    assert pairs(asked(world, "a", "i1", k=3))[0] == ["i0"]


def test_averages_over_all_reach_beyond_the_window() -> None:
    world = prepared(*[("a", f"i{day}", float(1 + day % 5), day, "train") for day in range(11)])
    assert asked(world, "a", "i10", k=2).request.user_average == 3.0


def test_averages_over_a_window() -> None:
    world = prepared(*[("a", f"i{day}", float(1 + day % 5), day, "train") for day in range(11)])
    assert asked(world, "a", "i10", average="window", average_k=2).request.user_average == 4.5


def test_no_history_means_no_average() -> None:
    request = asked(WORLD, "a", "x").request
    assert (request.user_average, request.item_average) == (None, None)
    assert asked(WORLD, "a", "x", average="window").request.user_average is None


AGAIN = prepared(
    ("a", "x", 1.0, 1, "train"), ("b", "x", 5.0, 2, "train"), ("a", "x", 2.0, 3, "train"), ("a", "y", 4.0, 4, "train"),
    ("a", "x", 3.0, 5, "test"),
)  # fmt: skip


def test_earlier_reviews_of_the_same_pair_are_in_neither_history() -> None:
    example = build_examples(AGAIN, "test", HistoryOptions())[0]
    assert pairs(example) == (["y"], ["b"])
    assert (example.request.user_average, example.request.item_average) == (4.0, 5.0)


def test_a_window_is_full_although_own_reviews_are_left_out() -> None:
    example = build_examples(AGAIN, "test", HistoryOptions(k=1))[0]
    assert pairs(example) == (["y"], ["b"])


def test_an_item_without_metadata_is_called_by_its_id() -> None:
    assert asked(WORLD, "c", "y").request.item.title == "y"


def test_a_sample_is_seeded_and_in_row_order() -> None:
    full = build_examples(WORLD, "train", HistoryOptions())
    some = build_examples(WORLD, "train", HistoryOptions(), limit=3, seed=1)
    assert some == build_examples(WORLD, "train", HistoryOptions(), limit=3, seed=1)
    assert [full.index(one) for one in some] == sorted(full.index(one) for one in some)
    assert len(some) == 3


def test_request_ids_name_split_and_row() -> None:
    assert [one.request.request_id for one in build_examples(WORLD, "test", HistoryOptions())] == ["test:6", "test:7"]


def test_an_empty_split_gives_no_examples() -> None:
    assert build_examples(prepared(("a", "x", 1.0, 1, "train")), "test", HistoryOptions()) == []


@pytest.mark.parametrize("options", [{"k": -1}, {"average_k": -1}, {"average": "window", "average_k": 9, "k": 5}])
def test_sizes_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
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
chosen = st.builds(
    HistoryOptions,
    source=st.sampled_from(["train", "train+valid", "prequential"]),
    tie=st.sampled_from(["strict", "stable"]),
    k=st.integers(0, 6),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(world=lines.map(lambda found: prepared(*found)), options=chosen)
def test_histories_equal_those_of_a_plain_loop(world: Prepared, options: HistoryOptions) -> None:
    allowed = {"train": ["train"], "train+valid": ["train", "valid"]}.get(options.source, ["train", "valid", "test"])
    rows = world.interactions.to_dicts()
    for split in ("train", "valid", "test"):
        targets = [at for at, row in enumerate(rows) if row["split"] == split]
        examples = build_examples(world, split, options)
        assert len(targets) == len(examples)
        for at, example in zip(targets, examples, strict=True):
            target = rows[at]
            before = [
                row
                for place, row in enumerate(rows)
                if row["split"] in allowed
                and (row["timestamp"] < target["timestamp"] if options.tie == "strict" else place < at)
                and (row["user_id"], row["item_id"]) != (target["user_id"], target["item_id"])
            ]
            mine = [row for row in before if row["user_id"] == target["user_id"]]
            theirs = [row for row in before if row["item_id"] == target["item_id"]]
            request = example.request
            keep = slice(-options.k, None) if options.k else slice(0)
            assert [line.review for line in request.user_history] == [row["review"] for row in mine[keep]]
            assert [line.review for line in request.item_history] == [row["review"] for row in theirs[keep]]
            assert request.user_average == pytest.approx(mean(mine))
            assert request.item_average == pytest.approx(mean(theirs))


@settings(max_examples=50, deadline=None)
@given(found=lines, tie=st.sampled_from(["strict", "stable"]))
def test_what_comes_later_changes_no_history(found: list[Line], tie: str) -> None:
    options = HistoryOptions(source="prequential", tie=tie)  # type: ignore[arg-type]
    cut = sorted(line[3] for line in found)[len(found) // 2]
    replaced = [line if line[3] <= cut else ("d", "w", 1.0, line[3], line[4]) for line in found]
    for split in ("train", "valid", "test"):
        early = [
            [one for one in build_examples(world, split, options) if one.request.asked_at <= cut]
            for world in (prepared(*found), prepared(*replaced))
        ]
        assert early[0] == early[1]


def test_a_test_row_carries_no_review_of_its_own() -> None:
    world = prepared(("a", "x", 5.0, 10, "train"), ("a", "y", 5.0, 20, "valid"), ("a", "z", 5.0, 30, "test"))
    reviews = [asked(world, "a", item).review for item in "xyz"]
    assert reviews == ["a/x/10", "a/y/20", ""]
