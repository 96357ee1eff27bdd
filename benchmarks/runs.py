"""Runs of the engines, each in its own environment, process and folder, and what they left there.

Belongs here: what the comparisons on flat and on related tables share. Does not belong here: which runs there are.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.reference_env import ROOT, ensure_reference_env

RESULTS = Path(__file__).with_name("results")
ENGINES = ("reference", "ours")


@dataclass(frozen=True)
class Run:
    """One engine with one seed, and the folder where all about it is kept."""

    engine: str
    seed: int
    data: Path  # folder of `train.parquet`
    options: Mapping[str, Any]  # of the engine's module, None where left to its default; another run with others
    tables: Mapping[str, Any] = field(default_factory=dict)  # further options, the same for all runs on this data

    @property
    def path(self) -> Path:
        """Own folder: a run with other options is another run."""
        given = "".join(f"-{name}{value:g}" for name, value in self.options.items() if value is not None)
        return self.data / f"{self.engine}-seed{self.seed}{given}"

    @property
    def likelihood(self) -> Path:
        """Result of the likelihood comparison, of both engines: on the codes of the reference's run with this seed."""
        return Run("reference", self.seed, self.data, self.options).path / "likelihood.json"

    def read(self) -> dict[str, Any]:
        """All that was measured so far, empty where nothing was."""
        result = read_json(self.path / "result.json")
        seconds = read_json(self.likelihood).get(f"{self.engine}_seconds")
        return result and {**result, "likelihood_seconds": seconds, "quality": read_json(self.path / "quality.json")}


def run_engines(runs: Sequence[Run], skip: Sequence[str]) -> None:
    """The engines in turn, so that a busy spell of the machine hits both; each in its own environment and process."""
    for run in runs:
        if run.engine in skip:
            found = "stored result" if run.read() else "nothing stored, its column stays empty"
            print(f"== {run.engine} {run.seed}: {found}")
            continue
        python = ensure_reference_env() if run.engine == "reference" else Path(sys.executable)
        shutil.rmtree(run.path, ignore_errors=True)  # the scores of an earlier sample do not belong to the new one
        run.path.mkdir()
        paths = {
            "train": run.data / "train.parquet",
            "workspace": run.path / "workspace",
            "out": run.path / "result.json",
        }
        call(python, f"benchmarks.engines.{run.engine}", **paths, seed=run.seed, **run.options, **run.tables)


def call(python: Path, module: str, *flags: str, **options: Any) -> None:
    """Run a module of this repository in a process of its own; options that are None are left out."""
    given = [f"--{name}={value}" for name, value in options.items() if value is not None]
    print(f"== {module} {options.get('seed', '')}", flush=True)
    subprocess.run([python, "-m", module, *flags, *given], cwd=ROOT, check=True)


def read_json(path: Path) -> dict[str, Any]:
    """What a file holds, empty where there is none."""
    return json.loads(path.read_text()) if path.exists() else {}
