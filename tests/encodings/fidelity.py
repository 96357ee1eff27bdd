"""How far encoding and decoding alone, without a model, can be told from real rows.

One half of a table is encoded and decoded, the other half is held out. A gradient-boosting judge learns to tell the two
apart; 0.5 means that it cannot.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score

from synth_engine.encodings import Encoding, detect, fitter
from synth_engine.privacy import ValueProtection

Features = npt.NDArray[np.float64]


def halves(table: pa.Table, max_rows: int, seed: int = 0) -> tuple[pa.Table, pa.Table]:
    """Two random halves of (at most `max_rows` rows of) a table."""
    order = np.random.default_rng(seed).permutation(table.num_rows)[:max_rows]
    half = len(order) // 2
    return tuple(table.take(pa.array(rows)).combine_chunks() for rows in (order[:half], order[half : 2 * half]))


def fitted(values: pa.Array, *, enabled: bool = True) -> Encoding:
    """The encoding that AUTO stands for."""
    by = fitter(detect(values.type))
    return by.fit(by.summarise(values), values.type, ValueProtection(enabled=enabled), np.random.default_rng(1))


def features(values: pa.Array) -> Features:
    """Numbers as they are; dates also by their time of day and day of the month."""
    if not pa.types.is_temporal(values.type):
        return values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)[:, None]
    seconds = values.cast(pa.timestamp("us")).cast(pa.int64()).cast(pa.float64(), safe=False).fill_null(np.nan)
    total = seconds.to_numpy() / 1e6
    day = values.cast(pa.timestamp("us")).to_pandas().dt.day.to_numpy(dtype=float, na_value=np.nan)
    return np.column_stack([total, total % 86_400, day])


def auc(decoded: Features, held_out: Features) -> float:
    """Area under the curve of the judge, over three folds."""
    told = np.repeat([0, 1], [len(decoded), len(held_out)])
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    judge = HistGradientBoostingClassifier(random_state=0)
    return float(cross_val_score(judge, np.concatenate([decoded, held_out]), told, cv=folds, scoring="roc_auc").mean())


def judged(table: pa.Table, max_rows: int, *, enabled: bool = True) -> tuple[dict[str, float], dict[str, int]]:
    """AUC by numeric and date column and, under the empty name, of all together; and the columns' cardinalities."""
    first, second = halves(table, max_rows)
    aucs, sizes, all_decoded, all_held_out = {}, {}, [], []
    for name in table.column_names:
        values = first[name].combine_chunks()
        is_judged = (
            pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_temporal(values.type)
        )
        if not is_judged:
            continue
        encoding = fitted(values, enabled=enabled)
        decoded = features(encoding.decode(encoding.encode(values), np.random.default_rng(2)))
        held_out = features(second[name].combine_chunks())
        aucs[name], sizes[name] = auc(decoded, held_out), sum(encoding.cardinalities.values())
        all_decoded.append(decoded)
        all_held_out.append(held_out)
    return aucs | {"": auc(np.column_stack(all_decoded), np.column_stack(all_held_out))}, sizes
