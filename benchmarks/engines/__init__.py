"""The engines that are compared, each run in its own environment and process.

Belongs here: which engines there are, and how one is started. Does not belong here: what they are run on.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.environments import REFERENCE, SDV, Environment


@dataclass(frozen=True)
class Engine:
    """One engine.

    Attributes:
        name: In names of files and on the command line.
        label: On the page.
        module: What runs it: `python -m MODULE --train ... --workspace ... --out ...`.
        kinds: Kinds of dataset that it can learn.
        private: Whether it can train with differential privacy.
        environment: Its own; None is this one.
        options: Further options of its module.
    """

    name: str
    label: str
    module: str
    kinds: frozenset[str]
    private: bool = False
    environment: Environment | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def python(self) -> Path:
        """The Python that has it."""
        return self.environment.python() if self.environment else Path(sys.executable)


_ALL = frozenset({"flat", "events", "text"})
_FLAT = frozenset({"flat"})
_SDV = "benchmarks.engines.sdv"
ENGINES = {
    engine.name: engine
    for engine in (
        Engine("reference", "mostlyai-engine 2.7.3", "benchmarks.engines.reference", _ALL, True, REFERENCE),
        Engine("ours", "synth", "benchmarks.engines.ours", _ALL, True),
        Engine("copula", "Gaussian copula", _SDV, _FLAT, False, SDV, {"synthesizer": "GaussianCopulaSynthesizer"}),
        Engine("tvae", "TVAE", _SDV, _FLAT, False, SDV, {"synthesizer": "TVAESynthesizer"}),
        Engine("ctgan", "CTGAN", _SDV, _FLAT, False, SDV, {"synthesizer": "CTGANSynthesizer"}),
    )
}
