"""Rating scales."""

from __future__ import annotations

import pytest

from duetbench.scales import grid_of, label_text, mapped, nearest, parse_labels, scale_text, step_of

HALVES = (0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5)
TEN = tuple(range(1, 11))


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("5, 1,3,2,4", (1, 2, 3, 4, 5)),
        ("0.5:5:0.5", HALVES),
        ("1:10", TEN),
        ("0,1", (0, 1)),
        ("-1:1:0.5", (-1, -0.5, 0, 0.5, 1)),
        ("0:1:0.1", (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)),
    ],
)
def test_labels_are_parsed(text: str, labels: tuple[float, ...]) -> None:
    assert parse_labels(text) == labels
    assert all(isinstance(label, int) == float(label).is_integer() for label in parse_labels(text))


@pytest.mark.parametrize("text", ["1", "", "a,b", "5:1", "1:5:0", "1:5:0.3", "1:2:3:4", "0:1000", "nan,1", "1,inf"])
def test_what_is_no_scale_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_labels(text)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([5, 3, 1, 2], (1, 2, 3, 4, 5)),
        ([1, 3, 5], (1, 3, 5)),
        ([0.5, 4, 5], HALVES),
        ([0, 1], (0, 1)),
        ([0.1, 0.3], (0.1, 0.3)),
    ],
)
def test_the_scale_of_ratings_has_the_largest_step_that_reaches_all(values: list[float], labels: object) -> None:
    assert grid_of(values) == labels


@pytest.mark.parametrize("values", [[], [3], [1, 2, 352_698], [0.1, 0.1234, 0.2]])
def test_values_without_a_scale_are_an_error(values: list[float]) -> None:
    with pytest.raises(ValueError, match="labels"):
        grid_of(values)


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ((1, 2, 3, 4, 5), "1 to 5"),
        (HALVES, "0.5 to 5 in steps of 0.5"),
        ((0, 1), "0 to 1"),
        ((0, 10), "0 to 10 in steps of 10"),
        ((0, 4, 10), "0 to 10 (one of 0, 4, 10)"),
        ((0.5, 1.5), "0.5 to 1.5 in steps of 1"),
    ],
)
def test_a_scale_is_stated_with_decimals_only_where_they_exist(labels: tuple[float, ...], text: str) -> None:
    assert scale_text(labels) == text


def test_labels_have_no_scientific_notation() -> None:
    assert [label_text(label) for label in (1e-5, 100, -0.5, 0)] == ["0.00001", "100", "-0.5", "0"]


def test_steps_of_tenths_are_equal_in_spite_of_rounding() -> None:
    assert step_of((0.1, 0.2, 0.3, 0.4)) == 0.1
    assert step_of((0, 4, 10)) is None


def test_the_nearest_label_in_the_middle_is_the_upper_one() -> None:
    assert [nearest(value, HALVES) for value in (0, 2.24, 2.25, 9)] == [0.5, 2, 2.5, 5]
    assert nearest(0.15, (0.1, 0.2)) == 0.2


def test_a_rating_on_another_scale_comes_back_exactly() -> None:
    there = [mapped(label, TEN, (1, 2, 3, 4, 5)) for label in TEN]
    assert there[:3] == pytest.approx([1, 1 + 4 / 9, 1 + 8 / 9])
    assert [mapped(value, (1, 2, 3, 4, 5), TEN) for value in there] == list(TEN)
    assert [mapped(label, HALVES, TEN) for label in HALVES] == list(TEN)
