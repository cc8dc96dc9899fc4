from __future__ import annotations

from fractions import Fraction

import pytest

from duetbench.errors import DataError
from duetbench.evaluation.audit.claims import ClaimCheck, check_bold, check_claims
from duetbench.evaluation.audit.printed import printed_number
from duetbench.evaluation.audit.published import PublishedClaim, PublishedRow, PublishedTable

NUMBERS = {("a", "x"): "61.00", ("a", "y"): "64.01", ("base", "x"): "50.00", ("base", "y"): "60.00"}


def _row(method: str, dataset: str, accuracy: str, *, bold: tuple[str, ...] = ()) -> PublishedRow:
    number = printed_number(accuracy, unit=Fraction(1, 100))
    return PublishedRow(dataset, method, {"accuracy": number, "mae": printed_number("0.5")}, bold=bold)


def _check(claim: PublishedClaim) -> ClaimCheck:
    rows = tuple(_row(method, dataset, text) for (method, dataset), text in NUMBERS.items())
    (check,) = check_claims(PublishedTable("t", rows, (claim,)))
    return check


@pytest.mark.parametrize(("value", "agrees"), [("62.50", True), ("62.51", True), ("62.49", False), ("62.5", True)])
def test_a_mean_agrees_if_some_unrounded_numbers_do(value: str, agrees: bool) -> None:
    """(61.00 + 64.01) / 2 = 62.505."""
    check = _check(PublishedClaim("mean", {"method": "a"}, metric="accuracy", value=value))
    assert check.agrees is agrees


def test_a_gain_is_paired_by_dataset() -> None:
    """(11.00 + 4.01) / 2 = 7.505."""
    claim = PublishedClaim("mean_gain", {"method": "a"}, metric="accuracy", baseline={"method": "base"}, value="8")
    assert _check(claim).agrees
    assert _check(claim).recomputed == "7.50"


def test_a_loss_has_a_sign() -> None:
    claim = PublishedClaim("mean_gain", {"method": "base"}, metric="accuracy", baseline={"method": "a"}, value="-7.5")
    assert _check(claim).agrees


def test_a_round_claim_says_its_step() -> None:
    claim = PublishedClaim("mean", {"method": "a"}, metric="accuracy", value="60", rounded_to="10")
    assert _check(claim).agrees
    assert _check(claim).claimed == "60 (rounded to 10)"


def test_a_claim_about_a_metric_without_numbers_is_an_error() -> None:
    with pytest.raises(DataError, match=r"claims\[0\]\.metric: row 'a / x' has no f1"):
        _check(PublishedClaim("mean", {"method": "a"}, metric="f1", value="1"))


def test_a_gain_needs_one_baseline_row_per_dataset() -> None:
    claim = PublishedClaim("mean_gain", {"method": "a"}, metric="mae", baseline={"dataset": "x"}, value="1")
    with pytest.raises(DataError, match="2 rows match on the dataset 'x'"):
        _check(claim)


def test_a_bold_number_must_be_the_best_of_its_dataset() -> None:
    rows = (_row("a", "x", "61.00", bold=("accuracy", "mae")), _row("b", "x", "61.01"), _row("c", "y", "99.00"))
    (fault,) = check_bold(PublishedTable("t", rows))  # equal MAE is not better
    assert (fault.metric, fault.better) == ("accuracy", ("b 61.01",))


def test_a_repeated_row_is_one_row_and_not_a_mixture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows of one method, of which each has one of the numbers."""
    own = _row("a", "x", "61.00")
    others = tuple(
        PublishedRow(
            "x",
            "o",
            {"accuracy": printed_number(accuracy, unit=Fraction(1, 100)), "mae": printed_number(mae)},
            backbone,
        )
        for accuracy, mae, backbone in (("61.00", "0.6", "p"), ("62.00", "0.5", "q"))
    )
    monkeypatch.setattr("duetbench.evaluation.audit.claims.load_published", lambda name: PublishedTable(name, others))
    claim = PublishedClaim("same_rows", {"method": "a"}, table="other")
    (check,) = check_claims(PublishedTable("t", (own,), (claim,)))
    assert not check.agrees
    assert check.recomputed == "of other: mae: o; accuracy: o"
