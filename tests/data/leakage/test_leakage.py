"""Each guard sees its planted violation, and none where there is none."""

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
from duetbench.data.leakage.probes import SeenText
from duetbench.data.leakage.prompts import BANNED_FIELDS
from duetbench.errors import DataError
from duetbench.types import Example, Interaction, Request

_WORDS = [f"{first}{last}" for first in ("ba", "ke", "lo", "mi", "tu") for last in ("ran", "sel", "tor", "vin", "zum")]


def world(*more: Any) -> Prepared:
    """Four users, four items, one row a day, reviews of twenty words; the last rows are validation and test."""
    drawn = Random(1)
    pairs = [(user, item) for user in "abcd" for item in "wxyz"]
    drawn.shuffle(pairs)
    splits = ["train"] * 10 + ["valid"] * 3 + ["test"] * 3
    lines = [(*pair, float(1 + day % 5), day + 1, splits[day]) for day, pair in enumerate(pairs)]
    made = prepared(*lines, *more)
    reviews = [" ".join(drawn.choice(_WORDS) for _ in range(20)) for _ in range(made.interactions.height)]
    return made.with_interactions(made.interactions.with_columns(pl.Series("review", reviews)))


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


def honest(example: Example) -> str:
    """A prompt that shows all that may be shown."""
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


def test_honest_data_examples_and_prompts_pass() -> None:
    assert check_tables(WORLD) == []
    for source in ("train", "train+valid", "prequential"):
        options = HistoryOptions(source=source)  # type: ignore[arg-type]
        examples = [one for split in ("train", "valid", "test") for one in build_examples(WORLD, split, options)]
        assert check_examples(WORLD, examples, options) == []
        assert check_prompts(WORLD, [prompt(honest(one), one) for one in examples], options) == []


# Guard 1: nothing from then or later.


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
    assert guards(check_prompts(WORLD, [prompt(f"{honest(TEST[0])}\n{text}")], OPTIONS)) == {"future"}


def test_words_of_validation_rows_are_found_if_histories_are_of_train() -> None:
    valid = build_examples(WORLD, "valid", OPTIONS)[0].request
    text = row_of(valid.request_id)["review"]
    assert guards(check_prompts(WORLD, [prompt(text)], OPTIONS)) == {"future"}
    assert check_prompts(WORLD, [prompt(text)], HistoryOptions(source="train+valid")) == []


# Guard 2: no other row of the same pair.


def test_a_pair_that_stands_there_twice_is_found() -> None:
    again = world(("a", "w", 3.0, 99, "test"))
    assert guards(check_tables(again)) == {"same_pair"}


def test_an_earlier_row_of_the_pair_is_found_in_a_history() -> None:
    request = TEST[0].request
    line = Interaction(request.user_id, request.item, 5.0, 1, "earlier")
    assert "same_pair" in guards(check_examples(WORLD, changed(TEST[0], user_history=(line,)), OPTIONS))


def test_an_earlier_row_of_the_pair_is_found_in_a_prompt() -> None:
    last = TEST[-1].request
    again = world((last.user_id, last.item.item_id, 3.0, 99, "test"))
    rows = again.interactions.filter(user_id=last.user_id, item_id=last.item.item_id).to_dicts()
    asked = LoggedPrompt("log line 1", rows[0]["review"], (f"test:{rows[1]['row']}",))
    assert guards(check_prompts(again, [asked], HistoryOptions(source="prequential"))) == {"same_pair"}


# Guard 3: an item's history without the user.


def test_the_user_in_the_item_history_is_found() -> None:
    request = TEST[0].request
    line = Interaction(request.user_id, request.item, 5.0, 1, "mine")
    assert "own_item_history" in guards(check_examples(WORLD, changed(TEST[0], item_history=(line,)), OPTIONS))


# Guard 4: the target's own words.


@pytest.mark.parametrize("cut", [slice(None), slice(0, 60), slice(50, None)], ids=["whole", "beginning", "end"])
def test_the_target_review_is_found_in_a_prompt(cut: slice) -> None:
    review = row_of(TEST[0].request.request_id)["review"][cut]
    assert guards(check_prompts(WORLD, [prompt(f"He wrote:\n<<{review.upper()}>>")], OPTIONS)) == {"target_text"}


