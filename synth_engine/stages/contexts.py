"""Codes of contexts for the network of subjects: from the encoded data, or from the rows of a context table.

Belongs here: the way to `Context`. Does not belong here: how values become codes (`encode`, `lists`), files.
"""

import pyarrow as pa
import torch

from synth_engine.sequences.context import Context, Lists
from synth_engine.stages.encode import encode_context
from synth_engine.stages.encoded_columns import list_codes, matrix, sub_column
from synth_engine.stages.lists import LIST_PART
from synth_engine.stages.model_files import context_layout_of
from synth_engine.stages.statistics import TableStatistics


def context_of(rows: pa.Table, statistics: TableStatistics) -> Context:
    """Codes of contexts that are given for generation.

    Args:
        rows: A context for each subject, with all modelled columns, in the types of the statistics' schema:
            `table_input.to_arrow(..., lists=True)` and `table_schema.as_type` make these of what a user passes.
        statistics: Of the context table that the model was trained with; their order of columns is that of the codes.

    Raises:
        InputError: a value that the encoding of its column cannot take, naming the column.
    """
    codes = encode_context(rows, statistics)
    if not codes:
        return Context(torch.zeros(rows.num_rows, 0, dtype=torch.int32))
    return encoded_context(pa.table(codes), statistics)


def encoded_context(encoded: pa.Table, statistics: TableStatistics | None) -> Context:
    """Codes of contexts as they stand in the encoded data.

    Args:
        encoded: A row for each subject.
        statistics: Of the context table; None where there is none.
    """
    layout = context_layout_of(statistics)
    names = [sub_column(column.name, part) for column in layout.columns for part in column.cardinalities]
    flat = matrix([encoded[name] for name in names], encoded.num_rows)
    lists = [list_codes(encoded[sub_column(name, LIST_PART)]) for name in (statistics.lists if statistics else ())]
    return Context(
        torch.from_numpy(flat),
        tuple(Lists(torch.from_numpy(each.codes), torch.from_numpy(each.offsets)) for each in lists),
    )
