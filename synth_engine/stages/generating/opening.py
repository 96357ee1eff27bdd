"""What generation draws from: the model of a workspace, and what the user wants of it. With this comes torch."""

from typing import TYPE_CHECKING, TypeAlias

from synth_engine.domain import GenerateConfig, InputError, ModelType
from synth_engine.stages.generating.context_data import NO_CONTEXT
from synth_engine.stages.generating.opened_model import OpenedModel
from synth_engine.stages.generating.row_source import RowSource
from synth_engine.stages.generating.sequence_source import SequenceSource
from synth_engine.stages.models import check_installed
from synth_engine.stages.table_input import TableLike
from synth_engine.workspace import Workspace

if TYPE_CHECKING:  # needs the libraries of language models, which not everybody has
    from synth_engine.stages.generating.record_source import RecordSource

Source: TypeAlias = "RowSource | SequenceSource | RecordSource"
"""Where shards come from, one as the other: `unit`, `n_rows` of that unit, `n_shards`, `size` and rows of a `shard`."""


def open_source(
    workspace: Workspace,
    config: GenerateConfig,
    seed_data: TableLike | None = None,
    ctx_data: TableLike | None = None,
) -> Source:
    """Open the model of a workspace, and check all that is wanted of it before any row is drawn.

    Args:
        workspace: With a trained model; needs of it nothing but ``ModelStore``.
        config: Settings of `generate`.
        seed_data: Columns that are given, or first events.
        ctx_data: Subjects that are given.

    Raises:
        ArtefactError: there is no trained model, or its files are damaged.
        InputError: something that the model cannot do, naming the parameter and the column.
    """
    model = OpenedModel.of(workspace, stacklevel=4)
    if model.configs.model_type is ModelType.LANGUAGE:
        check_installed(ModelType.LANGUAGE)
        from synth_engine.stages.generating.record_source import RecordSource

        return RecordSource.of(model, config, seed_data, ctx_data)
    if model.statistics.keys.context_key is not None:
        return SequenceSource.of(model, config, seed_data, ctx_data)
    if ctx_data is not None:
        raise InputError(NO_CONTEXT)
    return RowSource.of(model, config, seed_data)
