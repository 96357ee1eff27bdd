"""The encoding is the ceiling: what it loses, no model can give back."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from synth_engine.demo import make_shop
from tests.encodings.fidelity import judged

# What chance alone gives a judge who cannot tell, in standard deviations of the AUC for equal halves of n rows.
CHANCE = 4
TARGET = 0.52


def limit(n_rows: int) -> float:
    """The AUC that a column of this many decoded and as many held-out rows must stay below."""
    return max(TARGET, 0.5 + CHANCE * np.sqrt((2 * n_rows + 1) / (12 * n_rows**2)))


@pytest.mark.parametrize("name", ["customers", "orders"])
def test_a_judge_cannot_tell_decoded_from_held_out_rows_of_the_demo(name):
    frame = getattr(make_shop(6_000, seed=3), name)
    aucs, sizes = judged(pa.Table.from_pandas(frame, preserve_index=False), max_rows=8_000)
    assert len(aucs) > 4
    assert max(aucs.values()) < limit(4_000 if name == "orders" else 3_000)
    assert max(sizes.values()) < 350


SHARED = {"census": 48_842, "bank_marketing": 45_211, "titanic": 1_309, "acs_income": 60_000}


@pytest.mark.slow
@pytest.mark.parametrize("enabled", [True, False], ids=["protected", "open"])
@pytest.mark.parametrize("name", SHARED)
def test_a_judge_cannot_tell_decoded_from_held_out_rows_of_real_tables(name, enabled, shared_data):
    if name == "acs_income":
        table = pq.read_table(shared_data / "acs_income.parquet")
    else:
        path = shared_data / ("titanic.csv" if name == "titanic" else f"{name}.csv.gz")
        table = pa.Table.from_pandas(pd.read_csv(path), preserve_index=False)
    aucs, sizes = judged(table, SHARED[name], enabled=enabled)
    lines = [
        f"{column or 'all together':22}{auc:.4f} {sizes.get(column, sum(sizes.values())):6}"
        for column, auc in aucs.items()
    ]
    print(f"\n{name}, {'protected' if enabled else 'open'}", *lines, sep="\n")
    assert max(aucs.values()) < limit(SHARED[name] // 2)
