"""Leakage checks on tables, examples, prompt logs and strategies. Open `findings` first: it lists the checks."""

from duetbench.data.leakage.examples import check_examples
from duetbench.data.leakage.findings import GUARDS, LeakageFinding
from duetbench.data.leakage.log import LoggedPrompt, read_log
from duetbench.data.leakage.probes import canary_probe, future_probe
from duetbench.data.leakage.prompts import check_prompts
from duetbench.data.leakage.tables import check_tables

__all__ = [
    "GUARDS",
    "LeakageFinding",
    "LoggedPrompt",
    "canary_probe",
    "check_examples",
    "check_prompts",
    "check_tables",
    "future_probe",
    "read_log",
]
