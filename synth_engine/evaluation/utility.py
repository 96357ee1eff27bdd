"""What synthetic rows are good for: gradient boosting trained on them, tested on real rows, beside one trained on real.

"Train on synthetic, test on real" (Esteban, Hyland and Rätsch, 2017). Both learners get the same number of rows and the
same settings, and are tested on the same held-out rows, so their difference is the rows' alone.
Belongs here: targets, learners and scores. Does not belong here: how rows become features.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from synth_engine.domain import InputError
from synth_engine.domain.randomness import derive_seed, generator
from synth_engine.evaluation.columns import Comparable, Floats, comparable, entries_of, numbers_of
from synth_engine.evaluation.extras import check_installed, one_thread
from synth_engine.evaluation.features import Features, encode_together
from synth_engine.evaluation.resampling import N_RESAMPLES, Ranked, percentiles

MAX_ROWS = 20_000
MAX_TARGETS = 8
MIN_ROWS = 50
MAX_CLASSES = 20
# Rarer classes are left out: a learner that has seen ten rows of one has learned nothing of it.
MIN_ROWS_OF_CLASS = 10

# Of a learner.
N_ROUNDS, MAX_TREES, MIN_ROUNDS = 60, 120, 10

MAX_NUMBER = 1e100

Labels = npt.NDArray[np.int64]
Metric = Literal["AUC", "accuracy", "R2"]
Interval = tuple[float, float]


class Performance(BaseModel):
    """Score of one learner on the held-out rows, with its interval of 95 % by the bootstrap over these."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    interval: Interval


class TargetUtility(BaseModel):
    """How well one column can be predicted from all others.

    `metric` is AUC for two classes, accuracy for more, R² for numbers and dates.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: Metric
    real: Performance
    """Trained on training rows: what can be reached."""
    synthetic: Performance
    """Trained on synthetic rows."""
    guess: float
    """What is reached without looking at the other columns."""
    shortfall: float
    """`real` less `synthetic`."""
    shortfall_interval: Interval
    training_rows: int
    """Rows that each of the two learned from, at most; those where the column is null are left out."""
    test_rows: int


class Utility(BaseModel):
    """Utility by target column."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    targets: dict[str, TargetUtility]
    not_measured: dict[str, str]
    """Why a column is not a target."""


def measure_utility(
    training: pa.Table,
    holdout: pa.Table,
    synthetic: pa.Table,
    *,
    targets: Sequence[str] | None = None,
    keys: Iterable[str] = (),
    seed: int = 0,
    max_rows: int | None = None,
) -> Utility:
    """Train on synthetic, test on real.

    Args:
        training: Rows that the model was trained on.
        holdout: Rows of the same origin that it was not: the test.
        synthetic: Rows to judge; columns as in `measure_fidelity`.
        targets: Columns to predict; None is the first eight that can be predicted at all.
        keys: Columns to leave out.
        seed: Chooses rows and resamples.
        max_rows: Rows to learn from, and to test on, at most; None is 20,000.

    Raises:
        InputError: columns that do not fit each other, a target that is none of them, or scikit-learn is not installed.
    """
    check_installed("utility")
    tables = comparable({"training": training, "holdout": holdout, "synthetic": synthetic}, keys)
    unknown = [name for name in targets or () if name not in tables.values and name not in tables.left_out]
    if unknown:
        raise InputError(f"targets: expected columns of the table but keys, found {unknown[0]!r}; correct its name")
    sampled = _sampled(tables, MAX_ROWS if max_rows is None else max_rows, seed)
    found: dict[str, TargetUtility] = {}
    not_measured = {name: why for name, why in tables.left_out.items() if targets is None or name in targets}
    features = encode_columns(sampled)
    for name in tables.values if targets is None else [name for name in targets if name in tables.values]:
        if targets is None and len(found) == MAX_TARGETS:
            not_measured[name] = f"{MAX_TARGETS} columns are targets already; name it to have it"
            continue
        target = _target(sampled, name)
        if isinstance(target, str):
            not_measured[name] = target
            continue
        others = [features[other] for other in features if other != name]
        found[name] = _utility(target, others, derive_seed(seed, "utility", name))
    return Utility(targets=found, not_measured=not_measured)


