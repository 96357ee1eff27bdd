"""Rows made worse in known ways: what a measure of fidelity has to put in the right order.

Belongs here: ways to spoil a table of real rows. Does not belong here: how the spoiled rows are measured.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

Spoil = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


def shuffled(share: float) -> Spoil:
    """Every k-th column is shuffled by itself: single columns stay as they are, what hangs together is lost."""

    def spoil(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        chosen = rng.permutation(rows.columns)[: round(share * rows.shape[1])]
        return rows.assign(**{name: rng.permutation(rows[name].to_numpy()) for name in chosen})

    return spoil


def noisy(size: float) -> Spoil:
    """Numbers get noise of so many standard deviations; whole numbers stay whole."""

    def spoil(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        changed = {}
        for name in _numbers(rows):
            moved = rows[name] + rng.normal(0, size * rows[name].std(), len(rows))
            changed[name] = moved.round() if pd.api.types.is_integer_dtype(rows[name]) else moved
        return rows.assign(**changed)

    return spoil


def binned(n_bins: int) -> Spoil:
    """Numbers are drawn evenly inside bins of equal width."""

    def spoil(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        changed = {}
        for name in _numbers(rows):
            low, width = rows[name].min(), (rows[name].max() - rows[name].min()) / n_bins
            changed[name] = (low + (((rows[name] - low) // width) + rng.random(len(rows))) * width).round()
        return rows.assign(**changed)

    return spoil


def without_rare(n_kept: int) -> Spoil:
    """Categories beyond the commonest ones become the commonest one."""

    def spoil(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        changed = {}
        for name in _texts(rows):
            common = rows[name].value_counts().index
            changed[name] = rows[name].where(rows[name].isin(common[:n_kept]) | rows[name].isna(), common[0])
        return rows.assign(**changed)

    return spoil


def with_nulls(share: float) -> Spoil:
    """So many cells of every column are lost."""

    def spoil(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        return rows.mask(rng.random(rows.shape) < share)

    return spoil


def swapped(share: float) -> Spoil:
    """So many cells of every column are exchanged for one of another row."""

    def spoil(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        others = pd.DataFrame({name: rng.permutation(rows[name].to_numpy()) for name in rows}, index=rows.index)
        return rows.mask(rng.random(rows.shape) < share, others.astype(rows.dtypes.to_dict()))

    return spoil


def biased(share: float) -> Spoil:
    """So many rows are exchanged for rows of the commonest category of the last column."""

    def spoil(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        last = rows.iloc[:, -1]
        favoured = np.flatnonzero((last == last.mode().iloc[0]).to_numpy())
        places = np.where(rng.random(len(rows)) < share, rng.choice(favoured, len(rows)), np.arange(len(rows)))
        return rows.iloc[places].reset_index(drop=True)

    return spoil


DEGRADATIONS: Mapping[str, Spoil] = {
    "nothing": lambda rows, rng: rows,
    "noise of 0.1": noisy(0.1),
    "noise of 0.5": noisy(0.5),
    "noise of 2": noisy(2),
    "a fifth of the columns shuffled": shuffled(0.2),
    "half of the columns shuffled": shuffled(0.5),
    "all columns shuffled": shuffled(1),
    "5 bins": binned(5),
    "30 bins": binned(30),
    "2 categories": without_rare(2),
    "5 categories": without_rare(5),
    "a tenth null": with_nulls(0.1),
    "a tenth of cells swapped": swapped(0.1),
    "a third of cells swapped": swapped(0.33),
    "half the rows of one class": biased(0.5),
}


def degraded(rows: pd.DataFrame, name: str, seed: int = 0) -> pd.DataFrame:
    """Rows spoiled in the way of `DEGRADATIONS` that has this name."""
    rng = np.random.default_rng([seed, list(DEGRADATIONS).index(name)])
    return DEGRADATIONS[name](rows.reset_index(drop=True), rng)


def _numbers(rows: pd.DataFrame) -> list[str]:
    return [name for name in rows if pd.api.types.is_numeric_dtype(rows[name])]


def _texts(rows: pd.DataFrame) -> list[str]:
    return [name for name in rows if not pd.api.types.is_numeric_dtype(rows[name])]
