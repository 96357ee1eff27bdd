"""Synthetic data engine: split, analyze, encode, train, generate over a workspace.

>>> from synth_engine import split, analyze, encode, train, generate
"""

import importlib
import os

# Threads of torch's OpenMP wait for each other in a busy loop. Where another program wants the same core, the one that
# is waited for does not run, and a training step of 10 ms takes over a second. Asleep they wait without harm, and cost
# a training step next to nothing on an idle machine. Read when torch is loaded, so it must stand here. See docs/log.md.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from typing import TYPE_CHECKING, Any

from synth_engine import domain
from synth_engine._version import __version__

if TYPE_CHECKING:
    from synth_engine.estimators import LanguageModel, TabularARGN
    from synth_engine.stages.analyze import analyze
    from synth_engine.stages.encode import encode
    from synth_engine.stages.generate import generate
    from synth_engine.stages.split import split
    from synth_engine.stages.train import train

__all__ = ["LanguageModel", "TabularARGN", "__version__", "analyze", "domain", "encode", "generate", "split", "train"]

_ESTIMATORS = {"LanguageModel", "TabularARGN"}


def __getattr__(name: str) -> Any:
    # Verbs and estimators are imported when they are asked for (PEP 562): with them comes pandas, a second in which the
    # command line has shown its help.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(f"synth_engine.{'estimators' if name in _ESTIMATORS else 'stages'}")
    globals()[name] = getattr(home, name)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