def _sampled(tables: Comparable, max_rows: int, seed: int) -> Comparable:
    n = {name: table.n_rows for name, table in tables.tables.items()}
    n_train = min(n["training"], n["synthetic"], max_rows)
    wanted = {"training": n_train, "synthetic": n_train, "holdout": min(n["holdout"], max_rows)}
    rows = {name: np.sort(generator(seed, "utility", name).permutation(n[name])[: wanted[name]]) for name in n}
    return tables.taking(rows)


def encode_columns(tables: Comparable) -> dict[str, dict[str, Features]]:
    """Features of each column by itself, by column and table."""
    found = {}
    for name in tables.values:
        one = Comparable(
            {called: table.only([name]) for called, table in tables.tables.items()}, {name: tables.values[name]}, {}
        )
        found[name] = encode_together(one)
    return found


@dataclass(frozen=True, eq=False)
class _Target:
    """What is to be predicted in each table: numbers, or numbers of classes; NaN where it is not known."""

    metric: Metric
    values: dict[str, Floats]

    def is_known(self, name: str) -> npt.NDArray[np.bool_]:
        return ~np.isnan(self.values[name])

    def known(self, name: str) -> Floats:
        return self.values[name][self.is_known(name)]


def _target(tables: Comparable, name: str) -> _Target | str:
    """A column as a target, or why it is none."""
    if len(tables.values) < 2:
        return "there is no other column to predict it from"
    columns = {called: table.columns[name] for called, table in tables.tables.items()}
    if tables.values[name] in ("numbers", "dates", "times of day", "durations"):
        target: _Target | str = _of_numbers({called: numbers_of(column) for called, column in columns.items()})
    else:
        target = _of_classes({called: entries_of(column) for called, column in columns.items()})
    if isinstance(target, str):
        return target
    fewest, n_known = min(((called, len(target.known(called))) for called in columns), key=lambda each: each[1])
    if n_known < MIN_ROWS:
        return f"at least {MIN_ROWS} rows with a value that can be predicted are needed, {fewest} has {n_known}"
    for called in ("training", "holdout"):
        if len(np.unique(target.known(called))) < 2:
            return f"it is constant in {called}"
    return target


def _of_numbers(numbers: dict[str, Floats]) -> _Target:
    """Numbers, or two classes where the training rows have no more different ones."""
    # squares of larger numbers would be infinite
    numbers = {called: np.where(np.abs(found) < MAX_NUMBER, found, np.nan) for called, found in numbers.items()}
    different = np.unique(numbers["training"][~np.isnan(numbers["training"])])
    if len(different) != 2:
        return _Target("R2", numbers)
    classes = {
        called: np.where(found == different[1], 1.0, np.where(found == different[0], 0.0, np.nan))
        for called, found in numbers.items()
    }
    return _Target("AUC", classes)


def _of_classes(entries: dict[str, tuple[Any, Labels]]) -> _Target | str:
    values, of_row = entries["training"]
    counts = dict(zip(values.to_pylist(), np.bincount(of_row[of_row >= 0], minlength=len(values)), strict=True))
    if len(counts) > MAX_CLASSES and sum(n >= MIN_ROWS_OF_CLASS for n in counts.values()) > MAX_CLASSES:
        return f"it has more than {MAX_CLASSES} classes"
    classes = sorted(value for value, n in counts.items() if n >= MIN_ROWS_OF_CLASS)
    if len(classes) < 2:
        return f"fewer than two of its classes have {MIN_ROWS_OF_CLASS} training rows"
    number = {value: float(place) for place, value in enumerate(classes)}
    found = {
        called: np.array([number.get(value, np.nan) for value in values.to_pylist()] + [np.nan])[of_row]
        for called, (values, of_row) in entries.items()
    }
    return _Target("AUC" if len(classes) == 2 else "accuracy", found)


