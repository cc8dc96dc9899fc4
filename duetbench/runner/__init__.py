"""From a run's configuration to a folder of records. Open `run` first."""

from duetbench.runner.config.run_config import Grid, RunConfig, run_config
from duetbench.runner.planning.plan import Plan, plan
from duetbench.runner.run import RunOutcome, run

__all__ = ["Grid", "Plan", "RunConfig", "RunOutcome", "plan", "run", "run_config"]
