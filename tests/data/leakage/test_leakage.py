"""Each guard reports its planted violation, and nothing in valid data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from prepared_making import prepared

from duetbench.data import HistoryOptions, Prepared, build_examples
from duetbench.data.leakage import (
    GUARDS,
    LoggedPrompt,
    canary_probe,
    check_examples,
    check_prompts,
    check_tables,
    future_probe,
    read_log,
)
from duetbench.data.leakage.probes import ObservedText
from duetbench.data.leakage.prompts import BANNED_FIELDS
from duetbench.errors import DataError
from duetbench.types import Example, Interaction, Request

_WORDS = [f"{first}{last}" for first in ("ba", "ke", "lo", "mi", "tu") for last in ("ran", "sel", "tor", "vin", "zum")]


def world(*more: Any) -> Prepared:
    """Four users, four items, one row per day, reviews of twenty words; the last rows are validation and test."""
    rng = Random(1)
    pairs = [(user, item) for user in "abcd" for item in "wxyz"]
    rng.shuffle(pairs)
    splits = ["train"] * 10 + ["valid"] * 3 + ["test"] * 3
    lines = [(*pair, float(1 + day % 5), day + 1, splits[day]) for day, pair in enumerate(pairs)]
    dataset = prepared(*lines, *more)
    reviews = [" ".join(rng.choice(_WORDS) for _ in range(20)) for _ in range(dataset.interactions.height)]
    return dataset.with_interactions(dataset.interactions.with_columns(pl.Series("review", reviews)))


WORLD = world()
OPTIONS = HistoryOptions()
TEST = build_examples(WORLD, "test", OPTIONS)


def guards(findings: Sequence[Any]) -> set[str]:
    return {finding.guard for finding in findings}


def row_of(request_id: str) -> dict[str, Any]:
    row = int(request_id.partition(":")[2])
    return WORLD.interactions.filter(pl.col("row") == row).to_dicts()[0]


def prompt(text: str, example: Example = TEST[0], **other: Any) -> LoggedPrompt:
    return replace(LoggedPrompt("log line 1", text, (example.request.request_id,)), **other)


def valid_text(example: Example) -> str:
    """A prompt with everything that it may contain."""
    request = example.request
    lines = [
        f"{line.item.title} {line.rating}: {line.review}" for line in (*request.user_history, *request.item_history)
    ]
    return "\n".join([f"How does {request.user_id} rate {request.item.title}?", *lines])


def changed(example: Example, **parts: Any) -> list[Example]:
    return [replace(example, request=replace(example.request, **parts))]


def line_of(row: dict[str, Any], example: Example) -> Interaction:
    item = replace(example.request.item, item_id=row["item_id"])
    return Interaction(row["user_id"], item, row["rating"], row["timestamp"], row["review"], row["summary"])


def test_valid_data_examples_and_prompts_pass() -> None:
    assert check_tables(WORLD) == []
    for source in ("train", "train+valid", "train+test", "prequential"):
        options = HistoryOptions(source=source)  # type: ignore[arg-type]
        examples = [
            example for split in ("train", "valid", "test") for example in build_examples(WORLD, split, options)
        ]
        assert check_examples(WORLD, examples, options) == []
        assert check_prompts(WORLD, [prompt(valid_text(example), example) for example in examples], options) == []


# Guard 1: no simultaneous or later interactions.


def test_a_history_line_from_the_future_is_found() -> None:
    later = WORLD.interactions.filter(pl.col("timestamp") >= TEST[0].request.asked_at).to_dicts()[-1]
    planted = changed(TEST[0], user_history=(line_of(later, TEST[0]),))
    assert "future" in guards(check_examples(WORLD, planted, OPTIONS))


def test_a_history_line_of_another_split_is_found() -> None:
    options = HistoryOptions(source="train+valid")
    assert "future" in guards(check_examples(WORLD, build_examples(WORLD, "test", options), OPTIONS))


def test_an_average_over_the_future_is_found() -> None:
    planted = changed(TEST[0], user_average=(TEST[0].request.user_average or 0) + 0.5)
    assert guards(check_examples(WORLD, planted, OPTIONS)) == {"future"}


def test_words_from_the_future_are_found_in_a_prompt() -> None:
    later = build_examples(WORLD, "test", OPTIONS)[2].request
    text = row_of(later.request_id)["review"]
    assert guards(check_prompts(WORLD, [prompt(f"{valid_text(TEST[0])}\n{text}")], OPTIONS)) == {"future"}


def test_words_of_validation_rows_are_found_if_histories_come_from_train() -> None:
    valid = build_examples(WORLD, "valid", OPTIONS)[0].request
    text = row_of(valid.request_id)["review"]
    assert guards(check_prompts(WORLD, [prompt(text)], OPTIONS)) == {"future"}
    assert check_prompts(WORLD, [prompt(text)], HistoryOptions(source="train+valid")) == []


# With `train+test`, as in the authors' code: earlier test rows for test requests only.

AUTHORS = HistoryOptions(source="train+test")


def test_validation_rows_are_found_in_the_authors_histories() -> None:
    planted = build_examples(WORLD, "test", HistoryOptions(source="prequential"))
    assert "future" in guards(check_examples(WORLD, planted, AUTHORS))
    valid = row_of(build_examples(WORLD, "valid", OPTIONS)[0].request.request_id)
    assert guards(check_prompts(WORLD, [prompt(valid["review"], TEST[2])], AUTHORS)) == {"future"}


def test_an_earlier_test_row_is_allowed_for_a_test_request_and_a_simultaneous_one_is_found() -> None:
    earlier, target = row_of(TEST[0].request.request_id), TEST[2]
    assert check_prompts(WORLD, [prompt(earlier["review"], target)], AUTHORS) == []
    assert guards(check_prompts(WORLD, [prompt(earlier["review"], target)], OPTIONS)) == {"future"}
    at_once = WORLD.with_interactions(WORLD.interactions.with_columns(timestamp=pl.lit(1)))
    assert guards(check_prompts(at_once, [prompt(earlier["review"], target)], AUTHORS)) == {"future"}


@pytest.mark.parametrize("split", ["train", "valid"])
def test_a_test_row_is_found_in_a_training_or_validation_history_though_it_is_earlier(
    split: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The splits are reversed in time, as they can be between users if each user's last row is the test row."""
    reversed_time = WORLD.interactions.with_columns(timestamp=100 - pl.col("timestamp")).sort("timestamp")
    data = WORLD.with_interactions(reversed_time)
    everything = ("train", "valid", "test")
    with monkeypatch.context() as patch:
        patch.setattr("duetbench.data.history.source_splits", lambda _source, _split: everything)
        planted = build_examples(data, split, AUTHORS)
    assert "future" in guards(check_examples(data, planted, AUTHORS))
    assert check_examples(data, build_examples(data, split, AUTHORS), AUTHORS) == []
    assert future_probe(data, AUTHORS, split, use_histories) == []
    test_row = reversed_time.filter(pl.col("split") == "test").to_dicts()[0]
    assert guards(check_prompts(data, [prompt(test_row["review"], planted[-1])], AUTHORS)) == {"future"}


