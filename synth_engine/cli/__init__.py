"""The command line: arguments become configurations, configurations become calls of the five verbs.

Belongs here: options, help, exit codes, what is printed. Does not belong here: anything that a Python caller needs too.
"""

from synth_engine.cli.entry import main

__all__ = ["main"]
