"""A judge: gradient boosting that learns to tell synthetic from held-out rows; 0.5 where it cannot.

It sees exact values, and so popular amounts that were blurred, cents that were lost, combinations that do not occur.
Its AUC on real rows of two samples stands beside it, since no judge's score is exactly 0.5.
Belongs here: the judge and its score. Does not belong here: how rows become features.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from synth_engine.domain.randomness import derive_seed, generator
from synth_engine.evaluation.columns import Comparable, Floats, comparable
from synth_engine.evaluation.extras import check_installed, one_thread
from synth_engine.evaluation.features import Features, encode, encode_together
from synth_engine.evaluation.resampling import N_RESAMPLES, Ranked, percentiles

N_FOLDS = 3
MAX_ROWS = 20_000
MIN_ROWS = 30
Labels = npt.NDArray[np.int64]


class Judgement(BaseModel):
    """AUC of a judge, mean over folds: 0.5 is a guess, 1 is certainty."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    auc: float
    interval: tuple[float, float]
    """95 %, by the bootstrap over rows that the judge had not seen."""
    n_rows: int
    """Rows of each of the two kinds."""


class Discriminator(BaseModel):
    """A judge of synthetic rows, and one of real rows, which is what can be reached."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    synthetic: Judgement | None
    """Synthetic against held-out rows."""
    real: Judgement | None
    """Training against held-out rows."""
    not_measured: str | None
    """Why, where they are None."""


def measure_discriminator(
    training: pa.Table,
    holdout: pa.Table,
    synthetic: pa.Table,
    *,
    keys: Iterable[str] = (),
    seed: int = 0,
    max_rows: int | None = None,
) -> Discriminator:
    """How well gradient boosting tells synthetic from held-out rows, and training from held-out rows.

    The same number of rows of all three tables is used, so that both judges are as good. Rows of related tables are
    judged one by one.

    Args:
        training: Rows that the model was trained on.
        holdout: Rows of the same origin that it was not.
        synthetic: Rows to judge; columns as in `measure_fidelity`.
        keys: Columns to leave out.
        seed: Chooses rows and folds.
        max_rows: Rows of each table at most; None is 20,000.

    Raises:
        InputError: columns that do not fit each other, or scikit-learn is not installed.
    """
    check_installed("discriminator")
    tables = comparable({"training": training, "holdout": holdout, "synthetic": synthetic}, keys)
    n_rows = min(MAX_ROWS if max_rows is None else max_rows, *(table.n_rows for table in tables.tables.values()))
    if n_rows < MIN_ROWS or not tables.values:
        why = f"at least {MIN_ROWS} rows of each table are needed, {n_rows} are there"
        return Discriminator(synthetic=None, real=None, not_measured=why if tables.values else "there is no column")
    features = encode_together(_sampled(tables, n_rows, seed))
    return Discriminator(
        synthetic=_judge(features["holdout"], features["synthetic"], seed),
        real=_judge(features["holdout"], features["training"], seed),
        not_measured=None,
    )


def _sampled(tables: Comparable, n_rows: int, seed: int) -> Comparable:
    rows = {
        name: generator(seed, "discriminator", name).choice(table.n_rows, n_rows, replace=False)
        for name, table in tables.tables.items()
    }
    return tables.taking(rows)


def _judge(real: Features, other: Features, seed: int) -> Judgement:
    values = np.concatenate([real.values, other.values])
    labels = np.repeat([0, 1], len(real.values))
    folds = _judged(Features(values, real.is_categorical), labels, derive_seed(seed, "judge") % 2**32)
    rng = generator(seed, "bootstrap")
    ranked = [Ranked.of(scores, labels[places]) for places, scores in folds]
    resampled = [float(np.mean([each.resampled_auc(rng) for each in ranked])) for _ in range(N_RESAMPLES)]
    return Judgement(
        auc=float(np.mean([each.auc() for each in ranked])),
        interval=percentiles(resampled),
        n_rows=len(real.values),
    )


def _judged(features: Features, labels: Labels, seed: int) -> list[tuple[Labels, Floats]]:
    """Of each fold the places of its rows, and the judge's scores of them, who has seen the others."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold

    judged = []
    for seen, unseen in StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed).split(features.values, labels):
        judge = HistGradientBoostingClassifier(categorical_features=list(features.is_categorical), random_state=seed)
        with one_thread():
            judge.fit(features.values[seen], labels[seen])
            judged.append((unseen, judge.decision_function(features.values[unseen])))
    return judged


def judge_auc(real: pd.DataFrame, other: pd.DataFrame, seed: int = 0) -> float:
    """Mean AUC, over three folds, of gradient boosting that tells `other` from `real`; 0.5 where it cannot.

    Takes equal numbers of rows of each. Types are those of `real`.
    """
    rows = min(len(real), len(other))
    both = pd.concat([real.sample(rows, random_state=seed), other.sample(rows, random_state=seed)], ignore_index=True)
    labels = np.repeat([0, 1], rows)
    folds = _judged(encode(both, real.dtypes.to_dict()), labels, seed)
    return float(np.mean([Ranked.of(scores, labels[places]).auc() for places, scores in folds]))


def chance_deviation(n_rows: int) -> float:
    """Standard deviation of the AUC of a judge who guesses, for `n_rows` of each kind (Hanley and McNeil, 1982).

    >>> round(chance_deviation(1000), 4)
    0.0129
    """
    return float(np.sqrt((2 * n_rows + 1) / (12 * n_rows**2)))