# Guard 2: no other row of the same pair.


def test_a_repeated_pair_is_found() -> None:
    repeated = world(("a", "w", 3.0, 99, "test"))
    assert guards(check_tables(repeated)) == {"same_pair"}


def test_an_earlier_row_of_the_pair_is_found_in_a_history() -> None:
    request = TEST[0].request
    line = Interaction(request.user_id, request.item, 5.0, 1, "earlier")
    assert "same_pair" in guards(check_examples(WORLD, changed(TEST[0], user_history=(line,)), OPTIONS))


def test_an_earlier_row_of_the_pair_is_found_in_a_prompt() -> None:
    last = TEST[-1].request
    repeated = world((last.user_id, last.item.item_id, 3.0, 99, "test"))
    rows = repeated.interactions.filter(user_id=last.user_id, item_id=last.item.item_id).to_dicts()
    logged = LoggedPrompt("log line 1", rows[0]["review"], (f"test:{rows[1]['row']}",))
    assert guards(check_prompts(repeated, [logged], HistoryOptions(source="prequential"))) == {"same_pair"}


# Guard 3: the item's history without the user.


def test_the_user_in_the_item_history_is_found() -> None:
    request = TEST[0].request
    line = Interaction(request.user_id, request.item, 5.0, 1, "mine")
    assert "own_item_history" in guards(check_examples(WORLD, changed(TEST[0], item_history=(line,)), OPTIONS))


