"""Claims: one run at a time writes the workspace of a dataset.

A claim lies in the workspace itself, so that it also holds between deployments that share nothing but the storage. All
steps of a run share it, on any machine. It ends with the run's last asset, or is taken over: at once if Dagster knows
that its run has ended, or by a retry of that run; after `ABANDONED_AFTER` seconds without a sign of life if Dagster
does not know the run. A run that Dagster takes for alive keeps it, also between its steps: it may be waiting for a GPU.

Belongs here: who may write. Does not belong here: queues, which keep such runs from starting (`dagster.yaml`).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Self

from dagster import DagsterInstance, DagsterRun
from pydantic import BaseModel, ConfigDict, ValidationError

from synth_engine.domain import UserError
from synth_engine.workspace import NumberedFile, Workspace

FOLDER = "OriginalData/pipeline/claim"
SIGN_OF_LIFE = 30.0
ABANDONED_AFTER = 600.0
_ATTEMPTS = 10


class Claim(BaseModel):
    """What a claim says.

    Attributes:
        run_id: Whose it is.
        root_run_id: The run of which that is a retry, or itself.
        since: When it was made, in seconds since 1970.
        seen: When one of the run's steps was last known to be at work.
        is_over: Whether the run has given it back.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    run_id: str
    root_run_id: str
    since: float
    seen: float
    is_over: bool = False

    @classmethod
    def of(cls, run: DagsterRun) -> Self:
        """A new claim of a run."""
        now = time.time()
        return cls(run_id=run.run_id, root_run_id=run.root_run_id or run.run_id, since=now, seen=now)


class HeldClaim:
    """The claim of a run, as one of its steps holds it."""

    def __init__(self, file: NumberedFile, number: int, claim: Claim) -> None:
        self._file, self._number, self._claim = file, number, claim
        self._stopped = threading.Event()
        self._writing = threading.Lock()

    def release(self) -> None:
        """Give it back, for the run is about to end."""
        with self._writing:
            self._stopped.set()
            if self._is_ours():
                self._file.rewrite(self._number, self._claim.model_copy(update={"is_over": True}).model_dump())

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Give signs of life while the block runs."""
        thread = threading.Thread(target=self._give_signs, name="claim", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()

    def _give_signs(self) -> None:
        while not self._stopped.wait(SIGN_OF_LIFE):
            with self._writing:
                if self._stopped.is_set():
                    return
                try:
                    if not self._is_ours():
                        return
                    self._file.rewrite(self._number, self._claim.model_copy(update={"seen": time.time()}).model_dump())
                except (
                    UserError
                ):  # the storage is out of reach for a moment; the step itself will tell if it is for long
                    continue

    def _is_ours(self) -> bool:
        number, content = self._file.read()
        return number == self._number and content is not None and content.get("run_id") == self._claim.run_id


@contextmanager
def claimed(workspace: Workspace, dataset: str, run: DagsterRun, instance: DagsterInstance) -> Iterator[HeldClaim]:
    """Hold the claim of a run on a workspace while a step is at work; the run keeps it afterwards.

    Args:
        workspace: The dataset's.
        dataset: Its name.
        run: The run that the step is a part of.
        instance: What knows of other runs.

    Raises:
        UserError: another run writes this workspace; which one, and since when.
    """
    held = _hold(NumberedFile(workspace.root / FOLDER), dataset, Claim.of(run), instance)
    with held.alive():
        yield held


def _hold(file: NumberedFile, dataset: str, wanted: Claim, instance: DagsterInstance) -> HeldClaim:
    for _ in range(_ATTEMPTS):
        number, content = file.read()
        found = _read(content)
        if found is not None and found.run_id == wanted.run_id and not found.is_over:
            return HeldClaim(file, number, found)
        if found is not None and not _may_be_taken_over(found, wanted, instance):
            break
        if file.replace(number, wanted.model_dump()):
            return HeldClaim(file, number + 1, wanted)
    raise UserError(_conflict(dataset, found))


def _read(content: dict[str, object] | None) -> Claim | None:
    try:
        return Claim.model_validate(content or {})
    except ValidationError:
        return None


def _may_be_taken_over(found: Claim, wanted: Claim, instance: DagsterInstance) -> bool:
    if found.is_over or found.root_run_id == wanted.root_run_id:
        return True
    run = instance.get_run_by_id(found.run_id)
    return time.time() - found.seen > ABANDONED_AFTER if run is None else run.is_finished


def _conflict(dataset: str, found: Claim | None) -> str:
    if found is None:
        return f"several runs want to write the workspace of {dataset!r} at the same moment; start this one again"
    since = datetime.fromtimestamp(found.since, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return (
        f"run {found.run_id} has been writing this workspace since {since}, and two runs must not; wait for it or "
        "cancel it, then start this one again"
    )
