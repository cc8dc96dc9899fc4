"""Divides results into sections that can be ranked: same pairs of the same data, same scorer, same model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from duetbench.leaderboard.read_results import CellResult
from duetbench.leaderboard.row_attributes import RowAttributes, attributes_of, model_of, scorer_of


@dataclass(frozen=True)
class SectionKey:
    """Attributes that all ranked rows of a section share; empty where unknown, or mixed on request."""

    dataset: str
    split: str
    fingerprint: str
    pairs: str
    scorer: str
    model: str


@dataclass
class RowGroup:
    """The results of one row, which differ in nothing but their seed."""

    facts: RowAttributes
    results: list[CellResult] = field(default_factory=list)


@dataclass
class SectionResults:
    """The results of one section. Those without an LLM are in every section of their pairs."""

    key: SectionKey
    done: list[CellResult] = field(default_factory=list)
    failed: list[CellResult] = field(default_factory=list)

    @property
    def has_failed(self) -> bool:
        """Whether nothing finished, or of several rows only those without an LLM."""
        is_failed_with_llm = any(result.has_llm for result in self.failed)
        return not any(result.has_llm or not is_failed_with_llm for result in self.done)


def sections_of(results: Sequence[CellResult], mix: Collection[str] = ()) -> list[SectionResults]:
    """The sections in the order of their keys, those that failed last.

    Args:
        mix: Which of `scorer` and `model` may differ between the rows of a section.
    """
    sections: dict[SectionKey, SectionResults] = {}
    without_llm = [result for result in results if not result.has_llm]
    with_llm = [result for result in results if result.has_llm]
    for result in with_llm:
        if result.is_done:
            key = _key(result, mix)
            sections.setdefault(key, SectionResults(key)).done.append(result)
    for result in with_llm:
        if not result.is_done:
            for section in _sections_of_failed(result, sections, without_llm, mix):
                section.failed.append(result)
    for result in without_llm:
        _add_without_llm(result, sections)
    return [sections[key] for key in sorted(sections, key=lambda key: (sections[key].has_failed, _order(key)))]


def _key(result: CellResult, mix: Collection[str]) -> SectionKey:
    record = result.record
    return SectionKey(
        dataset=record.cell.dataset,
        split=record.cell.split,
        fingerprint=record.dataset.fingerprint if record.dataset else "",
        pairs=record.metrics.pairs if record.metrics else "",
        scorer="" if "scorer" in mix or not result.has_llm else scorer_of(record),
        model="" if "model" in mix or not result.has_llm else model_of(record),
    )


def _order(key: SectionKey) -> tuple[str, ...]:
    return (key.dataset, key.split, key.model, key.scorer, key.fingerprint, key.pairs)


def _pairs_spec(result: CellResult) -> tuple[object, ...]:
    """The settings that determine the pairs of a cell, for cells that failed before their digest was known."""
    cell = result.record.cell
    return (cell.dataset, cell.split, cell.limit)


def _sections_of_failed(
    result: CellResult,
    sections: dict[SectionKey, SectionResults],
    without_llm: Sequence[CellResult],
    mix: Collection[str],
) -> list[SectionResults]:
    """The sections that a failed result would belong to if it had finished; a new one if there is none."""
    own_key = _key(result, mix)
    fitting = [section for section in sections.values() if _would_fit(result, own_key, section)]
    if fitting:
        return fitting
    same_pairs = [other for other in without_llm if other.is_done and _pairs_spec(other) == _pairs_spec(result)]
    keys = [_key(other, ()) for other in same_pairs if _agrees(own_key.fingerprint, _key(other, ()).fingerprint)]
    known = keys[-1] if keys else own_key
    key = replace(own_key, fingerprint=known.fingerprint, pairs=known.pairs)
    return [sections.setdefault(key, SectionResults(key))]


def _would_fit(result: CellResult, key: SectionKey, section: SectionResults) -> bool:
    return (
        any(_pairs_spec(other) == _pairs_spec(result) for other in [*section.done, *section.failed])
        and section.key.scorer == key.scorer
        and (section.key.model == key.model or section.key.model.startswith(f"{key.model} "))
        and _agrees(key.fingerprint, section.key.fingerprint)
    )


def _agrees(fingerprint: str, other: str) -> bool:
    """Whether two fingerprints may be the same; an empty one is unknown."""
    return not fingerprint or not other or fingerprint == other


def _add_without_llm(result: CellResult, sections: dict[SectionKey, SectionResults]) -> None:
    key = _key(result, ())
    if result.is_done:
        fitting = [section for section in sections.values() if _has_same_pairs(section.key, key)]
    else:
        fitting = [
            section
            for section in sections.values()
            if any(_pairs_spec(other) == _pairs_spec(result) for other in [*section.done, *section.failed])
        ]
    for section in fitting or [sections.setdefault(key, SectionResults(key))]:
        (section.done if result.is_done else section.failed).append(result)


def _has_same_pairs(key: SectionKey, other: SectionKey) -> bool:
    return (key.dataset, key.split, key.fingerprint, key.pairs) == (
        other.dataset,
        other.split,
        other.fingerprint,
        other.pairs,
    )


def groups_of(results: Sequence[CellResult]) -> list[RowGroup]:
    """Results grouped by their attributes, so that the seeds of a row are together.

    Two results of one group with the same seed differ in something that no attribute shows: they become two rows.
    """
    groups: dict[tuple[tuple[str, str], ...], RowGroup] = {}
    for result in results:
        facts = attributes_of(result.record)
        groups.setdefault(tuple(sorted(facts.items())), RowGroup(facts)).results.append(result)
    return [row for group in groups.values() for row in _with_distinct_seeds(group)]


def _with_distinct_seeds(group: RowGroup) -> list[RowGroup]:
    seeds = [result.record.cell.seed for result in group.results]
    if len(set(seeds)) == len(seeds):
        group.results.sort(key=lambda result: result.record.cell.seed)
        return [group]
    return [RowGroup({**group.facts, "cell": result.record.cell_id[:8]}, [result]) for result in group.results]
