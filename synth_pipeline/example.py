"""One synthetic subject and its events, as an example for people in front of a terminal.

Belongs here: which subject and which columns are shown. Does not belong here: any original row; none is read.
"""

from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from synth_engine.summary import synthetic_table
from synth_pipeline.parents import parent_of
from synth_pipeline.resources import Storage
from synth_pipeline.sequences import synthetic_subjects

# A sequence is something to look at if it is neither trivial nor a page long.
_FEW, _MANY = 4, 8
_N_COLUMNS = 6
_WIDTH = 16


def print_example(console: Console, storage: Storage, name: str) -> None:
    """Show the first synthetic subject of a dataset that has a few events; nothing, if there is none.

    Args:
        console: Where to print.
        storage: Where the datasets are.
        name: A dataset with a context.
    """
    config = storage.catalog.load(name)
    parent = parent_of(config, storage)
    if parent is None or config.context_key is None:
        return
    lengths = synthetic_subjects(storage.workspace(name), config.context_key, parent).lengths
    fitting = np.flatnonzero((lengths >= _FEW) & (lengths <= _MANY))
    if len(fitting) == 0:
        return
    subject = parent.twin().slice(int(fitting[0]), 1).to_pandas()
    events = synthetic_table(str(storage.workspace(name).root)).to_pandas()
    [key] = subject[parent.config.primary_key]
    keys = {config.context_key, config.primary_key, parent.config.primary_key}
    told = ", ".join(_cell(value) for value in subject[_columns(subject, keys)].iloc[0] if not pd.isna(value))
    console.print(f"\n[bold]One of the synthetic {parent.name}, and the {name}[/]")
    console.print(told, markup=False, highlight=False)
    console.print(_table(events[events[config.context_key] == key], keys))


def _table(rows: pd.DataFrame, keys: set[str | None]) -> Table:
    columns = _columns(rows, keys)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in columns:
        is_number = pd.api.types.is_numeric_dtype(rows[name])
        table.add_column(name, justify="right" if is_number else "left", no_wrap=True, max_width=_WIDTH)
    for values in rows[columns].itertuples(index=False):
        table.add_row(*map(_cell, values))
    return table


def _columns(rows: pd.DataFrame, keys: set[str | None]) -> list[str]:
    return [name for name in rows.columns if name not in keys][:_N_COLUMNS]


def _cell(value: Any) -> str:
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M}"
    return f"{value:,.10g}" if isinstance(value, float) else str(value)
