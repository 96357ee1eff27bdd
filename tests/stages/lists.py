"""What the tests of context columns of lists share."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from synth_engine.stages.lists import ListEncoding
from synth_engine.stages.original import Original
from synth_engine.workspace import Artefact, Workspace
from tests.stages.subjects import RELATED, encoded, statistics

EVENTS = pd.DataFrame({"owner": pd.Series([], dtype="int64"), "value": pd.Series([], dtype="float64")})


def context(lists: Any, n_rows: int | None = None) -> pa.Table:
    """Subjects with a column of lists, from an Arrow array or from Python lists."""
    column = lists if isinstance(lists, pa.Array) else pa.array(lists)
    rows = column if n_rows is None else column.take(pa.array(np.arange(n_rows) % len(column)))
    return pa.table({"id": np.arange(len(rows)), "lists": rows})


def codes_of(root: str, subjects: Any, events: pd.DataFrame = EVENTS, **options: Any) -> tuple[pa.Table, ListEncoding]:
    """Encoded data, in the order of the subjects, and the encoding of the list column."""
    codes = encoded(root, events, subjects, **RELATED, **options)
    original = Original.read(Workspace(root)).context
    assert original is not None
    keys = np.concatenate([original.column(part, "id").to_numpy() for part in original.parts])
    return codes.take(pa.array(np.argsort(keys))), statistics(root, Artefact.CTX_STATS).lists["lists"]
