"""shadow_audit: what the settings of a dataset leak about people who stand out, by small models trained on demand."""

from collections.abc import Iterator
from typing import Any

from dagster import (
    Config,
    DynamicOut,
    DynamicOutput,
    Failure,
    In,
    MaterializeResult,
    Nothing,
    OpExecutionContext,
    Out,
    Output,
    RetryPolicy,
    graph_asset,
    op,
)
from pydantic import Field

from synth_engine.audit import AuditPlan, Shadow, finish_audit, plan_audit, train_shadow
from synth_engine.domain import UserError
from synth_pipeline import metadata
from synth_pipeline.assets.shared import CPU, GPU, SHAREABLE, after, waiting_for
from synth_pipeline.partitions import datasets
from synth_pipeline.resources import Storage
from synth_pipeline.stages import gpu_memory_given_back

_PLAN, _NUMBERS = "plan", "numbers"


class AuditConfig(Config):
    """How thorough the audit is."""

    n_shadows: int = Field(8, ge=2, description="How many small models are trained.")
    n_targets: int = Field(100, ge=10, description="How many people are asked about.")
    n_rows: int = Field(2_000, ge=100, description="Rows of each training, at most.")
    max_epochs: float = Field(30.0, gt=0, description="Epochs of each training, at most.")
    seed: int = Field(0, description="Of coins and trainings.")


@op(**CPU, ins=waiting_for("model_store"), out={_PLAN: Out(dict), _NUMBERS: DynamicOut(int)})
def plan_shadows(context: OpExecutionContext, config: AuditConfig) -> Iterator[Output[Any] | DynamicOutput[Any]]:
    """Choose people who stand out, and on which rows models are trained."""
    try:
        plan = plan_audit(_place(context), **config.model_dump())
    except UserError as error:
        raise Failure(description=f"{context.partition_key}: {error}", allow_retries=False) from error
    yield Output(plan.model_dump(mode="json"), _PLAN)
    for number in range(plan.n_shadows):
        yield DynamicOutput(number, mapping_key=str(number), output_name=_NUMBERS)


@op(**GPU, ins={_PLAN: In(dict), "number": In(int)}, out=Out(dict), retry_policy=RetryPolicy(max_retries=2))
def train_one_shadow(context: OpExecutionContext, plan: dict[str, Any], number: int) -> dict[str, Any]:
    """Train one model in a temporary workspace, and ask it about everybody chosen."""
    try:
        with gpu_memory_given_back():
            return train_shadow(_place(context), AuditPlan.model_validate(plan), number).model_dump(mode="json")
    except UserError as error:
        raise Failure(description=f"{context.partition_key}: {error}", allow_retries=False) from error


@op(**CPU, ins={_PLAN: In(dict), "shadows": In(list), **waiting_for("model_store")}, out=Out(Nothing))
def count_guesses(
    context: OpExecutionContext, plan: dict[str, Any], shadows: list[dict[str, Any]]
) -> MaterializeResult[Any]:
    """How well it can be told who was in which training."""
    found = finish_audit(AuditPlan.model_validate(plan), [Shadow.model_validate(shadow) for shadow in shadows])
    return MaterializeResult(metadata=metadata.shadow_audit(found))


def _place(context: OpExecutionContext) -> str:
    storage: Storage = context.resources.storage
    return str(storage.workspace(context.partition_key).root)


@graph_asset(
    partitions_def=datasets,
    group_name="audit",
    owners=["team:synthetic-data"],
    ins=after("model_store"),
    kinds={"pytorch"},
    tags=SHAREABLE,
)
def shadow_audit(model_store: Any) -> Any:
    """What the dataset's settings can leak about people who stand out; on demand, it trains many small models."""
    plan, numbers = plan_shadows(model_store=model_store)
    shadows = numbers.map(lambda number: train_one_shadow(plan, number)).collect()
    return count_guesses(plan=plan, shadows=shadows, model_store=model_store)