def test_the_target_summary_is_found_in_a_prompt() -> None:
    row = row_of(TEST[0].request.request_id)
    summary = (
        pl.when(pl.col("row") == row["row"]).then(pl.lit("A very fine work")).otherwise("summary").alias("summary")
    )
    told = WORLD.with_interactions(WORLD.interactions.with_columns(summary))
    assert guards(check_prompts(told, [prompt("Headline: a very fine work!")], OPTIONS)) == {"target_text"}


def test_words_that_an_earlier_review_shares_are_no_leak() -> None:
    row, seen = row_of(TEST[0].request.request_id), TEST[0].request.user_history[0].review
    same = pl.when(pl.col("row") == row["row"]).then(pl.lit(seen)).otherwise("review").alias("review")
    shared = WORLD.with_interactions(WORLD.interactions.with_columns(same))
    assert check_prompts(shared, [prompt(honest(TEST[0]))], OPTIONS) == []


def test_words_of_the_template_are_no_leak() -> None:
    row = row_of(TEST[0].request.request_id)
    said = (
        pl.when(pl.col("row") == row["row"]).then(pl.lit("how would you rate this")).otherwise("review").alias("review")
    )
    odd = WORLD.with_interactions(WORLD.interactions.with_columns(said))
    asked = [prompt("How would you rate this?", one) for one in TEST * 5]
    assert check_prompts(odd, asked, OPTIONS) == []


def test_a_title_in_a_template_is_no_leak() -> None:
    row, title = row_of(TEST[0].request.request_id), "the rise and the fall of it"
    said = f"this album {title} is what I had hoped for"
    review = pl.when(pl.col("row") == row["row"]).then(pl.lit(said)).otherwise("review").alias("review")
    odd = WORLD.with_interactions(WORLD.interactions.with_columns(review))
    odd.__dict__["items"] = pl.DataFrame(
        {"item_id": [row["item_id"]], "title": [title], "categories": [["Rock"]], "description": [""]}
    )
    assert check_prompts(odd, [prompt(f"Rate this album: {title}. Is it good?")], OPTIONS) == []
    assert guards(check_prompts(odd, [prompt(f"Rate it. {said}")], OPTIONS)) == {"target_text"}


def test_a_prompt_without_requests_may_show_nothing_held_out() -> None:
    review = row_of(TEST[0].request.request_id)["review"]
    assert guards(check_prompts(WORLD, [LoggedPrompt("log line 1", review)], OPTIONS)) == {"future"}
    seen = TEST[0].request.user_history[0].review
    assert check_prompts(WORLD, [LoggedPrompt("log line 1", seen)], OPTIONS) == []


# Guard 5: fields that change with time.


@pytest.mark.parametrize("field", BANNED_FIELDS)
def test_a_banned_field_is_found_in_a_prompt(field: str) -> None:
    assert guards(check_prompts(WORLD, [prompt(f'{{"{field}": 4.5}}')], OPTIONS)) == {"banned_field"}


def test_a_strange_column_is_found_in_a_table() -> None:
    planted = WORLD.with_interactions(WORLD.interactions.with_columns(pl.lit(4.5).alias("stars_y")))
    assert guards(check_tables(planted)) == {"banned_field"}


# Guard 6: keys.


def test_a_key_with_two_texts_is_found() -> None:
    asked = [prompt("one", key="k"), prompt("two", key="k"), prompt("three", key="other")]
    assert guards(check_prompts(WORLD, asked, OPTIONS)) == {"shared_key"}


# Guard 7: the label.


@pytest.mark.parametrize(
    "words", ["The true rating is {}", "actual rating: {}", "ground-truth score = {}.0", "gold label {}"]
)
def test_a_told_label_is_found(words: str) -> None:
    text = words.format(int(TEST[0].rating))
    assert guards(check_prompts(WORLD, [prompt(text)], OPTIONS)) == {"told_label"}


def test_distilling_from_test_rows_is_found_and_from_train_rows_is_not() -> None:
    train = build_examples(WORLD, "train", OPTIONS)[0]
    text = f"The true rating is {train.rating:g}"
    assert check_prompts(WORLD, [prompt(text, train, purpose="distill")], OPTIONS) == []
    assert guards(check_prompts(WORLD, [prompt("x", purpose="distill")], OPTIONS)) == {"told_label"}