# Guard 4: the target's own text.


@pytest.mark.parametrize("cut", [slice(None), slice(0, 60), slice(50, None)], ids=["complete", "beginning", "end"])
def test_the_target_review_is_found_in_a_prompt(cut: slice) -> None:
    review = row_of(TEST[0].request.request_id)["review"][cut]
    assert guards(check_prompts(WORLD, [prompt(f"He wrote:\n<<{review.upper()}>>")], OPTIONS)) == {"target_text"}


def test_the_target_summary_is_found_in_a_prompt() -> None:
    row = row_of(TEST[0].request.request_id)
    summary = (
        pl.when(pl.col("row") == row["row"]).then(pl.lit("A very fine work")).otherwise("summary").alias("summary")
    )
    changed_world = WORLD.with_interactions(WORLD.interactions.with_columns(summary))
    assert guards(check_prompts(changed_world, [prompt("Headline: a very fine work!")], OPTIONS)) == {"target_text"}


def test_words_of_a_visible_review_are_not_a_leak() -> None:
    row, earlier = row_of(TEST[0].request.request_id), TEST[0].request.user_history[0].review
    same = pl.when(pl.col("row") == row["row"]).then(pl.lit(earlier)).otherwise("review").alias("review")
    shared = WORLD.with_interactions(WORLD.interactions.with_columns(same))
    assert check_prompts(shared, [prompt(valid_text(TEST[0]))], OPTIONS) == []


def test_words_of_the_template_are_not_a_leak() -> None:
    row = row_of(TEST[0].request.request_id)
    review = (
        pl.when(pl.col("row") == row["row"]).then(pl.lit("how would you rate this")).otherwise("review").alias("review")
    )
    changed_world = WORLD.with_interactions(WORLD.interactions.with_columns(review))
    prompts = [prompt("How would you rate this?", example) for example in TEST * 5]
    assert check_prompts(changed_world, prompts, OPTIONS) == []


def test_a_title_in_a_template_is_not_a_leak() -> None:
    row, title = row_of(TEST[0].request.request_id), "the rise and the fall of it"
    text = f"this album {title} is what I had hoped for"
    review = pl.when(pl.col("row") == row["row"]).then(pl.lit(text)).otherwise("review").alias("review")
    changed_world = WORLD.with_interactions(WORLD.interactions.with_columns(review))
    changed_world.__dict__["items"] = pl.DataFrame(
        {"item_id": [row["item_id"]], "title": [title], "categories": [["Rock"]], "description": [""]}
    )
    assert check_prompts(changed_world, [prompt(f"Rate this album: {title}. Is it good?")], OPTIONS) == []
    assert guards(check_prompts(changed_world, [prompt(f"Rate it. {text}")], OPTIONS)) == {"target_text"}


def test_a_prompt_without_requests_must_not_contain_held_out_text() -> None:
    review = row_of(TEST[0].request.request_id)["review"]
    assert guards(check_prompts(WORLD, [LoggedPrompt("log line 1", review)], OPTIONS)) == {"future"}
    visible = TEST[0].request.user_history[0].review
    assert check_prompts(WORLD, [LoggedPrompt("log line 1", visible)], OPTIONS) == []


# Guard 5: fields that change with time.


@pytest.mark.parametrize("field", BANNED_FIELDS)
def test_a_banned_field_is_found_in_a_prompt(field: str) -> None:
    assert guards(check_prompts(WORLD, [prompt(f'{{"{field}": 4.5}}')], OPTIONS)) == {"banned_field"}


def test_an_unknown_column_is_found_in_a_table() -> None:
    planted = WORLD.with_interactions(WORLD.interactions.with_columns(pl.lit(4.5).alias("stars_y")))
    assert guards(check_tables(planted)) == {"banned_field"}


# Guard 6: keys.


def test_a_key_with_two_texts_is_found() -> None:
    prompts = [prompt("one", key="k"), prompt("two", key="k"), prompt("three", key="other")]
    assert guards(check_prompts(WORLD, prompts, OPTIONS)) == {"shared_key"}


