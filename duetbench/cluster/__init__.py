"""Runs on several machines. Open `ray/placement.py` for engines on Ray, `slurm/placement.py` for jobs on Slurm.

Both send plain values to the other machines: a `RunConfig`, ids of cells, prompts. Ray and submitit pickle them, and
unpickle what comes back: whoever can submit work to the cluster, or write to the run's folder, can run code as the
user.
"""
