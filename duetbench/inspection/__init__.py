"""Single pairs of a cell from the history to the predicted rating. Open `pairs` first."""

from duetbench.inspection.pairs import Exchange, InspectedPair, read_pairs
from duetbench.inspection.selection import PairSelection, select_pairs

__all__ = ["Exchange", "InspectedPair", "PairSelection", "read_pairs", "select_pairs"]
