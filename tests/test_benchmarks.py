"""The benchmarks can be started: none is left behind when what it measures is renamed."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "benchmarks").rglob("*.py")
    if "results" not in path.parts and path.name not in ("__init__.py", "reference.py")
)


def test_every_module_can_be_imported():
    """In a process of its own, as some of them set up threads."""
    code = "; ".join(f"import {module}" for module in MODULES)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "module",
    [
        "encodings",
        "estimators",
        "evaluation",
        "floor",
        "generation",
        "gpu",
        "likelihood",
        "many_rows",
        "private_training",
        "run",
        "scale",
        "scoring",
        "sequences",
        "wishes",
    ],
)
def test_every_command_says_what_it_does(module: str):
    command = [sys.executable, "-m", f"benchmarks.{module}", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"benchmarks.{module}" in done.stdout
