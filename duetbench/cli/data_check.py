"""What `duetbench data check` does."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from duetbench.cli.context import Settings
    from duetbench.data import HistoryOptions, Prepared
    from duetbench.data.leakage import LeakageFinding
    from duetbench.interfaces import Scorer, Strategy

_SHOWN = 10
_BY_DATA = ("future", "same_pair", "own_item_history", "banned_field")
_BY_STRATEGY = ("canary", "changed_by_the_future")
_PROBED = 50


def check_command(settings: Settings, chosen: dict[str, Any]) -> None:
    """Runs the guards that apply, prints what each found, and fails if any found something.

    Raises:
        DataError: there is a leak.
    """
    from duetbench.cli.data import history_options, prepared_dataset
    from duetbench.errors import DataError

    prepared, _ = prepared_dataset(settings, chosen)
    options = history_options(chosen)
    checked: list[str] = []
    findings = _on_data(prepared, options, chosen, checked)
    findings += _on_logs(prepared, options, chosen, checked)
    findings += _on_strategies(settings, prepared, options, chosen, checked)
    _print(settings, findings, _run(chosen))
    click.echo(f"checked: {', '.join(checked)}")
    for finding in findings[:_SHOWN]:
        click.echo(str(finding), err=True)
    if findings:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        raise DataError(f"{prepared.name}: leak found: {findings[0]}{more}")


def _on_data(
    prepared: Prepared, options: HistoryOptions, chosen: dict[str, Any], checked: list[str]
) -> list[LeakageFinding]:
    from duetbench.data import build_examples
    from duetbench.data.leakage import check_examples, check_tables

    examples = build_examples(prepared, chosen["split"], options, limit=chosen["limit"])
    checked += [f"{prepared.interactions.height:,} interactions", f"{len(examples):,} {chosen['split']} examples"]
    return [*check_tables(prepared), *check_examples(prepared, examples, options)]


def _on_logs(
    prepared: Prepared, options: HistoryOptions, chosen: dict[str, Any], checked: list[str]
) -> list[LeakageFinding]:
    from duetbench.data.leakage import check_prompts, read_log
    from duetbench.errors import DataError

    prompts = [prompt for path in chosen["prompts"] for prompt in read_log(path)]
    if not prompts:
        if chosen["prompts"]:
            raise DataError(f"no prompt stands in {', '.join(map(str, chosen['prompts']))}: nothing could be checked")
        return []
    nameless = sum(not prompt.requests for prompt in prompts)
    checked.append(
        f"{len(prompts):,} logged prompts" + (f" ({nameless:,} of them name no request)" if nameless else "")
    )
    return check_prompts(prepared, prompts, options)


def _on_strategies(
    settings: Settings, prepared: Prepared, options: HistoryOptions, chosen: dict[str, Any], checked: list[str]
) -> list[LeakageFinding]:
    from duetbench.data.leakage import canary_probe, future_probe
    from duetbench.testing.probes import prompt_probe

    findings: list[LeakageFinding] = []
    limit = min(chosen["limit"], _PROBED)
    for name in chosen["strategies"]:
        strategy: Strategy = _plugin(settings, "strategy", name, chosen)
        scorer: Scorer = _plugin(settings, "scorer", chosen["scorer"], chosen)
        ask = prompt_probe(strategy, scorer)
        with settings.progress_console.status(f"probing {name}"):
            findings += canary_probe(prepared, options, chosen["split"], ask, limit=limit)
            findings += future_probe(prepared, options, chosen["split"], ask, limit=limit)
        checked.append(f"strategy {name}")
    return findings


def _plugin(settings: Settings, kind: Any, name: str, chosen: dict[str, Any]) -> Any:
    from duetbench.cli.data import build, section

    cls = settings.plugins.get(kind, name).cls
    others = (chosen["dataset"], "history", chosen["scorer"], *chosen["strategies"])
    return cls(build(cls.Config, section(chosen["set_"], name, also=others), name))


def _run(chosen: dict[str, Any]) -> set[str]:
    """The guards that had something to look at."""
    from duetbench.data.leakage import GUARDS

    on_logs = set(GUARDS) - {"own_item_history", *_BY_STRATEGY}
    return {*_BY_DATA, *(on_logs if chosen["prompts"] else ()), *(_BY_STRATEGY if chosen["strategies"] else ())}


def _print(settings: Settings, findings: list[LeakageFinding], run: set[str]) -> None:
    from duetbench.cli.data_tables import print_table
    from duetbench.data.leakage import GUARDS

    counts = Counter(finding.guard for finding in findings)
    rows = [
        (guard, f"{counts[guard]:,}" if counts[guard] else "none" if guard in run else "not checked", meaning)
        for guard, meaning in GUARDS.items()
    ]
    print_table(settings, ("guard", "violations", "what it demands"), rows, n_words=3)
