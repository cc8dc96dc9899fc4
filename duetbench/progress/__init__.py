"""The one progress display, for runs and for trainings: on stderr, live on a terminal, plain lines elsewhere."""

from duetbench.progress.base import Progress, TrainingProgress
from duetbench.progress.display import ProgressDisplay

__all__ = ["Progress", "ProgressDisplay", "TrainingProgress"]
