from pathlib import Path

import pytest

from duetbench.errors import RecordError, UnknownName, UsageError
from duetbench.runs.cells import find_cell


@pytest.fixture(autouse=True)
def _in_parent(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parent.parent)


def test_a_cell_is_found_by_its_folder_or_its_name(run: Path) -> None:
    assert find_cell(str(run / "cells" / "a")).record.cell_id == "a"
    assert find_cell("a").folder == Path("runs/mine/cells/a")


def test_a_run_with_several_cells_lists_them(run: Path) -> None:
    with pytest.raises(UsageError, match=r"2 cells: name one of .*cells/a, .*cells/b"):
        find_cell(str(run))


def test_an_unknown_cell_is_an_error() -> None:
    with pytest.raises(UnknownName, match="Known: a, b, c"):
        find_cell("zzz")


def test_a_failed_cell_has_nothing_to_inspect(run: Path) -> None:
    with pytest.raises(RecordError, match="no predictions: it broke"):
        find_cell(str(run / "cells" / "c"))
