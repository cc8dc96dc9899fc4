"""Why pairs have no prediction, in one sentence with what to do."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

from duetbench.errors import NoPredictions
from duetbench.escaping import one_line
from duetbench.runner.cell_state import CellState
from duetbench.runner.planning.cells import PluginChoice
from duetbench.types import Prediction, Status

_SHOWN = 80
"""Characters of a completion that a reason quotes."""


def check_some_prediction(state: CellState) -> None:
    """Checks the predictions of a cell.

    Raises:
        NoPredictions: no pair has a readable prediction.
    """
    n = len(state.predictions)
    if n and not any(prediction.status == "ok" for prediction in state.predictions):
        raise NoPredictions(f"0 of {n} predictions readable: {first_failure(state)}")


def first_failure(state: CellState) -> str | None:
    """Why the first pair without a prediction has none, and what to do; None if there is no such pair."""
    for position, prediction in enumerate(state.predictions):
        if prediction.status != "ok":
            return _reason(state, prediction, position)
    return None


def _reason(state: CellState, prediction: Prediction, position: int) -> str:
    step = "profile" if prediction.failed_at == "profile" else "rating"
    text, error = _completion(state, position) if step == "profile" else _rating(state, prediction, position)
    problem = {
        "unreadable": "has an unexpected format",
        "truncated": "ended at the maximum length",
        "refused": "was refused",
        "empty": "is empty",
    }.get(prediction.status, "failed")
    detail = one_line(error) or (repr(one_line(text, _SHOWN)) if text else "")
    return f"the {step} {problem}{f' ({detail})' if detail else ''}; {_remedy(state, step, prediction.status)}"


def _completion(state: CellState, position: int) -> tuple[str, str]:
    """Text and error of the first completion for a profile of this pair that could not be used."""
    answers = state.written.answers if state.written else []
    failed = (answer for answer in answers if answer.status != "ok" and answer.side != "note")
    answer = next((answer for answer in failed if position in answer.for_requests), None)
    return (answer.text, answer.error) if answer else ("", "")


def _rating(state: CellState, prediction: Prediction, position: int) -> tuple[str, str]:
    """Text and error of the rating of this pair. Scorers count only the requests whose profiles are readable."""
    scored = sum(profiles.failed is None for profiles in state.profiles[:position])
    logged = (entry for entry in state.rating_meter.requests if scored in entry.prompt.for_requests)
    errors = (entry.result.error for entry in logged if entry.result.status != "ok")
    return prediction.text, next(errors, "")


def _remedy(state: CellState, step: str, status: Status) -> str:
    writing = state.cell.writing
    if writing is None:
        return f"scorer '{state.cell.scorer.name}' gives no value: see its documentation"
    plugin = writing.strategy if step == "profile" else state.cell.scorer
    options = _options(plugin)
    if status == "truncated" and "max_tokens" in options:
        return f"raise it with --set {plugin.name}.max_tokens=N, or choose another model with --model"
    if status == "unreadable" and getattr(plugin.config, "answer", None) == "free":
        return f"choose another model with --model, or guide it with --set {plugin.name}.answer=prefill"
    if status == "error":
        return "remove the cause and repeat the command"
    return "choose another model with --model; answers.jsonl in the cell's folder has every completion"


def _options(plugin: PluginChoice) -> set[str]:
    return {entry.name for entry in fields(plugin.config)} if is_dataclass(plugin.config) else set()
