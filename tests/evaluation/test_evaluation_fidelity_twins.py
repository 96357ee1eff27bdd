"""Every fast path of the fidelity report beside plain pandas that says the same slowly."""

import itertools
from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth_engine.evaluation.classes import code_columns
from synth_engine.evaluation.columns import comparable
from synth_engine.evaluation.fidelity import measure_fidelity
from synth_engine.evaluation.fidelity.counts import cramers_v
from synth_engine.evaluation.fidelity.joints import choose
from synth_engine.evaluation.fidelity.ranks import rank_correlations


def letters(seed: int, n: int = 400) -> pd.DataFrame:
    """Three columns of few categories with nulls, so that classes are values."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 4, n)
    columns = {"p": first, "q": (first + rng.integers(0, 2, n)) % 3, "r": rng.integers(0, 5, n)}
    frame = pd.DataFrame({name: np.array(list("abcde"), object)[values] for name, values in columns.items()})
    return frame.mask(rng.random(frame.shape) < 0.1)


def to_table(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)


def slow_accuracy(one: pd.DataFrame, other: pd.DataFrame, columns: list[str]) -> float:
    shares = [each[columns].fillna("null").value_counts(normalize=True) for each in (one, other)]
    return 1 - shares[0].sub(shares[1], fill_value=0).abs().sum() / 2


@pytest.mark.parametrize(("size", "name"), [(1, "univariate"), (2, "bivariate"), (3, "trivariate")])
def test_accuracy_is_what_pandas_counts(size, name):
    training, holdout, synthetic = (letters(seed) for seed in range(3))
    score = getattr(measure_fidelity(*map(to_table, (training, holdout, synthetic))), name)
    choices = [list(choice) for choice in itertools.combinations("pqr", size)]
    for rows, found in ((synthetic, score.synthetic), (holdout, score.ceiling)):
        assert found == pytest.approx(np.mean([slow_accuracy(rows, training, choice) for choice in choices]))


def test_null_patterns_are_what_pandas_counts():
    frames = [letters(seed) for seed in range(3)]
    found = measure_fidelity(*map(to_table, frames)).missing
    counts = [frame.isna().apply(tuple, axis=1).value_counts(normalize=True) for frame in frames]
    assert found.patterns.synthetic == pytest.approx(1 - counts[2].sub(counts[0], fill_value=0).abs().sum() / 2)
    shares = [frame.isna().mean() for frame in frames]
    assert found.columns.ceiling == pytest.approx(1 - (shares[1] - shares[0]).abs().mean())


def test_rank_correlations_are_those_of_pandas():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(500, 4)), columns=list("abcd"))
    frame["b"] += frame["a"]
    frame["c"] = (frame["c"] + frame["b"]).round()
    frame = frame.mask(rng.random(frame.shape) < 0.2).assign(e=1.0)
    found = rank_correlations([frame[name].to_numpy() for name in frame])
    np.testing.assert_allclose(found[:4, :4], frame[list("abcd")].rank().corr().to_numpy(), atol=1e-9)
    assert np.isnan(found[4]).all()


def test_ties_and_quantiles_are_counted_by_hand():
    numbers = np.random.default_rng(0).integers(0, 1000, 997) / 8
    coded = code_columns(comparable({"only": pa.table({"x": numbers})}), "only")
    cuts = [sorted(numbers)[int(np.ceil(997 * k / 10)) - 1] for k in range(1, 10)]
    assert coded.tables["only"][0].tolist() == [sum(cut <= number for cut in cuts) for number in numbers]


def test_cramers_v_without_and_with_dependence():
    rng = np.random.default_rng(0)
    independent = np.zeros((6, 6), np.int64)
    np.add.at(independent, (rng.integers(6, size=3000), rng.integers(6, size=3000)), 1)
    assert cramers_v(independent) < 0.05
    assert cramers_v(np.diag([10, 20, 30])) == pytest.approx(1)
    assert cramers_v(np.array([[5, 5]])) == 0


def events(seed: int, n: int = 120, order: str = "whole") -> pd.DataFrame:
    """Events of subjects that tend to repeat their last one."""
    rng = np.random.default_rng(seed)
    rows = []
    for subject in range(n):
        letter = rng.choice(list("abc"))
        home = rng.choice(["north", "south"])
        for _ in range(1 + rng.poisson(3)):
            letter = letter if rng.random() < 0.7 else rng.choice(list("abc"))
            rows.append((f"s{subject}", letter if rng.random() < 0.95 else None, home, float(rng.integers(3))))
    return pd.DataFrame(rows, columns=["who", "letter", "home", "number"])


def test_sequences_are_what_plain_loops_count():
    frames = {name: events(seed) for seed, name in enumerate(("training", "holdout", "synthetic"))}
    found = measure_fidelity(*map(to_table, frames.values()), context_key="who").sequences

    def pairs(frame: pd.DataFrame, column: str) -> Counter:
        counted = Counter()
        for _, own in frame.groupby("who", sort=False):
            values = own[column].fillna("null").tolist()
            counted.update(itertools.pairwise(values))
        return counted

    def accuracy(one: Counter, other: Counter) -> float:
        totals = one.total(), other.total()
        return 1 - sum(abs(one[key] / totals[0] - other[key] / totals[1]) for key in one | other) / 2

    for column in ("letter", "home"):
        counted = {name: pairs(frame, column) for name, frame in frames.items()}
        assert found.columns[column].coherence.synthetic == pytest.approx(
            accuracy(counted["synthetic"], counted["training"])
        )
        assert found.columns[column].coherence.ceiling == pytest.approx(
            accuracy(counted["holdout"], counted["training"])
        )
        stays = sum(n for (one, other), n in counted["training"].items() if one == other) / counted["training"].total()
        assert found.columns[column].stays.training == pytest.approx(stays)
    lengths = frames["holdout"].groupby("who").size()
    assert found.mean_length.holdout == pytest.approx(lengths.mean())
    several = frames["training"][frames["training"].groupby("who")["who"].transform("size") > 1]
    constant = several.fillna("null").groupby("who")["letter"].nunique() == 1
    assert found.columns["letter"].constant.training == pytest.approx(constant.mean())
    assert found.columns["home"].constant.synthetic == 1


def test_shuffled_events_lose_coherence_alone():
    frames = [events(seed, 300) for seed in range(3)]
    mixed_up = frames[2].copy()
    for column in ("letter", "home"):
        mixed_up[column] = np.random.default_rng(0).permutation(mixed_up[column].to_numpy())
    good, bad = (
        measure_fidelity(*map(to_table, (*frames[:2], last)), context_key="who") for last in (frames[2], mixed_up)
    )
    assert bad.univariate.synthetic == pytest.approx(good.univariate.synthetic)
    assert bad.sequences.coherence.synthetic < good.sequences.coherence.synthetic - 0.05
    assert bad.sequences.constancy.synthetic < good.sequences.constancy.synthetic - 0.2
    assert bad.accuracy.synthetic < good.accuracy.synthetic


def test_whole_subjects_are_compared_and_as_many_of_both():
    frames = [events(0, 200), events(1, 50), events(2, 120)]
    found = measure_fidelity(*map(to_table, frames), context_key="who", max_rows=300)
    assert found.sequences.subjects.holdout == found.sequences.subjects.synthetic == 50
    assert found.compared.training <= 300
    longer = pd.concat([frames[2], frames[2]])  # everybody has twice as many events
    assert measure_fidelity(*map(to_table, [*frames[:2], longer]), context_key="who").sequences.lengths.synthetic < 0.8


def test_rows_of_nobody_are_left_out_and_said():
    frame = events(0)
    lost = frame.assign(who=frame["who"].where(frame.index % 10 > 0))
    found = measure_fidelity(*map(to_table, (frame, frame, lost)), context_key="who")
    assert found.notes[0].endswith("row(s) of synthetic have no 'who' and are left out")
    assert "who" not in found.columns


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_intervals_are_as_wide_as_figures_are_spread(shift):
    """Over many samples of one origin; a little too wide, see `jackknife_interval`."""

    def sample(rng: np.random.Generator) -> dict[str, np.ndarray]:
        x = rng.normal(size=1000)
        return {"x": x, "y": x + rng.normal(size=1000), "z": rng.integers(0, 5, 1000)}

    figures, widths = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        training, holdout, synthetic = (sample(rng) for _ in range(3))
        tables = map(pa.table, (training, holdout, synthetic | {"x": synthetic["x"] + shift}))
        found = measure_fidelity(*tables, seed=seed).accuracy
        figures.append(found.shortfall)
        widths.append(np.diff(found.shortfall_interval)[0])
    assert 0.95 < np.sqrt(np.mean(np.square(widths))) / (2 * 2.26 * np.std(figures)) < 1.6


def test_choices_are_all_or_so_many_different_ones():
    assert choose(4, 2, 6, 0) == list(itertools.combinations(range(4), 2))
    some = choose(50, 3, 100, 0)
    assert len(set(some)) == 100
    assert some == choose(50, 3, 100, 0)
    assert some != choose(50, 3, 100, 1)
