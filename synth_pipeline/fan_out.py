"""One stage by several ops: a plan, work for each of some ops, what they make together.

Belongs here: into how many ops a stage is divided, and what one hands to the next; numbers and names only, for Dagster
stores it. Does not belong here: how the engine does the work (`synth_engine.stages.parts`, `.shards`).
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from dagster import DynamicOutput, Output
from pydantic import BaseModel, ConfigDict

from synth_engine.domain import ProgressCallback, UserError

Item = TypeVar("Item", str, int)

# More steps of a run than these make its page slow, and Dagster needs a tenth of a second for each.
MAX_OPS = 64
BYTES_VARIABLE, ROWS_VARIABLE = "SYNTH_BYTES_PER_OP", "SYNTH_ROWS_PER_OP"
# Where each op is a process, or a container, it takes seconds to start: less work than these is not worth one.
_BYTES_PER_OP = 64 * 2**20
_ROWS_PER_OP = 500_000

PLAN, WORK = "plan", "work"


class Planned(BaseModel):
    """What the first op of a stage hands to the last one.

    Attributes:
        reason: Why the stage runs; None if it has nothing to do.
        seconds: How long planning took.
        plan: The engine's plan; None if there is nothing to do.
        remember: What else the record of the artefact is to hold.
        ops: Number of ops that do the work.
    """

    model_config = ConfigDict(frozen=True)

    reason: str | None
    seconds: float = 0.0
    plan: dict[str, Any] | None = None
    remember: dict[str, Any] = {}
    ops: int = 0


class Work(BaseModel, Generic[Item]):
    """What the first op of a stage hands to one of those that do the work.

    Attributes:
        plan: The engine's plan.
        items: Names of partitions, or numbers of shards, to do.
        begin: Share of the whole that is done before these, if all is done in order.
        end: Share that is done with these.
        total: Size of the whole, in the unit in which progress is told.
    """

    model_config = ConfigDict(frozen=True)

    plan: dict[str, Any]
    items: tuple[Item, ...]
    begin: float
    end: float
    total: float

    def within_whole(self, callback: ProgressCallback | None) -> ProgressCallback | None:
        """A callback that hears of the whole, where the engine tells of these items only."""
        if callback is None:
            return None

        def call(
            total: float | None = None,
            completed: float | None = None,
            advance: float | None = None,
            message: dict[str, Any] | None = None,
            **told: Any,
        ) -> Mapping[str, Any] | None:
            share = min((completed or 0) / total, 1) if total else 1.0
            done = self.total * (self.begin + share * (self.end - self.begin))
            return callback(total=self.total, completed=done, advance=advance, message=message, **told)

        return call


def outputs(
    planned: Planned, items: Sequence[Item], *, weight: Callable[[Item], float], per_op: float, total: float
) -> Iterator[Output[Any] | DynamicOutput[Any]]:
    """What the first op puts out: the plan, and work for as many ops as are worth it.

    Args:
        planned: For the last op.
        items: What is to be done.
        weight: Size of each.
        per_op: How much of that is worth an op.
        total: Size of the whole, in the unit in which progress is told.
    """
    chunks = divided(items, weight, per_op)
    yield Output(planned.model_copy(update={"ops": len(chunks)}).model_dump(mode="json"), PLAN)
    done = 0
    for number, chunk in enumerate(chunks):
        begin, done = done, done + len(chunk)
        work = {
            "plan": planned.plan or {},
            "items": chunk,
            "begin": begin / len(items),
            "end": done / len(items),
            "total": total,
        }
        yield DynamicOutput(work, mapping_key=f"{number:02d}", output_name=WORK)


def divided(items: Sequence[Item], weight: Callable[[Item], float], per_op: float) -> list[list[Item]]:
    """The items, in their order, in chunks of about the same weight: one for each op.

    >>> divided([1, 2, 3, 4, 5], lambda item: 1, per_op=2)
    [[1, 2], [3], [4, 5]]
    """
    if not items:
        return []
    whole = sum(map(weight, items))
    n_ops = max(1, min(len(items), MAX_OPS, round(whole / per_op + 0.5 - 1e-9)))
    chunks: list[list[Item]] = [[] for _ in range(n_ops)]
    before = 0.0
    for place, item in enumerate(items):
        # by the middle of what it adds; as by its place where nothing weighs anything
        middle = (before + weight(item) / 2) / whole if whole else (place + 0.5) / len(items)
        chunks[min(int(middle * n_ops), n_ops - 1)].append(item)
        before += weight(item)
    return [chunk for chunk in chunks if chunk]


def bytes_per_op() -> float:
    """Size of partition files that is worth an op: ``$SYNTH_BYTES_PER_OP``, or 64 MiB."""
    return _setting(BYTES_VARIABLE, _BYTES_PER_OP)


def rows_per_op() -> float:
    """Rows, or subjects, to draw that are worth an op: ``$SYNTH_ROWS_PER_OP``, or 500,000."""
    return _setting(ROWS_VARIABLE, _ROWS_PER_OP)


def _setting(name: str, default: float) -> float:
    told = os.environ.get(name)
    if not told:
        return default
    try:
        value = float(told)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise UserError(f"${name}: expected a number above 0, found {told!r}")
    return value
