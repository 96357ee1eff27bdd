"""Tables without training: encodings of random columns, and a network with random weights that draws their codes.

What masks have to keep is harder to keep here than with a model that has learned it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import TypeAdapter

from synth_engine.domain import Constraint, GenerateConfig
from synth_engine.domain.arrow_types import schema_to_text
from synth_engine.encodings import Encoding, null_codes
from synth_engine.encodings.axes import kind_of
from synth_engine.stages.generating.draw_plan import make_plan
from synth_engine.stages.generating.row_source import RowSource
from synth_engine.stages.generating.seed_data import SeedData
from synth_engine.stages.model_files import layout_of
from synth_engine.stages.statistics import TableStatistics
from synth_engine.tabular.network import TabularNetwork
from tests.encodings.columns import DATES, DURATIONS, NUMBERS, TIMES, TIMESTAMPS, build, fit, fitter, spread
from tests.tabular.helpers import TINY, seeded

_CONSTRAINTS: TypeAdapter[list[Constraint]] = TypeAdapter(list[Constraint])

KINDS = {
    "number": [dtype for dtype in NUMBERS if kind_of(dtype) == "number"],
    "duration": DURATIONS,
    "time of day": TIMES,
    "date": [*DATES, *(dtype for dtype in TIMESTAMPS if dtype.tz is None)],
    "date with a time zone": [dtype for dtype in TIMESTAMPS if dtype.tz is not None],
}
_NUMERIC = ["TABULAR_NUMERIC_DISCRETE", "TABULAR_NUMERIC_BINNED", "TABULAR_NUMERIC_DIGIT"]


def said(*constraints: Mapping[str, Any]) -> list[Constraint]:
    return _CONSTRAINTS.validate_python(list(constraints))


def inequality(low: str, high: str, *, strict: bool = False) -> dict[str, Any]:
    return {"type": "inequality", "low": low, "high": high, "strict": strict}


def between(column: str, low: Any = None, high: Any = None) -> dict[str, Any]:
    return {"type": "range", "column": column, "low": low, "high": high}


def together(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    return {"type": "combinations", "columns": list(names), "rows": [list(row) for row in rows]}


def source(
    encodings: Mapping[str, Encoding], n_rows: int, seed_data: pa.Table | None = None, *, seed: int = 0, **wishes: Any
) -> RowSource:
    """Rows of a network with random weights; raises `InputError` as `generate` does."""
    schema = pa.schema([pa.field(name, encoding.dtype) for name, encoding in encodings.items()])
    statistics = TableStatistics(
        columns=dict(encodings),
        no_of_training_records=n_rows,
        no_of_validation_records=0,
        arrow_schema=schema_to_text(schema),
    )
    network = TabularNetwork(layout_of(statistics), TINY)
    for i, parameter in enumerate(network.parameters()):
        parameter.data.normal_(std=0.7, generator=seeded(1000 * seed + i))
    config = GenerateConfig.of(**wishes)
    filled = config.imputation.columns if config.imputation else ()
    seeds = None if seed_data is None else SeedData.of(seed_data, statistics, filled)
    plan = make_plan(config, statistics, layout_of(statistics), is_flexible=True, seeds=seeds)
    return RowSource(statistics, network.eval(), config, plan, seed, n_rows, seeds, {})


def comparable(kind: str, rng: np.random.Generator) -> dict[str, Encoding]:
    """Columns of one kind, of any types and any encodings with an order that they can have."""
    encodings = {}
    for place in range(rng.integers(2, 5)):
        dtype = KINDS[kind][rng.integers(len(KINDS[kind]))]
        by = [name for name in (*_NUMERIC, "TABULAR_DATETIME") if fitter(name).accepts(dtype)]
        column = build(_values(dtype, int(rng.choice([1, 5, 40, 150])), rng), dtype)
        encodings[f"c{place}"] = fit(fitter(str(rng.choice(by))), column, enabled=bool(rng.random() < 0.3))
    return encodings


def inequalities(names: Sequence[str], rng: np.random.Generator) -> list[dict[str, Any]]:
    """Inequalities without circles, in any direction of the columns' order."""
    ranked = rng.permutation(list(names)).tolist()
    pairs = [(low, high) for place, low in enumerate(ranked) for high in ranked[place + 1 :]]
    chosen = rng.permutation(len(pairs))[: rng.integers(1, 5)]
    return [inequality(*pairs[place], strict=bool(rng.random() < 0.5)) for place in chosen]


def _values(dtype: pa.DataType, size: int, rng: np.random.Generator) -> list[Any]:
    """Popular values among many different ones, near zero or anywhere, with gaps."""
    values = spread(dtype, size, rng)
    if not pa.types.is_floating(dtype) and rng.random() < 0.8:
        low = 0 if pa.types.is_time(dtype) or pa.types.is_unsigned_integer(dtype) else -50
        values = rng.integers(low, 100, size).tolist()
    popular = rng.random(size) < rng.choice([0.0, 0.5])
    values = [values[0] if again else value for again, value in zip(popular, values, strict=True)]
    return [None if rng.random() < 0.1 * (size % 2) else value for value in values]


def with_gaps(table: pa.Table, share: float, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    gaps = [pa.array(rng.random(table.num_rows) < share) for _ in table.columns]
    arrays = []
    for column, gap in zip(table.columns, gaps, strict=True):
        place = np.where(gap.to_numpy(zero_copy_only=False), -1, np.arange(table.num_rows))
        arrays.append(column.combine_chunks().take(pa.array(place, mask=place < 0)))
    return pa.table(arrays, names=table.column_names)


def imputable(encodings: Mapping[str, Encoding]) -> list[str]:
    """Columns that have something to fill a gap with."""
    found = []
    for name, encoding in encodings.items():
        nulls = null_codes(encoding, "CONSTANT")
        never = encoding.never_drawn("CONSTANT")
        sizes = encoding.cardinalities
        if all(len({*nulls[part], *never.get(part, ())}) < size for part, size in sizes.items()):
            found.append(name)
    return found
