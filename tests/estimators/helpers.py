"""What the tests of estimators share."""

from typing import Any

import numpy as np
import pandas as pd

from synth_engine import TabularARGN

CITIES = ["Graz", "Linz", "Wien"]


def make_table(n_rows: int = 900) -> pd.DataFrame:
    """Columns that depend on each other; nulls in `city`, `since` and `amount`; rows with an index of their own."""
    rng = np.random.default_rng(0)
    plan = rng.choice(["basic", "plus"], n_rows, p=[0.7, 0.3])
    city = pd.Series(np.where(plan == "plus", "Wien", rng.choice(CITIES, n_rows)))
    amount = pd.Series(np.where(plan == "plus", 200.0, 100.0) + rng.normal(0, 20, n_rows).round(2))
    since = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 1400, n_rows), unit="D"))
    table = pd.DataFrame(
        {
            "id": np.arange(n_rows),
            "city": city.where(rng.random(n_rows) < 0.9),
            "plan": plan,
            "visits": rng.integers(0, 4, n_rows).astype(np.int16),
            "amount": amount.where(rng.random(n_rows) < 0.8),
            "since": since.where(rng.random(n_rows) < 0.9),
            "active": rng.random(n_rows) < 0.6,
            "code": rng.choice(["ab", "ac", "bb"], n_rows),
        }
    )
    return table.set_axis(pd.Index(range(1000, 1000 + n_rows), name="row"))


def fast(**parameters: Any) -> TabularARGN:
    """An estimator that trains for a second, and keeps all values."""
    return TabularARGN(
        **{"model": "MOSTLY_AI/Small", "max_epochs": 4, "random_state": 0, "value_protection": False} | parameters
    )
