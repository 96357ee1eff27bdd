"""Runs of the engines, each in its own environment, process and folder, and what they left there.

Belongs here: what a run is, how it is started and read. Does not belong here: which runs there are.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.engines import ENGINES
from benchmarks.environments import ROOT

RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True)
class Run:
    """One engine with one seed, and the folder where all about it is kept."""

    engine: str
    seed: int
    data: Path  # folder of `train.parquet`
    limits: Mapping[str, Any]  # options of the engine's module, None where left to its default; others, another run
    options: Mapping[str, Any] = field(default_factory=dict)  # further options, the same for all runs on this data

    @property
    def path(self) -> Path:
        """Own folder: a run with other limits is another run."""
        given = "".join(f"-{name}{value:g}" for name, value in self.limits.items() if value is not None)
        return self.data / f"{self.engine}-seed{self.seed}{given}"

    @property
    def synthetic(self) -> Path:
        """The rows that it drew."""
        return self.path / "synthetic.parquet"

    def start(self) -> None:
        """Run the engine; the scores of an earlier sample do not belong to the new one and go."""
        engine = ENGINES[self.engine]
        python = engine.python()
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir()
        paths = {
            "train": self.data / "train.parquet",
            "workspace": self.path / "workspace",
            "out": self.path / "result.json",
        }
        try:
            call(python, engine.module, **paths, seed=self.seed, **self.limits, **engine.options, **self.options)
        except subprocess.CalledProcessError as error:  # the others go on, and the page says that this one failed
            write_json(self.path / "failure.json", {"exit_status": error.returncode})
            print(f"{self.engine} failed: status {error.returncode}", flush=True)
            return
        write_json(self.path / "sizes.json", _sizes(self.path / "workspace"))

    def read(self) -> dict[str, Any]:
        """All that was measured so far, empty where nothing was."""
        parts = ("sizes", "quality", "likelihood", "failure")
        found = {part: read_json(self.path / f"{part}.json") for part in parts}
        return read_json(self.path / "result.json") | {part: what for part, what in found.items() if what}


def write_json(path: Path, what: Mapping[str, Any]) -> None:
    """Write figures where `read_json` finds them."""
    path.write_text(json.dumps(what, indent=2))


def _sizes(workspace: Path) -> dict[str, float]:
    """MiB on disk: of the whole workspace, and of what generation needs again."""
    model = [workspace / "ModelStore", workspace / "synthesizer.pkl"]
    return {"workspace_mib": _mib(workspace), "model_mib": sum(_mib(path) for path in model if path.exists())}


def _mib(path: Path) -> float:
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files) / 2**20


def call(python: Path, module: str, *flags: str, **options: Any) -> None:
    """Run a module of this repository in a process of its own; options that are None are left out."""
    given = [f"--{name}={value}" for name, value in options.items() if value is not None]
    print(f"== {module} {options.get('seed', '')}", flush=True)
    subprocess.run([python, "-m", module, *flags, *given], cwd=ROOT, check=True)


def read_json(path: Path) -> dict[str, Any]:
    """What a file holds, empty where there is none."""
    return json.loads(path.read_text()) if path.exists() else {}
