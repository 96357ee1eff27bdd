"""A process that trains a workspace, saving a snapshot at every step, and that can be killed."""

import multiprocessing
import signal
import time
from multiprocessing.process import BaseProcess
from typing import Any

import torch

from synth_engine import train
from synth_engine.stages.learning import model_saver
from synth_engine.workspace import Artefact, Workspace

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__, "synth_engine.stages.learning.model_training"])


def started(root: str, **arguments: Any) -> BaseProcess:
    """A process that trains, with these arguments of `train`."""
    process = CONTEXT.Process(target=_train, args=(root, arguments), daemon=True)
    process.start()
    return process


def steps_saved(root: str) -> int:
    """Steps that the snapshot in a workspace knows of; none where there is no unfinished model."""
    workspace = Workspace(root)
    if not workspace.has(Artefact.MODEL_DATA) or workspace.manifest(Artefact.MODEL_DATA).facts["finished"]:
        return 0
    return int(workspace.manifest(Artefact.MODEL_DATA).facts["steps"])


def wait_for_steps(root: str, n_steps: int, process: BaseProcess) -> None:
    """Until a snapshot of so many steps is in place, or the process is done."""
    end = time.monotonic() + 120
    while process.is_alive() and steps_saved(root) < n_steps:
        assert time.monotonic() < end
        time.sleep(0.002)


def _train(root: str, arguments: dict[str, Any]) -> None:
    torch.set_num_threads(1)
    # whatever the server inherited that it is forked from
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    model_saver.FIRST_INTERVAL, model_saver.IN_EPOCH_INTERVAL, model_saver.MAX_SHARE_OF_TIME = 0.0, 0.0, 1e9
    train(workspace_dir=root, **arguments)
