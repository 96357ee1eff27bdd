"""The command ``synth dataset``: the catalogue from the terminal.

Belongs here: options, help, exit codes, what is printed. Does not belong here: Dagster, which none of them needs.
"""

from importlib.util import find_spec

from synth_pipeline.cli.commands import app

__all__ = ["app"]

# Commands load what they need when they run; so it is here that it shows whether they could.
if find_spec("yaml") is None:
    raise ModuleNotFoundError("No module named 'yaml'", name="yaml")
