"""Whether every cell of a run's plan has its own record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from duetbench.documents.json_text import load_json
from duetbench.errors import DocumentError
from duetbench.records import RECORD, JsonValue

PLAN = "plan.json"


def plan_differences(run: Path, contents: Mapping[Path, Mapping[str, JsonValue]]) -> list[str]:
    """One line for each planned cell without its record.

    Args:
        run: The folder of a run, or one that holds runs. A folder without a plan, such as that of a single cell, has no
            differences.
        contents: The records of all cells by folder, as JSON values.
    """
    plans = [path for path in (run / PLAN, *sorted(run.glob(f"*/{PLAN}"))) if path.is_file()]
    return [line for path in plans for line in _differences(path, contents)]


def _differences(path: Path, contents: Mapping[Path, Mapping[str, JsonValue]]) -> list[str]:
    try:
        planned = {path.parent / str(cell["folder"]): str(cell["id"]) for cell in load_json(path)["cells"]}
    except (OSError, DocumentError, KeyError, TypeError) as error:
        return [f"{path} cannot be read: {' '.join(str(error).split()) or type(error).__name__}"]
    return [line for folder, cell_id in planned.items() if (line := _difference(folder, cell_id, contents.get(folder)))]


def _difference(folder: Path, cell_id: str, content: Mapping[str, JsonValue] | None) -> str | None:
    if content is None:
        is_there = (folder / RECORD).is_file()
        return None if is_there else f"{folder}: planned, but it has no record: not computed yet, or removed"
    if content["cell_id"] != cell_id:
        return f"{folder}: replaced: the plan has cell {cell_id[:8]} there, the record is of {content['cell_id'][:8]}"
    return None
