"""`duetbench show options`: the options of a run that belong to no plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duetbench.cli.output import echo
from duetbench.cli.tables import print_rows
from duetbench.config import options_of, value_text

if TYPE_CHECKING:
    from duetbench.cli.context import Settings


def show_options(settings: Settings, name: str | None) -> None:
    """Prints the options of one section, or of all.

    Raises:
        UnknownName: there is no such section.
    """
    from duetbench.cluster.choice import cluster_sections
    from duetbench.errors import UnknownName
    from duetbench.runner.planning.resolver import option_sections

    sections = {**option_sections(), **cluster_sections()}
    if name is not None and name not in sections:
        raise UnknownName("section of options", name, sections)
    shown = {name: sections[name]} if name else sections
    where = " or under `options` in a configuration" if name not in cluster_sections() else ""
    echo(f"Options of a run, each set with --set SECTION.OPTION=VALUE{where}; those of ray and slurm only there:")
    rows = [
        (f"{section}.{option.name}", option.type, value_text(option.default), option.meaning)
        for section, config_class in shown.items()
        for option in options_of(config_class)
    ]
    print_rows(settings, ("option", "type", "default", "meaning"), rows)
