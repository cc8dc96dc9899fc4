"""The reason of a failure, from what vLLM's processes print."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from duetbench.engines.vllm.process_log import ProcessLog, reason_of, root_cause

PREFIX = "(EngineCore pid=7) ERROR 11-25 16:00:00 [core.py:1510] "

DEAD_WORKER = f"""\
WARNING 11-25 16:00:00 [cpu.py:1] ignored: no NUMA nodes
{PREFIX}EngineCore failed to start.
{PREFIX}Traceback (most recent call last):
{PREFIX}  File "core.py", line 1, in run
{PREFIX}ValueError: Head size 16 is not supported by CPU attention. Supported: 32, 64.
{PREFIX}Traceback (most recent call last):
{PREFIX}Exception: WorkerProc initialization failed due to an exception in a background process.
Traceback (most recent call last):
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {{'EngineCore': 1}}
BrokenPipeError: [Errno 32] Broken pipe
"""


def test_the_first_error_is_the_root_cause() -> None:
    assert root_cause(DEAD_WORKER) == "ValueError: Head size 16 is not supported by CPU attention. Supported: 32, 64."


def test_the_last_error_of_a_chain_is_the_root_cause() -> None:
    log = (
        "KeyError: 'w'\n\nDuring handling of the above exception, another exception occurred:\n\npkg.WeightsError: no w"
    )
    assert root_cause(log) == "WeightsError: no w"


def test_an_error_that_refers_to_another_one_does_not_replace_it() -> None:
    lines = ("OSError: no file", "The above exception was the direct cause of the following exception:")
    assert root_cause("\n".join([*lines, "RuntimeError: See root cause above"])) == "OSError: no file"


@pytest.mark.parametrize(
    "log", ["", "INFO ready\n", "RuntimeError: Engine core initialization failed. See root cause above."]
)
def test_a_log_without_an_error_has_no_root_cause(log: str) -> None:
    assert root_cause(log) is None


def test_a_process_that_a_signal_ended_is_named() -> None:
    reason = reason_of(RuntimeError("Engine core initialization failed. Failed core proc(s): {'EngineCore_DP0': -9}"))
    assert reason == "its process was ended by SIGKILL, probably by the system because memory ran out"


def test_the_inputs_of_a_rejected_argument_are_left_out() -> None:
    text = (
        "1 validation error for ModelConfig\n  Value error, no such model [type=value_error, input_value=Args((), {'a'"
    )
    assert reason_of(ValueError(text)) == "ValueError: 1 validation error for ModelConfig Value error, no such model"


def test_output_of_this_process_and_of_its_children_is_captured() -> None:
    log = ProcessLog()
    with log.capture():
        os.write(1, b"from here\n")
        subprocess.run([sys.executable, "-c", "import sys; sys.exit('ValueError: from a child')"], check=False)
    os.write(1, b"not captured\n")
    assert log.path.read_text() == "from here\nValueError: from a child\n"
    assert log.reason(RuntimeError("dead")) == "ValueError: from a child"
    log.discard()


def test_a_discarded_log_leaves_no_file() -> None:
    log = ProcessLog()
    log.discard()
    log.discard()
    assert not log.path.exists()
