"""Which results may stand in one ranking: same pairs of the same data, same scorer, same model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from duetbench.leaderboard.facts import RowAttributes, attributes_of, model_of, scorer_of
from duetbench.leaderboard.reading import CellResult


@dataclass(frozen=True)
class SectionKey:
    """What all ranked rows of a section share; an empty text is not known, or mixed on purpose."""

    dataset: str
    split: str
    fingerprint: str
    pairs: str
    scorer: str
    model: str


@dataclass
class RowGroup:
    """One row to be: results that differ in nothing but their seed."""

    facts: RowAttributes
    results: list[CellResult] = field(default_factory=list)


@dataclass
class SectionResults:
    """The results of one section; the rows without an LLM stand in every section of their pairs."""

    key: SectionKey
    done: list[CellResult] = field(default_factory=list)
    failed: list[CellResult] = field(default_factory=list)


def sections_of(results: Sequence[CellResult], mix: Collection[str] = ()) -> list[SectionResults]:
    """The sections in the order of their keys.

    Args:
        mix: `scorer` and `model` may be left out of what the rows of a section share.
    """
    sections: dict[SectionKey, SectionResults] = {}
    free = [result for result in results if not result.has_llm]
    asked = [result for result in results if result.has_llm]
    for result in asked:
        if result.is_done:
            key = _key(result, mix)
            sections.setdefault(key, SectionResults(key)).done.append(result)
    for result in asked:
        if not result.is_done:
            for section in _places(result, sections, free, mix):
                section.failed.append(result)
    for result in free:
        _add_free(result, sections)
    return [sections[key] for key in sorted(sections, key=_order)]


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


def _asked(result: CellResult) -> tuple[object, ...]:
    """What stands in for the digest of the pairs where a cell failed before it had any."""
    cell = result.record.cell
    return (cell.dataset, cell.split, cell.limit)


def _places(
    result: CellResult, sections: dict[SectionKey, SectionResults], free: Sequence[CellResult], mix: Collection[str]
) -> list[SectionResults]:
    """The sections where a failed result would have stood; a new one if there is none."""
    wanted = _key(result, mix)
    found = [section for section in sections.values() if _would_fit(result, wanted, section)]
    if found:
        return found
    beside = [other for other in free if other.is_done and _asked(other) == _asked(result)]
    near = [_key(other, ()) for other in beside if _agrees(wanted.fingerprint, _key(other, ()).fingerprint)]
    known = near[-1] if near else wanted
    key = SectionKey(wanted.dataset, wanted.split, known.fingerprint, known.pairs, wanted.scorer, wanted.model)
    return [sections.setdefault(key, SectionResults(key))]


def _would_fit(result: CellResult, wanted: SectionKey, section: SectionResults) -> bool:
    return (
        any(_asked(other) == _asked(result) for other in [*section.done, *section.failed])
        and section.key.scorer == wanted.scorer
        and (section.key.model == wanted.model or section.key.model.startswith(f"{wanted.model} "))
        and _agrees(wanted.fingerprint, section.key.fingerprint)
    )


def _agrees(one: str, other: str) -> bool:
    return not one or not other or one == other


def _add_free(result: CellResult, sections: dict[SectionKey, SectionResults]) -> None:
    key = _key(result, ())
    if result.is_done:
        places = [section for section in sections.values() if _same_pairs(section.key, key)]
    else:
        places = [
            section
            for section in sections.values()
            if any(_asked(other) == _asked(result) for other in [*section.done, *section.failed])
        ]
    for section in places or [sections.setdefault(key, SectionResults(key))]:
        (section.done if result.is_done else section.failed).append(result)


def _same_pairs(one: SectionKey, other: SectionKey) -> bool:
    return (one.dataset, one.split, one.fingerprint, one.pairs) == (
        other.dataset,
        other.split,
        other.fingerprint,
        other.pairs,
    )


def groups_of(results: Sequence[CellResult]) -> list[RowGroup]:
    """Results by what they are, seeds together. Two of one seed were not told apart by their facts: they stay apart."""
    groups: dict[tuple[tuple[str, str], ...], RowGroup] = {}
    for result in results:
        facts = attributes_of(result.record)
        groups.setdefault(tuple(sorted(facts.items())), RowGroup(facts)).results.append(result)
    return [part for group in groups.values() for part in _without_twins(group)]


def _without_twins(group: RowGroup) -> list[RowGroup]:
    seeds = [result.record.cell.seed for result in group.results]
    if len(set(seeds)) == len(seeds):
        group.results.sort(key=lambda result: result.record.cell.seed)
        return [group]
    return [RowGroup({**group.facts, "cell": result.record.cell_id[:8]}, [result]) for result in group.results]
