"""From saved predictions to numbers: tables of predictions, metrics under every convention, and their uncertainty."""

from duetbench.evaluation.conventions import CONVENTIONS, Convention
from duetbench.evaluation.metrics import metrics_of
from duetbench.evaluation.predictions import predictions_table, read_predictions

__all__ = ["CONVENTIONS", "Convention", "metrics_of", "predictions_table", "read_predictions"]
