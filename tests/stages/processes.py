"""A process that analyzes and encodes a workspace, and is killed at a given step of writing."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any

from synth_engine import analyze, encode
from synth_engine.workspace.drafts import Draft
from synth_engine.workspace.ledger import Ledger
from synth_engine.workspace.staging import Staging
from synth_engine.workspace.writer import ArtefactWriter

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])

# What the process does, in this order and as often as there are artefacts and partitions.
_STEPS: tuple[tuple[type, str], ...] = (
    (Ledger, "add"),
    (Staging, "publish"),
    (ArtefactWriter, "write_table"),
    (Draft, "write_table"),
    (Draft, "publish"),
)


def killed_at(step: int, root: str, options: dict[str, Any]) -> int | None:
    """Let another process work, and die when that many steps of writing are behind it; returns its exit code."""
    process = CONTEXT.Process(target=_work, args=(step, root, options), daemon=True)
    process.start()
    process.join(120)
    code = process.exitcode
    process.kill()
    process.join()
    process.close()
    return code


def _work(step: int, root: str, options: dict[str, Any]) -> None:
    left = step

    def counted(original: Callable[..., None]) -> Callable[..., None]:
        def call(*args: Any, **named: Any) -> None:
            nonlocal left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            original(*args, **named)

        return call

    for owner, name in _STEPS:
        setattr(owner, name, counted(getattr(owner, name)))
    analyze(workspace_dir=root, random_state=0, **options)
    encode(workspace_dir=root)
