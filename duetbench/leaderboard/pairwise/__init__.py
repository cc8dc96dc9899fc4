"""All pairs of rows compared on the interactions that both have predicted. Open `comparison` first."""

from duetbench.leaderboard.pairwise.comparison import PairwiseComparison, compare_pairwise

__all__ = ["PairwiseComparison", "compare_pairwise"]
