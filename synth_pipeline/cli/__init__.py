"""The command ``synth dataset``: the catalogue from the terminal.

Belongs here: options, help, exit codes, what is printed. Does not belong here: Dagster, which none of them needs.
"""

from synth_pipeline.cli.commands import app

__all__ = ["app"]
