"""Finds the cells of a run that are finished, so that they are not computed again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from duetbench.errors import DuetbenchError, RecordError
from duetbench.runner.planning.cells import Cell

if TYPE_CHECKING:
    from duetbench.records import Record


class FinishedCells:
    """Checks whether cells are finished: each finished one, and the weights of each model, are read once."""

    def __init__(self) -> None:
        self._weights: dict[str, str | None] = {}
        self._finished: set[Path] = set()

    def contains(self, cell: Cell, path: Path) -> bool:
        """Whether a cell's folder holds a complete record and the predictions that it names."""
        if path not in self._finished and self._is_finished(cell, path):
            self._finished.add(path)
        return path in self._finished

    def _is_finished(self, cell: Cell, path: Path) -> bool:
        from duetbench.records import PREDICTIONS, RECORD, file_entry, read_record

        if not (path / RECORD).is_file():
            return False
        try:
            record = read_record(path)
        except RecordError:
            return False
        if not record.is_done or record.cell_id != cell.id:
            return False
        predictions = path / PREDICTIONS
        is_complete = predictions.is_file() and file_entry(predictions) == record.files.get(PREDICTIONS)
        return is_complete and self._has_same_weights(cell, record)

    def _has_same_weights(self, cell: Cell, record: Record) -> bool:
        """Whether the local weights are those of the record; True if there are none to compare, or a server's."""
        if cell.writing is None or cell.writing.training or record.model is None or not record.model.digest:
            return True
        digest = self._digest(cell.writing.model.name)
        return digest is None or digest == record.model.digest

    def _digest(self, model: str) -> str | None:
        """The digest of a model's weights on this machine; None if they are not here."""
        from duetbench.models import resolve

        if model not in self._weights:
            try:
                self._weights[model] = resolve(model, pull=False).digest
            except DuetbenchError:
                self._weights[model] = None
        return self._weights[model]
