from pathlib import Path

import pytest
from log_making import add_logs
from record_making import make_cell

from duetbench.errors import RecordError, UnknownName, UsageError
from duetbench.inspection import PairSelection, read_pairs, select_pairs
from duetbench.inspection.pairs import with_exchanges
from duetbench.records import ANSWERS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_cell(tmp_path, "cell", [5, 4, 3, 2], [4.5, 1.0, None, 2.0])


def _ids(folder: Path, selection: PairSelection) -> list[str]:
    return [pair.request_id for pair in select_pairs(read_pairs(folder), selection)]


def test_the_worst_are_those_of_the_largest_errors(folder: Path) -> None:
    assert _ids(folder, PairSelection(worst=2)) == ["test:1", "test:0"]


def test_pairs_of_a_status(folder: Path) -> None:
    assert _ids(folder, PairSelection(status="unreadable")) == ["test:2"]


def test_pairs_by_id_are_in_the_order_given_and_once(folder: Path) -> None:
    assert _ids(folder, PairSelection(ids=("test:3", "test:0", "test:3"))) == ["test:3", "test:0"]


def test_an_absent_status_names_those_that_occur(folder: Path) -> None:
    with pytest.raises(UsageError, match="3 ok, 1 unreadable"):
        _ids(folder, PairSelection(status="refused"))


@pytest.mark.parametrize("selection", [{"ids": ("test:99",)}, {"status": "nonsense"}])
def test_unknown_names_are_errors(folder: Path, selection: dict) -> None:
    with pytest.raises(UnknownName):
        _ids(folder, PairSelection(**selection))


def test_two_ways_to_choose_are_an_error() -> None:
    with pytest.raises(UsageError, match="give one"):
        PairSelection(worst=3, status="ok")


def test_nothing_readable_has_no_worst_pair(tmp_path: Path) -> None:
    folder = make_cell(tmp_path, "cell", [5, 4], [None, None])
    with pytest.raises(UsageError, match="--status"):
        _ids(folder, PairSelection(worst=1))


def test_exchanges_and_profiles_are_those_of_the_pair(folder: Path) -> None:
    add_logs(folder)
    first, other = with_exchanges(folder, read_pairs(folder)[:2])
    assert [exchange.side for exchange in first.exchanges] == ["user", "item", ""]
    assert first.exchanges[0].turns[0].content == "5 stars: great funk rock."
    assert first.exchanges[0].n_pairs == 2
    assert first.exchanges[2].label_probabilities[0] == pytest.approx(0.36788, abs=1e-5)
    assert (first.profile("item"), first.profiles[0].notes) == ("A funk rock album with polish.", {"cue": "genres"})
    assert [exchange.phase for exchange in other.exchanges] == ["profiles", "profiles"]
    assert other.profiles == ()


def test_a_cell_without_a_model_has_no_exchanges(folder: Path) -> None:
    assert with_exchanges(folder, read_pairs(folder))[0].exchanges == ()


def test_a_damaged_log_is_an_error(folder: Path) -> None:
    add_logs(folder)
    (folder / ANSWERS).write_text("{broken", encoding="utf-8")
    with pytest.raises(RecordError, match="run the cell again"):
        with_exchanges(folder, read_pairs(folder)[:1])