# Guard 7: the label.


@pytest.mark.parametrize(
    "words", ["The true rating is {}", "actual rating: {}", "ground-truth score = {}.0", "gold label {}"]
)
def test_a_revealed_label_is_found(words: str) -> None:
    text = words.format(int(TEST[0].rating))
    assert guards(check_prompts(WORLD, [prompt(text)], OPTIONS)) == {"revealed_label"}


def test_distilling_from_test_rows_is_found_and_from_train_rows_is_not() -> None:
    train = build_examples(WORLD, "train", OPTIONS)[0]
    text = f"The true rating is {train.rating:g}"
    assert check_prompts(WORLD, [prompt(text, train, purpose="distill")], OPTIONS) == []
    assert guards(check_prompts(WORLD, [prompt("x", purpose="distill")], OPTIONS)) == {"revealed_label"}


# Guards 8 and 9: rows for selection and training.


def test_selecting_on_test_rows_is_found() -> None:
    valid = build_examples(WORLD, "valid", OPTIONS)[0]
    assert check_prompts(WORLD, [prompt("x", valid, purpose="select")], OPTIONS) == []
    assert guards(check_prompts(WORLD, [prompt("x", purpose="select")], OPTIONS)) == {"selected_on_test"}


@pytest.mark.parametrize("split", ["valid", "test"])
def test_training_outside_train_is_found(split: Any) -> None:
    example = build_examples(WORLD, split, OPTIONS)[0]
    assert guards(check_prompts(WORLD, [prompt("x", example, purpose="train")], OPTIONS)) == {"trained_outside_train"}


# The probes.


def use_histories(requests: Sequence[Request]) -> list[ObservedText]:
    """A strategy whose prompts contain the complete histories."""
    return [ObservedText(valid_text(Example(request, 0.0)), (position,)) for position, request in enumerate(requests)]


@pytest.mark.parametrize("source", ["train", "train+valid", "train+test", "prequential"])
def test_no_canary_reaches_a_valid_strategy(source: Any) -> None:
    assert canary_probe(WORLD, HistoryOptions(source=source), "test", use_histories) == []


def overlapping() -> Prepared:
    """Test rows are the earliest: each source could hand them to requests of training and validation."""
    first = {"test": 0, "valid": 1, "train": 2}
    rows = WORLD.interactions.with_columns(pl.col("split").replace_strict(first, return_dtype=pl.Int64).alias("order"))
    ordered = rows.sort("order", "timestamp").with_columns(timestamp=pl.int_range(1, pl.len() + 1).cast(pl.Int64))
    return WORLD.with_interactions(ordered.drop("order"))


@pytest.mark.parametrize("split", ["train", "valid"])
@pytest.mark.parametrize("source", ["train", "train+valid", "train+test", "prequential"])
def test_earlier_rows_of_later_splits_reach_no_prompt(source: Any, split: Any) -> None:
    options = HistoryOptions(source=source)
    assert canary_probe(overlapping(), options, split, use_histories) == []
    assert future_probe(overlapping(), options, split, use_histories) == []
    assert check_examples(overlapping(), build_examples(overlapping(), split, options), options) == []