def _utility(target: _Target, others: Sequence[dict[str, Features]], seed: int) -> TargetUtility:
    test, truth = _rows(others, target, "holdout"), target.known("holdout")
    predicted, guess = {}, 0.0
    for name in ("training", "synthetic"):
        with one_thread():
            learned = _fit(_rows(others, target, name), target.known(name), target.metric, seed)
            predicted[name] = learned(test.values)
    scores = {name: _Scores.of(target.metric, truth, found) for name, found in predicted.items()}
    if target.metric == "AUC":
        guess = 0.5
    elif target.metric == "accuracy":
        labels = target.known("training").astype(np.int64)
        guess = float((truth == np.bincount(labels).argmax()).mean())
    rng = generator(seed, "bootstrap")
    weights = [np.bincount(rng.integers(len(truth), size=len(truth)), minlength=len(truth)) for _ in range(N_RESAMPLES)]
    drawn = {name: np.array([each.score(some.astype(np.float64)) for some in weights]) for name, each in scores.items()}
    usable = ~np.isnan(drawn["training"] + drawn["synthetic"])  # a resample may have one class only
    value = {name: each.score(np.ones(len(truth))) for name, each in scores.items()}
    return TargetUtility(
        metric=target.metric,
        real=Performance(value=value["training"], interval=percentiles(drawn["training"][usable])),
        synthetic=Performance(value=value["synthetic"], interval=percentiles(drawn["synthetic"][usable])),
        guess=guess,
        shortfall=value["training"] - value["synthetic"],
        shortfall_interval=percentiles((drawn["training"] - drawn["synthetic"])[usable]),
        training_rows=max(len(target.known("training")), len(target.known("synthetic"))),
        test_rows=len(truth),
    )


def _rows(others: Sequence[dict[str, Features]], target: _Target, name: str) -> Features:
    """Features of the rows of a table whose target is known."""
    known = target.is_known(name)
    values = np.concatenate([column[name].values[known] for column in others], axis=1)
    return Features(values, [is_one for column in others for is_one in column[name].is_categorical])


def _fit(rows: Features, truth: Floats, metric: Metric, seed: int) -> Any:
    """A function from features to predictions: scores for AUC, numbers of classes, or numbers.

    Synthetic rows may have lost all classes but one: then that is what is predicted.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    if (truth == truth[0]).all():
        return lambda values: np.full(len(values), truth[0])
    # Of more than two classes each has trees of its own: there are fewer rounds then, which scores as well. Longer
    # strides in their place diverge where nearly all follows from one column: education of census by 0.87 at twice the
    # rate and by 0.22 at four times.
    n_classes = len(np.unique(truth)) if metric == "accuracy" else 1
    rounds = max(MAX_TREES // n_classes, MIN_ROUNDS) if n_classes > 2 else N_ROUNDS
    settings = {
        "categorical_features": list(rows.is_categorical),
        "random_state": seed % 2**32,
        "max_iter": min(rounds, N_ROUNDS),
    }
    if metric == "R2":
        return HistGradientBoostingRegressor(**settings).fit(rows.values, truth).predict
    learned = HistGradientBoostingClassifier(**settings).fit(rows.values, truth)
    return learned.decision_function if metric == "AUC" else learned.predict


@dataclass(frozen=True, eq=False)
class _Scores:
    """What a score of weighted test rows is computed from."""

    metric: Metric
    truth: Floats
    predicted: Floats
    ranked: Ranked | None

    @classmethod
    def of(cls, metric: Metric, truth: Floats, predicted: Floats) -> "_Scores":
        ranked = Ranked.of(predicted, truth.astype(np.int64)) if metric == "AUC" else None
        return cls(metric, truth, predicted, ranked)

    def score(self, weights: Floats) -> float:
        if self.ranked is not None:
            return self.ranked.auc(weights)
        if self.metric == "accuracy":
            return float(np.average(self.truth == self.predicted, weights=weights))
        mean = np.average(self.truth, weights=weights)
        spread = (weights * np.square(self.truth - mean)).sum()
        return float(1 - (weights * np.square(self.truth - self.predicted)).sum() / spread) if spread else float("nan")
