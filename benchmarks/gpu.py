"""The training step on a device: what it takes, what its arithmetic alone would take, and what the reference takes.

    python -m benchmarks.gpu [--device cuda] [--batch-size 256 2048] [--ways graph eager] [--skip-reference]

Ways to compute gradients: `eager`, one operation after the other, as training does on a CPU; `graph`, recorded as a
CUDA graph, as it does on a GPU; `compiled`, by PyTorch's compiler, which needs a C++ compiler and half a minute for
every shape; `compiled-graph`, both. The first step tells what preparation takes, the others what it brings. On a GPU
a step should never wait for the device.

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
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.data import CENSUS, load_table
from benchmarks.environments import REFERENCE, ROOT
from synth_engine import analyze, encode, split
from synth_engine.stages.model_files import layout_of
from synth_engine.stages.statistics import FILE_NAME, TableStatistics
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.sizes import sizes_for
from synth_engine.tabular.task import TabularTask
from synth_engine.training import PlainStepper, Randomness, ShuffledRows
from synth_engine.training.gradients import EagerGradients, Gradients, RecordedGradients
from synth_engine.workspace import Artefact, Workspace
from synth_engine.workspace.artefacts import TRAINING

# Steps are timed in blocks: on a GPU a step is launched while the one before is still computed.
BLOCK, BLOCKS, WARM_UP = 10, 8, 10
MATRIX = {"cuda": 8192, "cpu": 1024}


class Compiled:
    """A task whose losses, with their gradients, are kernels that PyTorch's compiler made for the shapes of a batch."""

    def __init__(self, task: TabularTask) -> None:
        torch.compiler.reset()  # it gives up where the same code is compiled for more than eight shapes
        self.draw = task.draw
        self.losses = torch.compile(task.losses, fullgraph=True, dynamic=False)


# Ways to compute gradients, by device; the first is the one that training takes.
WAYS: dict[str, dict[str, Callable[[TabularNetwork, TabularTask], Gradients]]] = {
    "cuda": {
        "graph": RecordedGradients,
        "eager": EagerGradients,
        "compiled": lambda network, task: EagerGradients(network, Compiled(task)),
        "compiled-graph": lambda network, task: RecordedGradients(network, Compiled(task)),
    },
    "cpu": {
        "eager": EagerGradients,
        "compiled": lambda network, task: EagerGradients(network, Compiled(task)),
    },
}


def seconds_of(work: Callable[[int], object], device: torch.device, block: int = BLOCK) -> float:
    """Median seconds of a call, the device's work included."""
    for i in range(WARM_UP):
        work(i)
    taken = []
    for i in range(BLOCKS):
        wait_for(device)
        begun = time.perf_counter()
        for j in range(block):
            work(WARM_UP + i * block + j)
        wait_for(device)
        taken.append((time.perf_counter() - begun) / block)
    return median(taken)


