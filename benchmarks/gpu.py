"""The training step on a device: what it takes, what its arithmetic alone would take, and what the reference takes.

    python -m benchmarks.gpu [--device cuda] [--batch-size 256 2048] [--skip-reference] [--json gpu.json]

The floor is the number of floating-point operations of a step by the rate of a large matrix product on the same device.
How far a step is above it tells how much is spent on launching kernels and moving memory. The reference's step is that
of its own batch size, from a training of one epoch, validation included.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.data import CENSUS, load_table
from benchmarks.reference_env import ROOT, ensure_reference_env
from synth_engine import analyze, encode, split
from synth_engine.stages.model_files import layout_of
from synth_engine.stages.statistics import FILE_NAME, TableStatistics
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.sizes import sizes_for
from synth_engine.tabular.task import TabularTask
from synth_engine.training import PlainStepper, Randomness, ShuffledRows
from synth_engine.workspace import Artefact, Workspace
from synth_engine.workspace.artefacts import TRAINING

STEPS, WARM_UP = 50, 10
MATRIX = {"cuda": 8192, "cpu": 1024}


def seconds_of(work: Callable[[int], object], device: torch.device, repeats: int) -> float:
    """Median seconds of a call, the device's work included."""
    taken = []
    for i in range(WARM_UP + repeats):
        begun = time.perf_counter()
        work(i)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - begun)
    return median(taken[WARM_UP:])


def prepared(table: pd.DataFrame, root: Path, device: torch.device) -> tuple[TabularNetwork, Tensor]:
    """A network for the table, and the codes of its training rows."""
    split(table, workspace_dir=root, random_state=0)
    analyze(workspace_dir=root, random_state=0)
    encode(workspace_dir=root)
    workspace = Workspace(root)
    statistics = TableStatistics.model_validate(workspace.read(Artefact.TGT_STATS).json(FILE_NAME))
    encoded = workspace.read(Artefact.ENCODED_DATA)
    parts = [encoded.table(name).to_pandas().to_numpy(np.int32) for name in encoded.parts(TRAINING)]
    layout = layout_of(statistics)
    network = TabularNetwork(layout, sizes_for(None, len(layout.cardinalities))).to(device)
    return network, torch.from_numpy(np.concatenate(parts)).to(device)


def measure_step(network: TabularNetwork, codes_NK: Tensor, batch_size: int) -> dict[str, float]:
    """Seconds of a step, and of its arithmetic alone."""
    device, randomness = codes_NK.device, Randomness.of_seed(0)
    task = TabularTask(network, codes_NK, codes_NK[:0], flexible=True)
    stepper = PlainStepper(network, task.batch_losses, randomness)
    sampler = ShuffledRows(len(codes_NK), batch_size, 1, randomness, device)

    def step(i: int) -> None:
        stepper.step(i, sampler.batches(i), 1e-3, 1.0)

    with FlopCounterMode(display=False) as counter:
        step(0)
    seconds, rate = seconds_of(step, device, STEPS), matrix_rate(device)
    operations = float(counter.get_total_flops())
    return {
        "batch_size": sampler.records_per_step,
        "seconds": seconds,
        "rows_per_second": sampler.records_per_step / seconds,
        "operations": operations,
        "floor_seconds": operations / rate,
        "operations_per_second_of_device": rate,
    }


def matrix_rate(device: torch.device) -> float:
    """Floating-point operations per second of a large product in single precision, as training uses it."""
    size = MATRIX[device.type]
    matrix = torch.randn(size, size, device=device)
    return 2 * size**3 / seconds_of(lambda _: matrix @ matrix, device, 10)


def measure_reference(table: pd.DataFrame, folder: Path, device: torch.device) -> dict[str, Any]:
    """Seconds of a step of the reference, from one epoch of it."""
    table.to_parquet(folder / "train.parquet", index=False)
    command = [ensure_reference_env(), "-m", "benchmarks.engines.reference", f"--train={folder / 'train.parquet'}"]
    command += [f"--workspace={folder / 'reference'}", f"--out={folder / 'result.json'}", "--max-epochs=1"]
    subprocess.run([*command, f"--device={device.type}", "--sample-size=10"], cwd=ROOT, check=True)
    result = json.loads((folder / "result.json").read_text())
    return {"seconds": result["seconds_per_step"], "rows_per_second": len(table) * 0.8 / result["seconds_per_epoch"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--table", type=Path, default=CENSUS)
    parser.add_argument("--batch-size", type=int, nargs="+", default=[256, 2048])
    parser.add_argument("--skip-reference", action="store_true")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    args = parser.parse_args()
    device, table = torch.device(args.device), load_table(args.table)
    if device.type == "cuda" and not torch.cuda.is_available():
        sys.exit("no usable GPU was found; --device cpu shows what this prints")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu, {torch.get_num_threads()} threads"
    print(f"{args.table.name} on {name}, torch {torch.__version__}")
    figures: dict[str, Any] = {"device": name, "ours": [], "reference": None}
    with tempfile.TemporaryDirectory() as root:
        network, codes_NK = prepared(table, Path(root) / "ours", device)
        for batch_size in args.batch_size:
            found = measure_step(network, codes_NK, batch_size)
            figures["ours"].append(found)
            print(
                f"ours, {found['batch_size']} rows a step: {1e3 * found['seconds']:.2f} ms, "
                f"{found['rows_per_second']:,.0f} rows/s; arithmetic alone {1e3 * found['floor_seconds']:.2f} ms, "
                f"so {found['seconds'] / found['floor_seconds']:.1f} times the floor"
            )
        if not args.skip_reference:
            theirs = figures["reference"] = measure_reference(table, Path(root), device)
            print(f"reference: {1e3 * theirs['seconds']:.2f} ms a step, {theirs['rows_per_second']:,.0f} rows/s")
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
