"""The paper's Tables 1 to 3: transcription, and what the audit finds in them."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import pytest

from duetbench.evaluation.audit import audit_table, load_published, published_names
from duetbench.evaluation.audit.report import TableAudit

METRICS = ("mae", "rmse", "accuracy", "f1")
SUMS = {  # of the columns, added up from the paper and not from our files
    "duet-table1": (
        ("Yelp", "10.4714 17.9336 691.05 633.38"),
        ("Amazon Music", "8.5294 13.8889 791.42 795.44"),
        ("Amazon Books", "9.1362 14.4448 765.37 784.71"),
    ),
    "duet-table2": (
        ("Yelp", "3.0664 5.2480 195.71 179.35"),
        ("Amazon Music", "2.5344 4.1700 224.80 223.48"),
        ("Amazon Books", "2.7079 4.4193 217.58 219.02"),
    ),
    "duet-table3": (
        ("Yelp", "1.5022 2.8018 185.64 167.23"),
        ("Amazon Music", "1.1744 2.2601 204.06 191.88"),
        ("Amazon Books", "1.3773 2.7180 194.13 178.76"),
    ),
}


@lru_cache(maxsize=3)
def _audit(name: str) -> TableAudit:
    return audit_table(load_published(name))


def _impossible(hypothesis: str) -> list[str]:
    """Rows of Table 1 that the hypothesis cannot explain."""
    rows = _audit("duet-table1").rows
    return [f"{row.backbone} / {row.method} / {row.dataset}" for row in rows if row.shares[hypothesis] is None]


def test_every_shipped_table_is_checked_here() -> None:
    assert published_names() == sorted(SUMS)


@pytest.mark.parametrize(
    ("name", "dataset", "sums"), [(name, *each) for name, columns in SUMS.items() for each in columns]
)
def test_columns_add_up_to_those_of_the_paper(name: str, dataset: str, sums: str) -> None:
    rows = load_published(name).select({"dataset": dataset})
    added = [sum(Fraction(row.metrics[metric].text) for row in rows) for metric in METRICS]
    assert added == [Fraction(text) for text in sums.split()]


@pytest.mark.parametrize(("name", "n_rows"), [("duet-table1", 42), ("duet-table2", 12), ("duet-table3", 9)])
def test_errors_have_four_decimals_and_shares_two(name: str, n_rows: int) -> None:
    rows = load_published(name).rows
    assert len(rows) == n_rows
    for row in rows:
        assert [len(row.metrics[metric].text.partition(".")[2]) for metric in METRICS] == [4, 4, 2, 2]


@pytest.mark.parametrize("name", sorted(SUMS))
def test_a_shipped_table_names_its_source(name: str) -> None:
    source = load_published(name).source
    assert source["table"] == name[-1]
    assert {"paper", "section", "url", "retrieved"} <= set(source)


def test_no_single_convention_explains_table_1() -> None:
    assert _audit("duet-table1").n_feasible == {
        "integer_exact": 20,
        "integer_failures_as_0": 23,
        "integer_failures_skipped": 26,
        "fractional_exact": 35,
        "fractional_failures_as_0": 35,
        "fractional_rounded": 40,
        "fractional_rounded_failures_skipped": 42,
    }


def test_rounding_explains_all_of_table_1_but_yelp_10h() -> None:
    assert _impossible("fractional_rounded") == ["Qwen 3 (8B) / 10H / Yelp", "LLaMA 3 (8B) / 10H / Yelp"]


def test_exact_equality_cannot_explain_r4rec_with_llama() -> None:
    assert _impossible("fractional_exact") == [
        "Qwen 3 (8B) / KAR / Amazon Music",
        "Qwen 3 (8B) / RLMRec / Amazon Music",
        "LLaMA 3 (8B) / PALR / Amazon Books",
        "LLaMA 3 (8B) / LG / Amazon Books",
        *(f"LLaMA 3 (8B) / R4Rec / {dataset}" for dataset in ("Yelp", "Amazon Music", "Amazon Books")),
    ]


def test_averages_in_the_text_are_recomputed() -> None:
    checks = [(check.claimed, check.recomputed, check.agrees) for check in _audit("duet-table1").claims[:3]]
    assert checks == [
        ("64.52", "64.52", True),
        ("60.80", "59.45", False),
        ("30 (rounded to 10)", "31.17", True),
    ]


def test_duets_row_mixes_two_rows_of_table_3() -> None:
    yelp, music, books = _audit("duet-table1").claims[3:]
    assert (yelp.agrees, yelp.recomputed) == (True, "equals 10H+30P")
    assert not music.agrees
    assert "mae: 10H+70P; rmse: 10H+70P; accuracy: 10H+30P; f1: 10H+30P" in music.recomputed
    assert "mae: 10H+30P; rmse: 10H+30P; accuracy: 10H+70P; f1: 10H+70P" in books.recomputed


def test_the_ablation_repeats_table_1_and_its_gains_are_points() -> None:
    claims = _audit("duet-table2").claims
    assert len(claims) == 9
    assert all(claim.agrees for claim in claims)


def test_bold_numbers_that_are_not_the_best() -> None:
    assert [(fault.printed, fault.better) for fault in _audit("duet-table1").bold] == [
        ("59.27", ("LG 60.57",)),
        ("0.8277", ("R4Rec 0.7722",)),
        ("0.9500", ("LG 0.7967", "R4Rec 0.8345", "PALR 0.8855", "RLMRec 0.9477")),
        ("58.12", ("LG 60.39", "KAR 58.21")),
    ]


def test_reported_test_sizes_do_not_fit_the_accuracies() -> None:
    sizes = {size.dataset: size for size in _audit("duet-table1").sizes}
    assert {name: (size.reported, size.n_fitting_reported) for name, size in sizes.items()} == {
        "Yelp": (4328, 8),
        "Amazon Music": (1296, 1),
        "Amazon Books": (5541, 8),
    }
    assert not any(size.is_identified for size in sizes.values())