def wait_for(device: torch.device) -> None:
    """Until all that was launched is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


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


def measure_steps(network: TabularNetwork, codes_NK: Tensor, batch_size: int, ways: Sequence[str]) -> dict[str, Any]:
    """Seconds of a step in each of these ways, and of its arithmetic alone."""
    device = codes_NK.device
    task = TabularTask(network, codes_NK, codes_NK[:0], flexible=True)
    sampler = ShuffledRows(len(codes_NK), batch_size, 1, Randomness.of_seed(0), device)
    with FlopCounterMode(display=False) as counter:
        stepper_for(network, task, EagerGradients(network, task)).step(0, sampler.batches(0), 1e-3, 1.0)
    operations, rate = float(counter.get_total_flops()), matrix_rate(device)
    return {
        "batch_size": sampler.records_per_step,
        "operations": operations,
        "floor_seconds": operations / rate,
        "operations_per_second_of_device": rate,
        "ways": {name: measure_way(network, task, sampler, name) for name in ways},
    }


def measure_way(network: TabularNetwork, task: TabularTask, sampler: ShuffledRows, way: str) -> dict[str, float]:
    """Seconds of the first step, and of those that follow; and how often a step waits for the device."""
    device = task.training.device
    stepper = stepper_for(network, task, WAYS[device.type][way](network, task))

    def step(i: int) -> None:
        stepper.step(i, sampler.batches(i), 1e-3, 1.0)

    begun = time.perf_counter()
    step(0)
    wait_for(device)
    first = time.perf_counter() - begun
    return {"seconds": seconds_of(step, device), "first_seconds": first, "waits": waits_of(step, device)}


def stepper_for(network: TabularNetwork, task: TabularTask, gradients: Gradients) -> PlainStepper:
    """As training makes it, but for how gradients are computed."""
    return PlainStepper(network, task, Randomness.of_seed(0), gradients=gradients)


def waits_of(work: Callable[[int], object], device: torch.device) -> int:
    """How often a call makes the processor wait for the GPU, which should be never."""
    if device.type != "cuda":
        return 0
    work(0)  # draws the order of an epoch
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            work(1)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(warning.message) for warning in caught)


def matrix_rate(device: torch.device) -> float:
    """Floating-point operations per second of a large product in single precision, as training uses it."""
    size = MATRIX[device.type]
    matrix = torch.randn(size, size, device=device)
    return 2 * size**3 / seconds_of(lambda _: matrix @ matrix, device, block=1)


def measure_reference(table: pd.DataFrame, folder: Path, device: torch.device) -> dict[str, Any]:
    """Seconds of a step of the reference, from one epoch of it."""
    table.to_parquet(folder / "train.parquet", index=False)
    command = [REFERENCE.python(), "-m", "benchmarks.engines.reference", f"--train={folder / 'train.parquet'}"]
    command += [f"--workspace={folder / 'reference'}", f"--out={folder / 'result.json'}", "--max-epochs=1"]
    subprocess.run([*command, f"--device={device.type}", "--sample-size=10"], cwd=ROOT, check=True)
    result = json.loads((folder / "result.json").read_text())
    return {"seconds": result["seconds_per_step"], "rows_per_second": len(table) * 0.8 / result["seconds_per_epoch"]}


def print_steps(found: dict[str, Any]) -> None:
    """A line for the floor, and one for every way."""
    rows, floor = found["batch_size"], found["floor_seconds"]
    print(f"ours, {rows} rows a step; arithmetic alone {1e3 * floor:.2f} ms")
    for way, taken in found["ways"].items():
        seconds = taken["seconds"]
        print(
            f"  {way:15}{1e3 * seconds:8.2f} ms {rows / seconds:10,.0f} rows/s, {seconds / floor:.1f} times the floor; "
            f"the first step {1e3 * taken['first_seconds']:,.0f} ms; waits for the device {taken['waits']} times"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--table", type=Path, default=CENSUS)
    parser.add_argument("--batch-size", type=int, nargs="+", default=[256, 2048])
    parser.add_argument("--ways", nargs="+", help="of computing gradients; all that the device has, unless told")
    parser.add_argument("--skip-reference", action="store_true")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    args = parser.parse_args()
    device, table = torch.device(args.device), load_table(args.table)
    if device.type == "cuda" and not torch.cuda.is_available():
        sys.exit("no usable GPU was found; --device cpu shows what this prints")
    ways = args.ways or list(WAYS[device.type])
    if unknown := set(ways) - set(WAYS[device.type]):
        parser.error(f"--ways: expected some of {', '.join(WAYS[device.type])}, found {', '.join(sorted(unknown))}")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu, {torch.get_num_threads()} threads"
    print(f"{args.table.name} on {name}, torch {torch.__version__}")
    figures: dict[str, Any] = {"device": name, "ours": [], "reference": None}
    with tempfile.TemporaryDirectory() as root:
        network, codes_NK = prepared(table, Path(root) / "ours", device)
        for batch_size in args.batch_size:
            found = measure_steps(network, codes_NK, batch_size, ways)
            figures["ours"].append(found)
            print_steps(found)
        if not args.skip_reference:
            theirs = figures["reference"] = measure_reference(table, Path(root), device)
            print(f"reference: {1e3 * theirs['seconds']:.2f} ms a step, {theirs['rows_per_second']:,.0f} rows/s")
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
