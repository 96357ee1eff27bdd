"""``python -m synth_engine``: the same as the command ``synth``."""

import sys

from synth_engine.cli import main

if __name__ == "__main__":
    sys.exit(main())
