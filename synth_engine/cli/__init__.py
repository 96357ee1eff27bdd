"""The command line: arguments become configurations, configurations become calls of the five verbs.

Other packages add commands by entry points of the group ``synth.commands`` and make them look alike with what is
exported here.

Belongs here: options, help, exit codes, what is printed. Does not belong here: anything that a Python caller needs too.
"""

from synth_engine.cli.entry import main
from synth_engine.cli.expansion import with_options
from synth_engine.cli.help import Command, Group, no_command
from synth_engine.cli.options import Debug

__all__ = ["Command", "Debug", "Group", "main", "no_command", "with_options"]
