"""The callable that submitit pickles and runs in a Slurm job."""

from __future__ import annotations

import os
import sys
import threading

from submitit.helpers import Checkpointable

from duetbench.cluster.jobs import Job, JobResult, run_job


class RequeuedJob(Checkpointable):
    """Runs a job; before its time is over, or if it is preempted, the same job is submitted again and resumes."""

    def __call__(self, job: Job) -> JobResult:
        """The result of the job.

        submitit ends the process by SystemExit in the main thread. The work runs in another thread, since a cell treats
        every exception of a plugin as its failure, and would treat this one so.
        """
        results: list[JobResult] = []
        errors: list[BaseException] = []

        def work() -> None:
            try:
                results.append(run_job(job))
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            thread.join()
        except SystemExit as end:
            sys.stdout.flush()
            os._exit(end.code if isinstance(end.code, int) and end.code >= 0 else 1)
        if errors:
            raise errors[0]
        return results[0]
