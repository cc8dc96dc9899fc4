import numpy as np
import pytest

from duetbench.errors import ConfigError
from duetbench.evaluation.conventions import as_classes, fill_name, for_error, rounded
from duetbench.types import Domain

STARS = Domain("album", "albums")
LABELS = STARS.labels


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [("half_up", [1, 2, 3, 3, 5, 5]), ("bankers", [1, 2, 2, 3, 4, 5]), ("floor", [1, 1, 2, 3, 4, 5])],
)
def test_roundings_differ_in_the_middle_between_two_labels(rounding: str, expected: list[int]) -> None:
    values = np.array([0.2, 1.5, 2.5, 3.0, 4.5, 7.0])
    assert rounded(values, LABELS, rounding).tolist() == expected


def test_values_off_the_scale_are_clipped_to_its_ends() -> None:
    assert rounded(np.array([-1.0, 0.0, 9.0]), LABELS, "half_up").tolist() == [1, 1, 5]


def test_a_scale_with_gaps_rounds_to_its_own_labels() -> None:
    assert rounded(np.array([1.9, 2.1, 7.0]), (0, 4, 10), "half_up").tolist() == [0, 4, 10]


HALVES = Domain("film", "films", (0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5))


@pytest.mark.parametrize(
    ("rounding", "expected"), [("half_up", [1, 2, 5]), ("bankers", [1, 2, 5]), ("floor", [0.5, 1.5, 4.5])]
)
def test_half_stars_round_to_half_stars(rounding: str, expected: list[float]) -> None:
    assert rounded(np.array([0.75, 1.75, 4.8]), HALVES.labels, rounding).tolist() == expected


def test_bankers_rounding_takes_the_label_at_an_even_number_of_steps_from_0() -> None:
    assert rounded(np.array([1.25, 1.75, 2.25]), HALVES.labels, "bankers").tolist() == [1, 2, 2]
    assert rounded(np.array([0.5, 1.5, 2.5]), (0, 1, 2, 3), "bankers").tolist() == [0, 2, 2]


def test_the_middle_of_two_tenths_is_a_middle_in_spite_of_rounding() -> None:
    assert rounded(np.array([0.15, 0.35]), (0.1, 0.2, 0.3, 0.4), "half_up").tolist() == [0.2, 0.4]


def test_buckets_of_other_scales_are_the_sentiments_of_their_labels() -> None:
    assert as_classes(np.array([2.0, 2.2, 2.3, 3.2, 3.3]), HALVES, "bucket3").tolist() == [-1, -1, 0, 0, 1]
    ten = Domain("film", "films", tuple(range(1, 11)))
    assert as_classes(np.array(ten.labels, dtype=float), ten, "bucket3").tolist() == [-1] * 4 + [0] * 2 + [1] * 4
    assert as_classes(np.array([0.2, 0.5]), Domain("film", "films", (0, 1)), "bucket3").tolist() == [-1, 1]


def test_raw_errors_keep_values_off_the_scale_and_clipped_ones_do_not() -> None:
    values = np.array([5.7, 3.3])
    assert for_error(values, STARS, "raw").tolist() == [5.7, 3.3]
    assert for_error(values, STARS, "clipped").tolist() == [5.0, 3.3]
    assert for_error(values, STARS, "rounded_floor").tolist() == [5.0, 3.0]


def test_three_buckets_split_at_the_middle_of_the_scale() -> None:
    assert as_classes(np.array([1.0, 2.4, 2.5, 3.4, 3.5, 5.0]), STARS, "bucket3").tolist() == [-1, -1, 0, 0, 1, 1]


def test_a_number_is_a_constant_fill() -> None:
    assert fill_name(3.0) == fill_name("constant:3") == "constant:3"
    assert fill_name("worst") == "worst"


def test_an_unknown_fill_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"must be one of train_mean, .* or constant:X, got 'best'"):
        fill_name("best")
