"""From what a person asks for to a folder of records: settings, plan, cells, run."""

from duetbench.runner.config.run_config import Grid, RunConfig, run_config
from duetbench.runner.planning.plan import Plan, plan
from duetbench.runner.progress import Bars, Progress
from duetbench.runner.run import Outcome, run

__all__ = ["Bars", "Grid", "Outcome", "Plan", "Progress", "RunConfig", "plan", "run", "run_config"]
