"""Where the time of each stage goes, and how far that is from what the machine could do.

    python -m benchmarks.floor [--table PATH] [--epochs 2] [--json floor.json]

The floor of split, analyze and encode: the bytes that they read and write, at the speed of memory. That of train and
generate: their floating-point operations, counted as they are dispatched (`torch.utils.flop_counter`: products of
matrices, which is all that grows with the network), at the rate that this machine multiplies matrices. A stage that
takes ten times its floor could be made ten times faster at most, by somebody who does nothing else. Profiles are of
`cProfile`, seconds of a function without those it calls; they make a stage slower than its time above.
"""

import argparse
import cProfile
import pstats
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

import synth_engine
from benchmarks.data import CENSUS, load_table, split_halves
from benchmarks.engines.session import STAGES
from benchmarks.machine import commit, describe_machine
from benchmarks.runs import write_json
from synth_engine.workspace import Artefact, Workspace

READS = {  # what a stage reads, beside the table itself for `split`, and what it writes
    "split": ((), (Artefact.TGT_DATA,)),
    "analyze": ((Artefact.TGT_DATA,), (Artefact.TGT_STATS,)),
    "encode": ((Artefact.TGT_DATA, Artefact.TGT_STATS), (Artefact.ENCODED_DATA,)),
}
FUNCTIONS = 6  # of a profile that are told


def main() -> None:
    args = _arguments()
    rates = machine_rates()
    table, _ = split_halves(load_table(args.table), 0)
    with tempfile.TemporaryDirectory() as root:
        stages = measure(table, root, args.epochs, rates)
    found = {"machine": describe_machine(), "commit": commit(), "rates": rates, "stages": stages}
    _print(found)
    if args.json:
        write_json(args.json, found)


def machine_rates(size: int = 1024, repeat: int = 20) -> dict[str, float]:
    """Operations a second of products of matrices, and bytes a second of copying memory: the best of some."""
    one, other = torch.randn(size, size), torch.randn(size, size)
    block = np.ones(2**28, np.uint8)
    target = np.empty_like(block)
    return {
        "flops": 2 * size**3 / min(_timed(lambda: one @ other) for _ in range(repeat)),
        "bytes": 2 * block.nbytes / min(_timed(lambda: np.copyto(target, block)) for _ in range(5)),
        "threads": torch.get_num_threads(),
    }


def measure(table: Any, root: str, epochs: float, rates: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """Each stage once for its time, once under a profiler, and those with networks once more under a counter."""
    options: dict[str, dict[str, Any]] = {
        "split": {"tgt_data": table, "random_state": 0},
        "analyze": {"random_state": 0},
        "train": {"max_epochs": epochs, "random_state": 0},
        "generate": {"sample_size": len(table), "random_state": 0},
    }
    found: dict[str, dict[str, Any]] = {}
    for stage in STAGES:
        verb = getattr(synth_engine, stage)

        def run(verb: Callable[..., None] = verb, stage: str = stage) -> None:
            verb(workspace_dir=root, **options.get(stage, {}))

        run()  # what is only made in the first call of a process is no part of the stage
        seconds = min(_timed(run) for _ in range(1 if stage == "train" else 3))
        if stage in READS:
            work = _bytes(root, stage, table)
            floor = {"bytes": work, "floor_seconds": work / rates["bytes"]}
        else:
            work = _flops(run)
            floor = {"flops": work, "floor_seconds": work / rates["flops"]}
        found[stage] = {"seconds": seconds, **floor, "profile": _profile(run)}
    return found


def _timed(what: Callable[[], object]) -> float:
    started = time.perf_counter()
    what()
    return time.perf_counter() - started


def _bytes(root: str, stage: str, table: Any) -> float:
    workspace = Workspace(root)
    reads, writes = READS[stage]
    folders = [Path(str(workspace.root)) / artefact.folder for artefact in (*reads, *writes)]
    stored = sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file())
    return float(stored + (table.memory_usage(deep=True).sum() if stage == "split" else 0))


def _flops(run: Callable[[], None]) -> float:
    counter, threads = FlopCounterMode(display=False), torch.get_num_threads()
    torch.set_num_threads(1)  # it sees what its own thread does
    try:
        with counter:
            run()
    finally:
        torch.set_num_threads(threads)
    return float(counter.get_total_flops())


def _profile(run: Callable[[], None]) -> list[dict[str, Any]]:
    profile = cProfile.Profile()
    profile.runcall(run)
    entries = pstats.Stats(profile).get_stats_profile()
    total = entries.total_tt
    busiest = sorted(entries.func_profiles.items(), key=lambda each: -each[1].tottime)[:FUNCTIONS]
    return [{"function": _plain(name), "share": each.tottime / total} for name, each in busiest]


def _plain(name: str) -> str:
    return name.strip("<{}>").removeprefix("built-in method ").removeprefix("method ")


def _print(found: dict[str, Any]) -> None:
    rates = found["rates"]
    print(f"{rates['flops'] / 1e9:,.0f} GFLOP/s with {rates['threads']} threads, {rates['bytes'] / 1e9:,.1f} GB/s")
    table = Table("stage", "seconds", "floor, seconds", "times the floor", "where it goes")
    for stage, each in found["stages"].items():
        told = ", ".join(f"{line['function']} {line['share']:.0%}" for line in each["profile"])
        times = each["seconds"] / each["floor_seconds"]
        table.add_row(stage, f"{each['seconds']:.3f}", f"{each['floor_seconds']:.4f}", f"{times:,.1f}", told)
    Console(width=140).print(table)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, default=CENSUS)
    parser.add_argument("--epochs", type=float, default=2.0)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    return parser.parse_args()


if __name__ == "__main__":
    main()
