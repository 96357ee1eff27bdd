"""generate: from a model to synthetic rows, shard by shard."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synth_engine.domain import (
    FairnessConfig,
    GenerateConfig,
    ImputationConfig,
    ProgressCallback,
    RareCategoryReplacementMethod,
    RebalancingConfig,
)
from synth_engine.domain.progress import Progress
from synth_engine.domain.randomness import fresh_seed, generator
from synth_engine.stages.keys import make_keys
from synth_engine.stages.statistics import FILE_NAME, TableStatistics
from synth_engine.stages.table_input import TableLike
from synth_engine.stages.unavailable import refuse
from synth_engine.workspace import Artefact, Workspace
from synth_engine.workspace.artefacts import part_name

if TYPE_CHECKING:  # it takes seconds to import, and only generation needs it
    import torch


def generate(  # noqa: PLR0913
    *,
    ctx_data: TableLike | None = None,
    seed_data: TableLike | None = None,
    sample_size: int | None = None,
    batch_size: int | None = None,
    sampling_temperature: float = 1.0,
    sampling_top_p: float = 1.0,
    device: "torch.device | str | None" = None,
    rare_category_replacement_method: RareCategoryReplacementMethod | str = RareCategoryReplacementMethod.constant,
    rebalancing: RebalancingConfig | dict[str, Any] | None = None,
    imputation: ImputationConfig | dict[str, Any] | None = None,
    fairness: FairnessConfig | dict[str, Any] | None = None,
    workspace_dir: str | Path = "engine-ws",
    update_progress: ProgressCallback | None = None,
    random_state: int | None = None,
) -> None:
    """Generate synthetic rows with the model of a workspace.

    Makes ``SyntheticData``: Parquet files with the original columns, in their order and with their types. Needs only
    the ``ModelStore`` of the workspace.

    Args:
        ctx_data: Not available yet.
        seed_data: Not available yet.
        sample_size: Number of rows; None stands for the number of original rows, 0 gives an empty table.
        batch_size: Rows drawn at a time; bounds the memory. None chooses.
        sampling_temperature: 1 draws from the learned distribution, less makes likely values likelier; at 0 always the
            most likely one.
        sampling_top_p: Draw only from the most likely values that together reach this probability.
        device: ``cpu`` or ``cuda``; None takes a GPU where there is one.
        rare_category_replacement_method: ``CONSTANT`` shows rare categories as ``_RARE_``, ``SAMPLE`` draws others. In
            place of rare characters others are drawn in any case.
        rebalancing: Not available yet.
        imputation: Not available yet.
        fairness: Not available yet.
        workspace_dir: Path or fsspec URL of a workspace with a trained model.
        update_progress: Called with the number of rows done.
        random_state: Seed; None takes a new one, so that every call gives other rows.

    Raises:
        ArtefactError: there is no trained model, or its files are damaged.
        InputError: an argument that cannot be used, named in the message.
    """
    refuse(
        "generate",
        ctx_data=ctx_data,
        seed_data=seed_data,
        rebalancing=rebalancing,
        imputation=imputation,
        fairness=fairness,
    )
    config = GenerateConfig.of(
        sample_size=sample_size,
        batch_size=batch_size,
        sampling_temperature=sampling_temperature,
        sampling_top_p=sampling_top_p,
        device=None if device is None else str(device),
        rare_category_replacement_method=rare_category_replacement_method,
        random_state=random_state,
    )
    from synth_engine.stages.devices import resolve_device
    from synth_engine.stages.model_files import load_network
    from synth_engine.stages.tabular_rows import SHARD_ROWS, RowSource

    target = resolve_device(config.device)
    workspace = Workspace(workspace_dir)
    stats = workspace.read(Artefact.TGT_STATS)
    model = workspace.read(Artefact.MODEL_DATA, made_from={Artefact.TGT_STATS: stats.manifest})
    if not model.manifest.facts.get("finished", True):
        warnings.warn(
            f"{workspace.folder(Artefact.MODEL_DATA)}: its training was interrupted, so the best model up to then is "
            "used; run train with model_state_strategy='RESUME' to go on with it",
            stacklevel=2,
        )
    statistics = TableStatistics.model_validate(stats.json(FILE_NAME))
    source = RowSource(
        statistics=statistics,
        network=load_network(model, statistics, target),
        config=config,
        seed=fresh_seed() if config.random_state is None else config.random_state,
    )
    n_rows = statistics.total_records if config.sample_size is None else config.sample_size
    inputs = {Artefact.MODEL_DATA: model.manifest, Artefact.TGT_STATS: stats.manifest}
    _check_last_key(statistics, n_rows)
    progress = Progress(update_progress, "generate", total=n_rows, unit="rows")
    with workspace.replace(Artefact.SYNTHETIC_DATA, config=config.model_dump(mode="json"), inputs=inputs) as writer:
        for shard in range(max(1, -(-n_rows // SHARD_ROWS))):
            rows = min(SHARD_ROWS, n_rows - shard * SHARD_ROWS)
            writer.write_table(part_name(shard), source.shard(shard, rows))
            progress.report(advance=rows)


def _check_last_key(statistics: TableStatistics, n_rows: int) -> None:
    """Refuse more rows than there are keys before the work of many shards is lost."""
    key = statistics.keys.primary_key
    if key is not None and n_rows > 0:
        make_keys(statistics.schema.field(key), 1, n_rows - 1, generator(0, "generate", "last key"))
