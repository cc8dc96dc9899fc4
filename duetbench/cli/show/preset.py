"""`duetbench show preset`: the options of a preset, with the source of each value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duetbench.cli.context import Settings
from duetbench.cli.output import echo
from duetbench.cli.tables import print_table
from duetbench.config import value_text

if TYPE_CHECKING:
    from duetbench.runner.planning.preset_table import OptionComparison

DIFFERS = "*"
"""Marks an option in which the presets differ."""


def show_preset(settings: Settings, name: str) -> None:
    """Prints the presets of runs option by option, or the values of a trainer's preset.

    Raises:
        UnknownName: there is no such preset.
    """
    from duetbench.runner.config.presets import load_preset, preset_names
    from duetbench.runner.planning.preset_table import compare_presets, describe_trainer_preset

    if name not in preset_names():
        _print(settings, [name], describe_trainer_preset(name, settings.plugins))
        return
    names = preset_names()
    rows = compare_presets(names, settings.plugins)
    echo("\n".join(f"{preset.name}: {preset.summary}" for preset in map(load_preset, names)))
    _print(settings, names, rows)
    n_different = sum(row.differs for row in rows)
    echo(f"{DIFFERS} {n_different} of {len(rows)} options differ. Use one with `preset: {name}` in a configuration.")


def _print(settings: Settings, names: list[str], rows: list[OptionComparison]) -> None:
    titles = ["option", *(title for name in names for title in (name, f"source ({name})"))]
    lines = [
        [
            f"{row.option} {DIFFERS}" if row.differs else row.option,
            *(
                text
                for value, source in zip(row.values, row.sources, strict=True)
                for text in (value_text(value), source or "-")
            ),
        ]
        for row in rows
    ]
    print_table(settings, titles, lines, text_titles=titles)
