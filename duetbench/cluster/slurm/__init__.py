"""Cells as jobs of Slurm, through submitit. Open `placement.py` first."""
