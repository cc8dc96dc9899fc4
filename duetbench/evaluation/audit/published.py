"""Published tables: rows as printed, their source, and the claims made about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from duetbench.documents.schemas import schema_validator, shortened
from duetbench.errors import DataError, UnknownName
from duetbench.escaping import one_line
from duetbench.evaluation.audit.printed import PrintedNumber, printed_number
from duetbench.evaluation.audit.reading import read_values
from duetbench.paths import registry_dir

LOWER_IS_BETTER = {"mae": True, "rmse": True, "accuracy": False, "f1": False}
"""The metrics of a table, in the order in which they are printed."""

SHARES = ("accuracy", "f1")
"""Metrics that have a unit, percent or fraction."""

MAX_FAULTS = 20
"""Faults that an error lists; the rest is counted."""


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One result of a table."""

    dataset: str
    method: str
    metrics: Mapping[str, PrintedNumber]
    """By metric; accuracy and F1 as fractions. `f1` may be absent."""
    backbone: str = ""
    n: int | None = None
    bold: tuple[str, ...] = ()
    """Metrics that the table marks as best."""

    @property
    def title(self) -> str:
        """Backbone, method and dataset, which identify the row."""
        return " / ".join(part for part in (self.backbone, self.method, self.dataset) if part)

    def matches(self, selection: Mapping[str, str]) -> bool:
        """Whether the row has all values of a selection."""
        return all(getattr(self, name) == value for name, value in selection.items())


@dataclass(frozen=True, slots=True)
class PublishedClaim:
    """A statement about the rows of a table; the kinds are described in the schema."""

    kind: Literal["mean", "mean_gain", "same_rows"]
    rows: Mapping[str, str]
    text: str = ""
    metric: str = ""
    baseline: Mapping[str, str] = field(default_factory=dict)
    value: str = ""
    rounded_to: str = ""
    table: str = ""


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A table with everything that its file says about it."""

    name: str
    rows: tuple[PublishedRow, ...]
    claims: tuple[PublishedClaim, ...] = ()
    unit: Literal["percent", "fraction"] = "percent"
    summary: str = ""
    source: Mapping[str, str] = field(default_factory=dict)
    test_sizes: Mapping[str, int] = field(default_factory=dict)
    """Number of test rows that the paper reports, by dataset."""

    def select(self, selection: Mapping[str, str]) -> list[PublishedRow]:
        """The rows with these values, in the order of the table."""
        return [row for row in self.rows if row.matches(selection)]


def published_names() -> list[str]:
    """The tables that ship with the package, sorted."""
    return sorted(path.stem for path in registry_dir("published").glob("*.yaml"))


def load_published(name: str) -> PublishedTable:
    """The table of a shipped name, or of a file.

    Args:
        name: One of `published_names`, or the path of a YAML or CSV file.

    Raises:
        UnknownName: neither a shipped table nor a path.
        DataError: the file cannot be read or does not match the schema; the message lists the faults with their paths.
    """
    if name in published_names():
        return _load(registry_dir("published", f"{name}.yaml"))
    path = Path(name)
    if not path.suffix and not path.exists():
        raise UnknownName("published table", name, published_names(), note="Also: the path of a .yaml or .csv file.")
    return _load(path)


def _load(path: Path) -> PublishedTable:
    body = read_values(path)
    _refuse(path, list(_schema_faults(body)))
    unit = body.get("unit", "percent")
    rows = tuple(_row(entry, unit) for entry in body["rows"])
    table = PublishedTable(
        name=path.stem,
        rows=rows,
        claims=tuple(PublishedClaim(**claim) for claim in body.get("claims", [])),
        unit=unit,
        summary=body.get("summary", ""),
        source=body.get("source", {}),
        test_sizes={dataset: int(size) for dataset, size in body.get("test_sizes", {}).items()},
    )
    _refuse(path, list(_value_faults(table)))
    return table


def _row(entry: Mapping[str, Any], unit: str) -> PublishedRow:
    percent = Fraction(1, 100 if unit == "percent" else 1)
    return PublishedRow(
        dataset=entry["dataset"],
        method=entry["method"],
        metrics={
            metric: printed_number(entry[metric], unit=percent if metric in SHARES else Fraction(1))
            for metric in LOWER_IS_BETTER
            if metric in entry
        },
        backbone=entry.get("backbone", ""),
        n=int(entry["n"]) if "n" in entry else None,
        bold=tuple(entry.get("bold", ())),
    )


def _value_faults(table: PublishedTable) -> Iterator[str]:
    seen: set[str] = set()
    for position, row in enumerate(table.rows):
        for metric in SHARES:
            if metric in row.metrics and row.metrics[metric].value > 1:
                yield f"rows[{position}].{metric}: {row.metrics[metric].text} is above 1 in the unit {table.unit}"
        yield from (f"rows[{position}].bold: {metric} is not given" for metric in row.bold if metric not in row.metrics)
        if row.title in seen:
            yield f"rows[{position}]: a second row {row.title!r}"
        seen.add(row.title)
    accuracies = [row.metrics["accuracy"] for row in table.rows]
    looks_fractional = all(0 < number.value <= Fraction(1, 100) for number in accuracies)
    if len(accuracies) > 1 and table.unit == "percent" and looks_fractional:
        yield "unit: no accuracy is above 1 percent; if they are fractions, set `unit: fraction` (in YAML)"
    yield from _dangling(table)


def _dangling(table: PublishedTable) -> Iterator[str]:
    for position, claim in enumerate(table.claims):
        for name, selection in (("rows", claim.rows), ("baseline", claim.baseline)):
            if selection and not table.select(selection):
                yield f"claims[{position}].{name}: no row has {', '.join(f'{k}={v!r}' for k, v in selection.items())}"
        if claim.table and claim.table not in published_names():
            yield f"claims[{position}].table: no shipped table {claim.table!r}; known: {', '.join(published_names())}"
    datasets = {row.dataset for row in table.rows}
    yield from (f"test_sizes.{name}: no row of this dataset" for name in table.test_sizes if name not in datasets)


def _schema_faults(body: Any) -> Iterator[str]:
    faults = schema_validator("published").iter_errors(body)
    for fault in sorted(faults, key=lambda fault: [(isinstance(p, str), p) for p in fault.absolute_path]):
        parts = fault.absolute_path
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{one_line(str(part))}" for part in parts)
        yield f"{path.lstrip('.') or 'file'}: {shortened(fault.message)}"


def _refuse(path: Path, faults: list[str]) -> None:
    if faults:
        more = f"; and {len(faults) - MAX_FAULTS:,} more" if len(faults) > MAX_FAULTS else ""
        listed = "; ".join(faults[:MAX_FAULTS])
        raise DataError(f"{path.name} does not match registry/schemas/published.schema.json: {listed}{more}")
