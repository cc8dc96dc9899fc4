"""Runs the leakage checks for `duetbench data check`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from duetbench.cli.data.arguments import build_options, history_options, prepare_dataset, select_options
from duetbench.cli.data.tables import print_warnings
from duetbench.cli.output import echo
from duetbench.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from duetbench.cli.context import Settings
    from duetbench.data import HistoryOptions, Prepared
    from duetbench.data.leakage import LeakageFinding
    from duetbench.interfaces import Control, Scorer, Strategy

_MAX_PRINTED = 10
_DATA_GUARDS = ("future", "same_pair", "own_item_history", "banned_field")
_STRATEGY_GUARDS = ("canary", "depends_on_future")
_TIME_GUARDS = ("future", "canary", "depends_on_future")
_MAX_PROBED = 50


def check_command(settings: Settings, arguments: dict[str, Any]) -> None:
    """Runs the checks that apply and prints the number of violations of each.

    Raises:
        DataError: there is a leak.
    """
    from duetbench.errors import DataError

    prepared, _ = prepare_dataset(settings, arguments)
    options = history_options(arguments)
    checked: list[str] = []
    findings = _check_data(prepared, options, arguments, checked)
    findings += _check_logs(prepared, options, arguments, checked)
    findings += _probe_strategies(settings, prepared, options, arguments, checked)
    _print(settings, findings, _applied_guards(arguments), prepared)
    print_warnings(prepared)
    echo(f"checked: {', '.join(checked)}")
    for finding in findings[:_MAX_PRINTED]:
        echo(str(finding), err=True)
    if findings:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        raise DataError(f"{prepared.name}: leak found: {findings[0]}{more}")


def _check_data(
    prepared: Prepared, options: HistoryOptions, arguments: dict[str, Any], checked: list[str]
) -> list[LeakageFinding]:
    from duetbench.data import build_examples
    from duetbench.data.leakage import check_examples, check_tables

    examples = build_examples(prepared, arguments["split"], options, limit=arguments["limit"])
    checked += [f"{prepared.interactions.height:,} interactions", f"{len(examples):,} {arguments['split']} examples"]
    return [*check_tables(prepared), *check_examples(prepared, examples, options)]


def _check_logs(
    prepared: Prepared, options: HistoryOptions, arguments: dict[str, Any], checked: list[str]
) -> list[LeakageFinding]:
    from duetbench.data.leakage import check_prompts, read_log
    from duetbench.errors import DataError

    prompts = [prompt for path in arguments["prompts"] for prompt in read_log(path)]
    if not prompts:
        if arguments["prompts"]:
            raise DataError(f"no prompts in {', '.join(map(str, arguments['prompts']))}: nothing could be checked")
        return []
    n_without = sum(not prompt.requests for prompt in prompts)
    checked.append(
        f"{len(prompts):,} logged prompts" + (f" ({n_without:,} of them without requests)" if n_without else "")
    )
    return check_prompts(prepared, prompts, options)


def _probe_strategies(
    settings: Settings, prepared: Prepared, options: HistoryOptions, arguments: dict[str, Any], checked: list[str]
) -> list[LeakageFinding]:
    from duetbench.data.leakage import canary_probe, future_probe
    from duetbench.testing.probes import prompt_probe

    findings: list[LeakageFinding] = []
    limit = min(arguments["limit"], _MAX_PROBED)
    if arguments["controls"] and not arguments["strategies"]:
        raise UsageError("--control is probed with a strategy: add --strategy NAME")
    for name in arguments["strategies"]:
        strategy: Strategy = _plugin(settings, "strategy", name, arguments)
        scorer: Scorer = _plugin(settings, "scorer", arguments["scorer"], arguments)
        controls = [_control(settings, control, strategy, scorer, arguments) for control in arguments["controls"]]
        collect = prompt_probe(strategy, scorer, controls=controls)
        with settings.progress_console.status(f"probing {name}"):
            findings += canary_probe(prepared, options, arguments["split"], collect, limit=limit)
            findings += future_probe(prepared, options, arguments["split"], collect, limit=limit)
        checked.append(f"strategy {name}" + "".join(f", control {control.name}" for control in controls))
    return findings


def _control(settings: Settings, name: str, strategy: Strategy, scorer: Scorer, arguments: dict[str, Any]) -> Control:
    """The control, if it applies to this strategy and scorer."""
    control: Control = _plugin(settings, "control", name, arguments)
    if reason := control.obstacle(strategy, scorer):
        raise ConfigError([f"control {name} does not apply to {strategy.name} with {scorer.name}: {reason}"])
    return control


def _plugin(settings: Settings, kind: Any, name: str, arguments: dict[str, Any]) -> Any:
    cls = settings.plugins.get(kind, name).cls
    others = (arguments["dataset"], "history", arguments["scorer"], *arguments["strategies"], *arguments["controls"])
    return cls(build_options(cls.Config, select_options(arguments["set_"], name, others=others), name))


def _applied_guards(arguments: dict[str, Any]) -> set[str]:
    """The checks that had data to run on."""
    from duetbench.data.leakage import GUARDS

    log_guards = set(GUARDS) - {"own_item_history", *_STRATEGY_GUARDS}
    return {
        *_DATA_GUARDS,
        *(log_guards if arguments["prompts"] else ()),
        *(_STRATEGY_GUARDS if arguments["strategies"] else ()),
    }


def _print(settings: Settings, findings: list[LeakageFinding], applied: set[str], prepared: Prepared) -> None:
    from duetbench.cli.tables import print_table
    from duetbench.data.leakage import GUARDS

    counts = Counter(finding.guard for finding in findings)
    rows = [
        (
            guard,
            f"{counts[guard]:,}" if counts[guard] else _passed(guard, prepared) if guard in applied else "not checked",
            meaning,
        )
        for guard, meaning in GUARDS.items()
    ]
    titles = ("check", "violations", "requirement")
    print_table(settings, titles, rows, text_titles=titles)


def _passed(guard: str, prepared: Prepared) -> str:
    """No violation; of data without times, only by the order in the file, which may not be the order in time."""
    return "none" if prepared.has_times or guard not in _TIME_GUARDS else "none in file order"
