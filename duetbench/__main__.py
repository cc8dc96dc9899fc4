"""`python -m duetbench`."""

from duetbench.cli import main

main(prog_name="duetbench")
