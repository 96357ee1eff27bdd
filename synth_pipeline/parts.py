"""Stages that work partition by partition, as ops: what those that plan, work and end have in common.

Belongs here: from an op to the engine's three steps and back. Does not belong here: into how many ops a stage is
divided (`fan_out`), what an asset shows.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dagster import DynamicOutput, Output
from pydantic import BaseModel

from synth_engine.stages import PartsPlan
from synth_engine.workspace import Artefact
from synth_pipeline.fan_out import Planned, Work, bytes_per_op, outputs
from synth_pipeline.stages import Outcome, StageRun

Outputs = Iterator[Output[Any] | DynamicOutput[Any]]


def plan_parts(run: StageRun, settings: BaseModel | None, make_plan: Callable[..., PartsPlan]) -> Outputs:
    """What the op puts out that plans a stage over the partition files of the original table.

    Args:
        run: The stage.
        settings: Its configuration.
        make_plan: The engine's first step.
    """
    reason, begin = run.why(settings), time.monotonic()
    if reason is None:
        yield from nothing_to_do()
        return
    plan = make_plan(workspace_dir=run.place)
    planned = Planned(reason=reason, seconds=time.monotonic() - begin, plan=plan.model_dump(mode="json"))
    files = run.workspace.manifest(Artefact.TGT_DATA).files
    # A plan of which nothing is left to do still has an op: it is the same as ever to whoever looks at the run.
    items = plan.missing or plan.parts[:1]
    yield from outputs(
        planned, items, weight=lambda part: files[part].bytes, per_op=bytes_per_op(), total=float(len(items))
    )


def nothing_to_do() -> Outputs:
    """What the op puts out that found the result of its stage current."""
    yield from outputs(Planned(reason=None), [], weight=lambda item: 0, per_op=1, total=0)


def do_parts(run: StageRun, work: dict[str, Any], step: Callable[..., None]) -> float:
    """Do what one op is to do, by the engine's second step; returns how many seconds it took."""
    told, begin = Work[str].model_validate(work), time.monotonic()
    callback = told.within_whole(run.callback())
    step(PartsPlan.model_validate(told.plan), told.items, workspace_dir=run.place, update_progress=callback)
    return time.monotonic() - begin


def finish(
    run: StageRun, plan: dict[str, Any], done: Sequence[float], step: Callable[[dict[str, Any]], None]
) -> Outcome:
    """End a stage by the engine's third step, if there was anything to do.

    Args:
        run: The stage.
        plan: What the op put out that planned it.
        done: How many seconds each of the ops took that did the work.
        step: Finishes the engine's plan.
    """
    planned, begin = Planned.model_validate(plan), time.monotonic()
    if planned.reason is None or planned.plan is None:
        return run.outcome(None)
    step(planned.plan)
    return run.made(planned.reason, planned.seconds + sum(done) + time.monotonic() - begin, planned.remember)