@pytest.mark.parametrize("split", ["train", "valid"])
def test_earlier_rows_of_later_splits_are_found(split: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    options = HistoryOptions(source="prequential")
    everything = ("train", "valid", "test")
    monkeypatch.setattr("duetbench.data.history.source_splits", lambda _source, _split: everything)
    assert guards(canary_probe(overlapping(), options, split, use_histories)) == {"canary"}
    assert guards(future_probe(overlapping(), options, split, use_histories)) == {"depends_on_future"}
    assert check_examples(overlapping(), build_examples(overlapping(), split, options), options) != []


def test_a_canary_of_the_target_is_found() -> None:
    def collect(requests: Sequence[Request]) -> list[ObservedText]:
        words = [f"canary{request.request_id.partition(':')[2]}x" for request in requests]
        return [ObservedText(word, (position,)) for position, word in enumerate(words)]

    findings = canary_probe(WORLD, HistoryOptions(source="prequential"), "test", collect)
    assert guards(findings) == {"canary"}
    assert len(findings) == 3


def test_a_canary_of_another_split_is_found() -> None:
    def collect(requests: Sequence[Request]) -> list[ObservedText]:
        valid = build_examples(WORLD, "valid", OPTIONS)[0].request.request_id
        word = f"canary{valid.partition(':')[2]}x"
        return [ObservedText(word, (position,)) for position, _ in enumerate(requests)]

    assert guards(canary_probe(WORLD, OPTIONS, "test", collect)) == {"canary"}
    assert canary_probe(WORLD, HistoryOptions(source="train+valid"), "test", collect) == []


@pytest.mark.parametrize("tie", ["strict", "stable"])
@pytest.mark.parametrize("source", ["train", "train+valid", "train+test", "prequential"])
@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_the_future_changes_no_valid_prompt(source: Any, tie: Any, split: Any) -> None:
    assert future_probe(WORLD, HistoryOptions(source=source, tie=tie), split, use_histories) == []


def test_a_prompt_that_changes_with_the_future_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaky(data: Prepared, split: Any, options: HistoryOptions) -> list[Example]:
        """Examples whose user history is the target itself."""
        rows = {f"{row['split']}:{row['row']}": row for row in data.interactions.to_dicts()}
        examples = build_examples(data, split, options)
        targets = [line_of(rows[example.request.request_id], example) for example in examples]
        return [changed(example, user_history=(line,))[0] for example, line in zip(examples, targets, strict=True)]

    monkeypatch.setattr("duetbench.data.leakage.probes.build_examples", leaky)
    assert guards(future_probe(WORLD, OPTIONS, "test", use_histories)) == {"depends_on_future"}


def test_a_split_without_rows_cannot_be_probed() -> None:
    empty = prepared(("a", "x", 1.0, 1, "train"))
    for probe in (canary_probe, future_probe):
        with pytest.raises(DataError, match="no test rows"):
            probe(empty, OPTIONS, "test", use_histories)


# Logs.


def test_logs_of_all_forms_are_read(tmp_path: Path) -> None:
    lines = [
        {"text": "one", "request_id": "test:1"},
        {
            "messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}],
            "requests": ["test:1", "test:2"],
        },
        {"text": "three", "key": "k", "purpose": "train", "requests": ["train:3"]},
    ]
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    assert read_log(path) == [
        LoggedPrompt("log.jsonl line 1", "one", ("test:1",)),
        LoggedPrompt("log.jsonl line 2", "a\nb", ("test:1", "test:2")),
        LoggedPrompt("log.jsonl line 3", "three", ("train:3",), "k", "train"),
    ]


@pytest.mark.parametrize("line", ["not json", "[1]", '{"prompt": "x"}', '{"text": "x", "purpose": "guess"}'])
def test_a_line_that_is_not_a_prompt_is_an_error(tmp_path: Path, line: str) -> None:
    (tmp_path / "log.jsonl").write_text('{"text": "fine"}\n' + line)
    with pytest.raises(DataError, match=r"log.jsonl line 2"):
        read_log(tmp_path / "log.jsonl")


def test_the_folder_of_a_cell_is_a_log(tmp_path: Path) -> None:
    turns = json.dumps([{"role": "user", "content": "hello"}])
    pl.DataFrame({"phase": ["profiles"], "key": ["k"], "turns": [turns], "prefill": [""]}).write_parquet(
        tmp_path / "prompts.parquet"
    )
    answer = {"phase": "profiles", "key": "k", "requests": ["test:4"]}
    (tmp_path / "answers.jsonl").write_text(json.dumps(answer) + "\n" + json.dumps(answer) + "\n")
    assert [(logged.text, logged.requests, logged.purpose) for logged in read_log(tmp_path)] == [
        ("hello", ("test:4",), "evaluate")
    ]


def test_a_request_of_other_data_is_an_error() -> None:
    with pytest.raises(DataError, match="test:999 is not in this data"):
        check_prompts(WORLD, [LoggedPrompt("log line 1", "x", ("test:999",))], OPTIONS)


def test_every_guard_has_a_violation_planted_here() -> None:
    source = Path(__file__).read_text()
    assert all(f'"{guard}"' in source for guard in GUARDS)
