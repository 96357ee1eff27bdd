"""Processes that generate, or draw shards of a plan, and that can be killed. They note down every shard they begin."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from synth_engine import generate
from synth_engine.stages import GenerationPlan, draw_shards
from synth_engine.stages.generating import row_source, shard_sizes
from synth_engine.workspace import Draft, storage

SHARD_ROWS = 10

# What a run does of every shard, and of all at the end.
_STEPS: tuple[tuple[Any, str], ...] = ((Draft, "write_table"), (storage, "put"), (os, "replace"), (os, "rename"))

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])


def generating(root: str, log: Path, dies_at: int | None = None, **arguments: Any) -> BaseProcess:
    """A process that generates, with these arguments of `generate`; it can die when so many steps are behind it."""
    process = CONTEXT.Process(target=_generate, args=(root, log, dies_at, arguments), daemon=True)
    process.start()
    return process


def shards_begun(log: Path) -> list[int]:
    """Every shard that was begun, as often as it was."""
    return [int(line) for line in log.read_text().split()] if log.exists() else []


def wait_for_shards(log: Path, n_shards: int, process: BaseProcess) -> None:
    """Until so many were begun, or the process is done."""
    end = time.monotonic() + 120
    while process.is_alive() and len(shards_begun(log)) < n_shards:
        assert time.monotonic() < end
        time.sleep(0.001)


def draw_in_processes(plan: GenerationPlan, root: str, log: Path, shares: Sequence[Sequence[int]]) -> None:
    """Let as many processes as there are shares draw one share each, at the same time."""
    with ProcessPoolExecutor(len(shares), CONTEXT) as pool:
        list(pool.map(_draw, [plan.model_dump_json()] * len(shares), [root] * len(shares), [log] * len(shares), shares))


def _generate(root: str, log: Path, dies_at: int | None, arguments: dict[str, Any]) -> None:
    _prepare(log)
    if dies_at is not None:
        _die_at(dies_at)
    generate(workspace_dir=root, **arguments)


def _die_at(step: int) -> None:
    left = step

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            nonlocal left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return original(*args)

        return call

    for owner, name in _STEPS:
        setattr(owner, name, counted(getattr(owner, name)))


def _draw(plan: str, root: str, log: Path, shards: Sequence[int]) -> None:
    _prepare(log)
    draw_shards(GenerationPlan.model_validate_json(plan), shards, workspace_dir=root)


def _prepare(log: Path) -> None:
    torch.set_num_threads(1)
    shard_sizes.SHARD_ROWS = SHARD_ROWS
    original = row_source.RowSource.shard

    def shard(self: row_source.RowSource, number: int) -> pa.Table:
        note = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(note, f"{number}\n".encode())
        os.close(note)
        return original(self, number)

    row_source.RowSource.shard = shard
