"""generate: from a model to synthetic rows, shard by shard."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synth_engine.domain import (
    Constraint,
    FairnessConfig,
    GenerateConfig,
    ImputationConfig,
    ProgressCallback,
    RareCategoryReplacementMethod,
    RebalancingConfig,
)
from synth_engine.domain.progress import Progress
from synth_engine.stages.generating.generation import Generation, GivenTables
from synth_engine.stages.table_input import TableLike
from synth_engine.workspace import Workspace

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
    constraints: Sequence[Constraint | dict[str, Any]] | None = None,
    workspace_dir: str | Path = "engine-ws",
    update_progress: ProgressCallback | None = None,
    random_state: int | None = None,
) -> None:
    """Generate synthetic rows with the model of a workspace.

    Makes ``SyntheticData``: Parquet files with the original columns, in their order and with their types. Needs only
    the ``ModelStore`` of the workspace. Where rows are events of subjects, those of one stand together and in order;
    some subjects may have none. Subjects are those of `ctx_data`; without a context table they are new, as are their
    keys. A call with the settings of one that was interrupted goes on where that one
    was, without a `random_state` with its seed; what was drawn is kept for a day, or until other rows are asked for.

    A language model writes records under a grammar of each column, so that all are valid: categories that may be shown,
    numbers and dates in their ranges, texts up to a protected length. It takes seed data, imputation and rebalancing as
    a tabular model does, one record for each subject, and neither fairness nor constraints; it never shows rare
    categories. Temperature and top-p are of tokens.

    Args:
        ctx_data: The subjects whose events are generated, for a model with a context table: its primary key and all of
            its modelled columns; others are not looked at. Give synthetic subjects, made by a model of their own; the
            original ones only if events of real people are what you want. Refused for all other models.
        seed_data: Columns that are given, one row for every row to come; any of the original ones. They come back as
            they are, also values that the model has never seen, and nulls; the other columns are drawn to fit them. A
            primary key among them is kept. With a context key, which must be among them then, rows are the first
            events of their subjects, in this order, and further events follow.
        sample_size: Number of rows; None stands for the number of original rows, or of `seed_data`. 0 gives an empty
            table. With a context key the number of subjects, of whom those in `seed_data` are the first.
        batch_size: Rows drawn at a time; bounds the memory. None chooses.
        sampling_temperature: 1 draws from the learned distribution, less makes likely values likelier; at 0 always the
            most likely one.
        sampling_top_p: Draw only from the most likely values that together reach this probability.
        device: ``cpu`` or ``cuda``; None takes a GPU where there is one.
        rare_category_replacement_method: ``CONSTANT`` shows rare categories as ``_RARE_``, ``SAMPLE`` draws others. In
            place of rare characters others are drawn in any case.
        rebalancing: Shares that categories of a column are to have. The other categories of that column share out the
            rest in proportion, and all other columns are drawn to fit. Exact to the row; with a context key they are
            the probabilities of each event.
        imputation: Columns in which no null is drawn. In `seed_data` their nulls are not given but filled, each row
            given all else that is known of it.
        fairness: A categorical column that is to have the same distribution in every group of rows that have the same
            values in the sensitive columns. Its values are drawn anew at the end, changed as little as that takes; the
            other columns are what they would have been. Not with a context key.
        constraints: What every row fulfils: `InequalityConstraint`, `RangeConstraint`, `CombinationsConstraint`, or
            dicts such as ``{"type": "inequality", "low": "ordered", "high": "delivered"}``. Values that would break one
            are not drawn; given ones must keep them.
        workspace_dir: Path or fsspec URL of a workspace with a trained model.
        update_progress: Called with the number of rows done, or subjects; at once with what a former call had drawn.
        random_state: Seed; None takes a new one, so that every call gives other rows.

    Raises:
        ArtefactError: there is no trained model, or its files are damaged.
        InputError: an argument that cannot be used, named in the message.
    """
    config = GenerateConfig.of(
        sample_size=sample_size,
        batch_size=batch_size,
        sampling_temperature=sampling_temperature,
        sampling_top_p=sampling_top_p,
        device=None if device is None else str(device),
        rare_category_replacement_method=rare_category_replacement_method,
        rebalancing=rebalancing,
        imputation=imputation,
        fairness=fairness,
        constraints=None if constraints is None else list(constraints),
        random_state=random_state,
    )
    with Generation.begin(Workspace(workspace_dir), config, GivenTables(seed_data, ctx_data), alone=True) as generation:
        plan = generation.plan
        progress = Progress(update_progress, "generate", total=plan.n_rows, unit=plan.unit)
        if plan.drawn:
            done = generation.done()
            progress.report(advance=done, continued_from=done)
        for shard in plan.missing:
            progress.report(advance=generation.draw(shard))
        generation.finish()