# Guards 8 and 9: which rows choose and train.


def test_choosing_on_test_rows_is_found() -> None:
    valid = build_examples(WORLD, "valid", OPTIONS)[0]
    assert check_prompts(WORLD, [prompt("x", valid, purpose="select")], OPTIONS) == []
    assert guards(check_prompts(WORLD, [prompt("x", purpose="select")], OPTIONS)) == {"selected_on_test"}


@pytest.mark.parametrize("split", ["valid", "test"])
def test_training_outside_train_is_found(split: Any) -> None:
    example = build_examples(WORLD, split, OPTIONS)[0]
    assert guards(check_prompts(WORLD, [prompt("x", example, purpose="train")], OPTIONS)) == {"trained_outside_train"}


# The probes.


def show_history(requests: Sequence[Request]) -> list[SeenText]:
    """A strategy that shows what it is given."""
    return [SeenText(honest(Example(request, 0.0)), (position,)) for position, request in enumerate(requests)]


@pytest.mark.parametrize("source", ["train", "train+valid", "prequential"])
def test_no_canary_reaches_an_honest_strategy(source: Any) -> None:
    assert canary_probe(WORLD, HistoryOptions(source=source), "test", show_history) == []


def test_a_canary_of_the_target_is_found() -> None:
    def ask(requests: Sequence[Request]) -> list[SeenText]:
        words = [f"canary{request.request_id.partition(':')[2]}x" for request in requests]
        return [SeenText(word, (at,)) for at, word in enumerate(words)]

    found = canary_probe(WORLD, HistoryOptions(source="prequential"), "test", ask)
    assert guards(found) == {"canary"}
    assert len(found) == 3


def test_a_canary_of_another_split_is_found() -> None:
    def ask(requests: Sequence[Request]) -> list[SeenText]:
        valid = build_examples(WORLD, "valid", OPTIONS)[0].request.request_id
        return [SeenText(f"canary{valid.partition(':')[2]}x", (at,)) for at, _ in enumerate(requests)]

    assert guards(canary_probe(WORLD, OPTIONS, "test", ask)) == {"canary"}
    assert canary_probe(WORLD, HistoryOptions(source="train+valid"), "test", ask) == []


@pytest.mark.parametrize("tie", ["strict", "stable"])
@pytest.mark.parametrize("source", ["train", "train+valid", "prequential"])
@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_the_future_changes_no_honest_prompt(source: Any, tie: Any, split: Any) -> None:
    assert future_probe(WORLD, HistoryOptions(source=source, tie=tie), split, show_history) == []


def test_a_prompt_that_changes_with_the_future_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaky(data: Prepared, split: Any, options: HistoryOptions) -> list[Example]:
        """Histories that end with the very row that is asked about."""
        rows = {f"{row['split']}:{row['row']}": row for row in data.interactions.to_dicts()}
        examples = build_examples(data, split, options)
        targets = [line_of(rows[one.request.request_id], one) for one in examples]
        return [changed(one, user_history=(line,))[0] for one, line in zip(examples, targets, strict=True)]

    monkeypatch.setattr("duetbench.data.leakage.probes.build_examples", leaky)
    assert guards(future_probe(WORLD, OPTIONS, "test", show_history)) == {"changed_by_the_future"}


def test_a_split_without_rows_cannot_be_probed() -> None:
    empty = prepared(("a", "x", 1.0, 1, "train"))
    for probe in (canary_probe, future_probe):
        with pytest.raises(DataError, match="no test rows"):
            probe(empty, OPTIONS, "test", show_history)


# Logs.


def test_logs_of_many_shapes_are_read(tmp_path: Path) -> None:
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
def test_a_line_that_is_no_prompt_is_named(tmp_path: Path, line: str) -> None:
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
    assert [(one.text, one.requests, one.purpose) for one in read_log(tmp_path)] == [("hello", ("test:4",), "evaluate")]


def test_a_request_of_other_data_is_named() -> None:
    with pytest.raises(DataError, match="test:999 is not in this data"):
        check_prompts(WORLD, [LoggedPrompt("log line 1", "x", ("test:999",))], OPTIONS)


def test_every_guard_has_a_violation_planted_here() -> None:
    source = Path(__file__).read_text()
    assert all(f'"{guard}"' in source for guard in GUARDS)
