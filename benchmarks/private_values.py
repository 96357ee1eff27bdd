"""What differential privacy of values costs: real rows, encoded and decoded, against what they were. No model.

    python -m benchmarks.private_values ../shared/data/census.csv.gz 1 10

Prints per column the total variation distance between the marginals of original and decoded rows (numbers in 50 bins of
equal mass, everything else by value), with thresholds and with each epsilon for the whole table, mean of five draws of
noise; and of categories how many are kept. Rare values count as lost, although generation redraws them as others.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.data import load_table
from synth_engine.encodings import detect, fitter
from synth_engine.privacy import TableBudget, ValueProtection, secure_source

N_BINS = 50
N_DRAWS = 5
DELTA = 0.5e-5


def total_variation(original: pa.Array, decoded: pa.Array) -> float:
    """Distance between two marginals, from 0 to 1."""
    one, other = original.to_pandas(), decoded.to_pandas()
    if pd.api.types.is_numeric_dtype(one):
        edges = np.unique(np.nanquantile(one, np.linspace(0, 1, N_BINS + 1)))
        one, other = (
            pd.Series(np.searchsorted(edges, some, side="right")).where(some.notna()) for some in (one, other)
        )
    shares = pd.concat([some.value_counts(normalize=True, dropna=False) for some in (one, other)], axis=1).fillna(0)
    return float((shares.iloc[:, 0] - shares.iloc[:, 1]).abs().sum() / 2)


def distances(table: pa.Table, epsilon: float | None) -> tuple[dict[str, float], dict[str, int]]:
    """Distance of each column, and the number of categories kept; None for thresholds."""
    rng = np.random.default_rng()
    found, kept = {}, {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        by = fitter(detect(column.type))
        summary, protection = by.summarise(column), ValueProtection(enabled=epsilon is None)
        if epsilon is not None:
            # The exact number of rows: that of `analyze` has noise, which hardly matters here.
            budget = TableBudget.of(epsilon, DELTA, table.column_names).for_column(name, secure_source, len(table))
            summary = by.release(summary, column.type, budget)
        encoding = by.fit(summary, column.type, protection, rng)
        found[name] = total_variation(column, encoding.decode(encoding.encode(column), rng))
        if hasattr(encoding, "categories"):
            kept[name] = len(encoding.categories)
    return found, kept


def main() -> None:
    """Print the table."""
    table = pa.Table.from_pandas(load_table(Path(sys.argv[1])), preserve_index=False)
    ways = [None, *map(float, sys.argv[2:])]
    drawn = {way: [distances(table, way) for _ in range(N_DRAWS)] for way in ways}
    means = {way: pd.DataFrame([found for found, _ in draws]).mean() for way, draws in drawn.items()}
    kept = {way: pd.DataFrame([some for _, some in draws]).mean() for way, draws in drawn.items()}
    names = {way: "thresholds" if way is None else f"epsilon {way:g}" for way in ways}
    columns = {names[way]: means[way] for way in ways} | {f"kept, {names[way]}": kept[way] for way in ways}
    print(pd.DataFrame(columns, index=table.column_names).round(4).to_string(na_rep=""))
    print("\n".join(f"mean, {names[way]}: {means[way].mean():.4f}" for way in ways))


if __name__ == "__main__":
    main()
