"""Language tables: which keys they may have, and their encoded data.

Belongs here: what split and encode do otherwise than for tabular models. Does not belong here: how values are written,
which is the encodings' part.
"""

from collections.abc import Iterator, Mapping

import pyarrow as pa

from synth_engine.domain import InputError
from synth_engine.encodings.language import LanguageEncoding
from synth_engine.parallel import map_in_threads
from synth_engine.stages.relations import Subjects

TARGET, CONTEXT = "tgt/", "ctx/"
"""What names of columns in the encoded data begin with."""


def check_one_each(subjects: Subjects | None, key: str | None) -> None:
    """Raise `InputError` where a subject has more than one row.

    Args:
        subjects: Whom the rows of the target belong to; None where each is a subject of its own.
        key: The context key, for the error.
    """
    if subjects is None or subjects.lengths.max(initial=0) <= 1:
        return
    n_many = int((subjects.lengths > 1).sum())
    raise InputError(
        f"tgt_context_key: a language model makes at most one row for each key of column {key!r}, "
        f"found {n_many} key(s) with up to {int(subjects.lengths.max())} rows; "
        "keep one row of each, or leave tgt_context_key out"
    )


def encode_records(
    target: pa.Table,
    columns: Mapping[str, LanguageEncoding],
    context: pa.Table | None,
    context_columns: Mapping[str, LanguageEncoding],
) -> pa.Table:
    """A row of JSON literals for each record, as ``large_string`` without nulls.

    Args:
        target: The records.
        columns: Encodings of their columns.
        context: The context row of each record; None where there is no context table.
        context_columns: Encodings of the columns of these.
    """
    literals = dict(written(target, columns, TARGET))
    if context is not None:
        literals |= written(context, context_columns, CONTEXT)
    return pa.table(literals, schema=pa.schema([pa.field(name, pa.large_string(), False) for name in literals]))


def written(
    table: pa.Table, columns: Mapping[str, LanguageEncoding], prefix: str = ""
) -> Iterator[tuple[str, pa.Array]]:
    """The literals of each modelled column; raises `InputError` naming the column whose values cannot be written."""

    def literals(name: str) -> tuple[str, pa.Array]:
        try:
            return f"{prefix}{name}", columns[name].write(table[name].combine_chunks())
        except InputError as error:
            raise InputError(f"column {name!r}: {error}") from None

    return map_in_threads(literals, columns)
