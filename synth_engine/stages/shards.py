"""Generation in three steps, so that a pipeline can fan out: a plan, its shards, the artefact that they become.

`generate` does the three in a row. A pipeline spreads the second over processes and machines: all that they share is
the workspace, and the plan, which is plain JSON. Who draws which shard, in which order, how often, and how many die on
the way makes no difference to the bytes.

>>> from synth_engine.domain import GenerateConfig
>>> def in_parallel(workspace: str, map_over):
...     plan = plan_generation(GenerateConfig(sample_size=10_000_000), workspace_dir=workspace)
...     map_over(lambda shard: draw_shards(plan, [shard], workspace_dir=workspace), plan.missing)
...     finish_generation(plan, workspace_dir=workspace)
"""

from collections.abc import Iterable
from pathlib import Path

from synth_engine.domain import GenerateConfig, InputError, ProgressCallback
from synth_engine.domain.progress import Progress
from synth_engine.stages.generating.generation import Generation, GenerationPlan, GivenTables
from synth_engine.stages.table_input import TableLike
from synth_engine.workspace import Workspace


def plan_generation(
    config: GenerateConfig,
    *,
    ctx_data: TableLike | None = None,
    seed_data: TableLike | None = None,
    workspace_dir: str | Path = "engine-ws",
) -> GenerationPlan:
    """Plan a generation, so that others draw its shards. The first of three steps; `generate` is all of them.

    A generation that was begun with the same settings, on the same model, and not finished is gone on with.

    Args:
        config: Parameters of `generate`.
        ctx_data: As in `generate`.
        seed_data: As in `generate`.
        workspace_dir: Path or fsspec URL of a workspace with a trained model.

    Raises:
        ArtefactError: there is no trained model, its files are damaged, or nothing can be written.
        InputError: a setting that cannot be used, named in the message.
    """
    given = GivenTables(seed_data, ctx_data)
    with Generation.begin(Workspace(workspace_dir), config, given, alone=False) as generation:
        return generation.plan


def draw_shards(
    plan: GenerationPlan,
    shards: Iterable[int] | None = None,
    *,
    ctx_data: TableLike | None = None,
    seed_data: TableLike | None = None,
    workspace_dir: str | Path = "engine-ws",
    update_progress: ProgressCallback | None = None,
) -> None:
    """Draw some shards of a plan, in any process on any machine that reaches the workspace. The second step.

    What has been drawn is not drawn again. Memory is that of one shard, however many there are.

    Args:
        plan: What `plan_generation` returned.
        shards: Which ones; None takes all that are missing.
        ctx_data: The same that was planned with.
        seed_data: The same that was planned with.
        workspace_dir: The workspace that was planned in.
        update_progress: Called with the number of rows done, or subjects, of those in these shards.

    Raises:
        ArtefactError: the model was replaced since, or the planned generation was given up for another one.
        InputError: there is no such shard, or the tables are not those of the plan.
    """
    wanted = list(range(plan.n_shards) if shards is None else dict.fromkeys(shards))
    unknown = [shard for shard in wanted if shard not in range(plan.n_shards)]
    if unknown:
        raise InputError(f"shards: expected numbers from 0 to {plan.n_shards - 1}, found {unknown[0]!r}")
    generation = Generation.open(Workspace(workspace_dir), plan, GivenTables(seed_data, ctx_data), to_draw=True)
    if generation is None:
        Progress(update_progress, "generate", total=plan.n_rows, unit=plan.unit).report(advance=plan.n_rows)
        return
    with generation:
        left = generation.missing(wanted)
        sizes = {shard: generation.size(shard) for shard in wanted}
        progress = Progress(update_progress, "generate", total=sum(sizes.values()), unit=plan.unit)
        progress.report(advance=sum(size for shard, size in sizes.items() if shard not in left))
        for shard in left:
            progress.report(advance=generation.draw(shard))


def finish_generation(plan: GenerationPlan, *, workspace_dir: str | Path = "engine-ws") -> None:
    """Make ``SyntheticData`` of the shards of a plan. The third step; does nothing if it has been done.

    Args:
        plan: What `plan_generation` returned.
        workspace_dir: The workspace that was planned in.

    Raises:
        ArtefactError: a shard was not drawn yet, or the planned generation was given up for another one.
    """
    generation = Generation.open(Workspace(workspace_dir), plan, to_draw=False)
    if generation is not None:
        with generation:
            generation.finish()
