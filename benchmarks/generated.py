"""Tables of any size for the benchmarks of cost: mixed columns that hang together by one hidden number a row."""

import numpy as np
import pyarrow as pa

CHUNK = 1_000_000  # rows of one seed


def make_table(n_rows: int, n_columns: int = 10, cardinality: int = 20, seed: int = 0) -> pa.Table:
    """A table of categories, amounts, whole numbers, dates and flags in turn; `cardinality` is that of categories.

    Narrow types, so that 100 million rows fit into memory.
    """
    sizes = [min(CHUNK, n_rows - start) for start in range(0, n_rows, CHUNK)]
    chunks = [_chunk(size, n_columns, cardinality, (seed, place)) for place, size in enumerate(sizes)]
    return pa.concat_tables(chunks).unify_dictionaries()


def _chunk(n_rows: int, n_columns: int, cardinality: int, seed: tuple[int, int]) -> pa.Table:
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal(n_rows, dtype=np.float32)
    columns = {}
    for place in range(n_columns):
        noisy = 0.7 * hidden + 0.7 * rng.standard_normal(n_rows, dtype=np.float32)
        kind = ("category", "amount", "count", "date", "flag")[place % 5]
        columns[f"{kind}_{place}"] = _column(kind, noisy, cardinality)
    return pa.table(columns)


def _column(kind: str, noisy: np.ndarray, cardinality: int) -> pa.Array:
    if kind == "category":  # a long tail, as categories have
        shares = 1 / (1 + np.exp(-noisy.astype(np.float64)))
        codes = np.minimum((cardinality * shares**3).astype(np.int32), cardinality - 1)
        return pa.DictionaryArray.from_arrays(codes, pa.array([f"value {code}" for code in range(cardinality)]))
    if kind == "amount":
        return pa.array(np.round(np.exp(3 + noisy), 2).astype(np.float32))
    if kind == "count":
        return pa.array(np.floor(np.exp(1 + noisy)).astype(np.int32))
    if kind == "date":
        return pa.array((18_000 + 365 * noisy).astype(np.int32)).cast(pa.date32())
    return pa.array(noisy > 0)
