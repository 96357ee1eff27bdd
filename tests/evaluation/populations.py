"""Tables of made-up people, for attacks on what is said of them."""

import datetime
from decimal import Decimal
from typing import get_args

import numpy as np
import pyarrow as pa

from synth_engine.evaluation.privacy import NotMeasured, PrivacyAttacks


def attacks() -> list[str]:
    """Names of all attacks that there are."""
    fields = PrivacyAttacks.model_fields.items()
    return [name for name, field in fields if NotMeasured in get_args(field.annotation)]


def people(n_rows: int, seed: int) -> pa.Table:
    """People of one population, drawn independently: numbers, dates, categories, truth values; some are missing."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 4, n_rows)
    age = np.clip(rng.normal(35 + 8 * kind, 10), 18, 90).astype(int)
    income = np.exp(rng.normal(9 + kind / 3, 0.6)).round()
    born = [
        datetime.date(2020, 1, 1) - datetime.timedelta(days=int(a * 365 + d))
        for a, d in zip(age, rng.integers(0, 365, n_rows), strict=True)
    ]
    return pa.table(
        {
            "age": pa.array(age, mask=rng.random(n_rows) < 0.05),
            "income": income,
            "born": born,
            "job": [f"job {k * 5 + j}" for k, j in zip(kind, rng.geometric(0.5, n_rows).clip(1, 5), strict=True)],
            "town": [f"town {min(t, 60)}" for t in rng.zipf(1.6, n_rows)],
            "member": rng.random(n_rows) < 0.3 + kind / 8,
            "owes": [Decimal(int(v)) / 100 for v in rng.exponential(5_000, n_rows)],
        }
    )


def memorised(share: float, training: pa.Table, fresh: pa.Table) -> pa.Table:
    """What a generator returns that has learned a share of its output by heart; the rest is as good as real."""
    n_copies = round(share * fresh.num_rows)
    return pa.concat_tables([training.slice(0, n_copies), fresh.slice(n_copies)])


def coins(n_rows: int, seed: int) -> pa.Table:
    """Rows of which there are only a few different ones, so that all of them match others by chance."""
    rng = np.random.default_rng(seed)
    return pa.table({f"coin {place}": rng.random(n_rows) < 0.5 for place in range(4)})
