"""Other processes at work on a workspace, which can be killed.

They are forked from a server that has imported everything already, so that each is there at once.
"""

import itertools
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier, Event

from synth_engine.workspace import Artefact, Workspace

FILES = 8

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])


@contextmanager
def writer(root: str, name: str) -> Iterator[BaseProcess]:
    """A process that replaces an artefact over and over; it has done so at least once, and is killed at the end."""
    started = CONTEXT.Event()
    process = CONTEXT.Process(target=_replace_forever, args=(root, name, started), daemon=True)
    process.start()
    try:
        assert started.wait(60)
        yield process
    finally:
        process.kill()
        process.join()
        process.close()


def _replace_forever(root: str, name: str, started: Event) -> None:
    workspace = Workspace(root)
    for turn in itertools.count():
        with workspace.replace(Artefact.TGT_DATA, config={}) as artefact:
            for i in range(FILES):
                artefact.write_bytes(f"file{i}", f"{name} {turn} ".encode() * 1000)
        started.set()


def keys_of(root: str, n_workspaces: int, n_processes: int) -> set[tuple[bytes, ...]]:
    """The keys of new workspaces, as seen by processes that ask for them at the same moment."""
    together = CONTEXT.Barrier(n_processes)
    with ProcessPoolExecutor(n_processes, CONTEXT, initializer=_prepare, initargs=(together, dict(os.environ))) as pool:
        return set(pool.map(_ask_for_keys, [root] * n_processes, [n_workspaces] * n_processes))


_meeting: list[Barrier] = []


def _prepare(together: Barrier, environment: dict[str, str]) -> None:
    _meeting.append(together)
    os.environ.update(environment)  # the server was started before the test said where the object store is


def _ask_for_keys(root: str, n_workspaces: int) -> tuple[bytes, ...]:
    keys = []
    for i in range(n_workspaces):
        workspace = Workspace(f"{root}/{i}")
        _meeting[0].wait(60)
        keys.append(workspace._hash_key())
    return tuple(keys)
