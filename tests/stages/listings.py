"""A small table with free text, and the five verbs for it."""

from typing import Any

import numpy as np
import pandas as pd

from synth_engine import analyze, encode, split, train

TYPES = {"title": "LANGUAGE_TEXT"}
KINDS = ["flat", "house", "room"]


def make_listings(n: int, seed: int = 0) -> pd.DataFrame:
    """Titles that follow from the other columns, some of them missing, some empty."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(KINDS, n, p=[0.6, 0.3, 0.1])
    adjective = rng.choice(["Sunny", "Quiet", "Lovely"], n)
    title = pd.Series([f"{one} {other}" for one, other in zip(adjective, kind, strict=True)], dtype=object)
    title[rng.random(n) < 0.2] = None
    title[rng.random(n) < 0.1] = ""
    return pd.DataFrame(
        {
            "listing_id": np.arange(n) + 1000,
            "title": pd.Series(title.tolist(), dtype="str"),
            "kind": kind,
            "price": rng.integers(20, 200, n) / 2,
            "since": pd.Timestamp("2021-03-01") + pd.to_timedelta(rng.integers(0, 500, n), unit="D"),
            "rooms": pd.array(np.where(rng.random(n) < 0.1, None, rng.integers(1, 5, n)), dtype="Int16"),
        }
    )


def prepare(table: pd.DataFrame, root: str, **options: Any) -> None:
    """The first three verbs; `options` are those of `split`."""
    types = {name: kind for name, kind in TYPES.items() if name in table.columns}
    split(table, **({"model_type": "LANGUAGE", "tgt_encoding_types": types} | options), workspace_dir=root)
    analyze(workspace_dir=root, random_state=1)
    encode(workspace_dir=root)


def fit(table: pd.DataFrame, root: str, training: dict[str, Any] | None = None, **options: Any) -> None:
    """The first four verbs, with as little training as there can be."""
    prepare(table, root, **options)
    train(**({"max_epochs": 1, "random_state": 1} | (training or {})), workspace_dir=root)
