"""`python -m neuroep`."""

from neuroep.cli import script

script()
