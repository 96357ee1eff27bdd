"""Summaries of all columns: the same as of the whole table at once, and bounded where there is much to sum up."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from synth_engine import analyze, split
from synth_engine.domain import AnalyzeConfig, InputError
from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.encodings import ValueCounts, fitter
from synth_engine.stages import summaries
from synth_engine.stages.analysis import Analysis
from synth_engine.stages.exact_summaries import Summaries
from synth_engine.stages.original import Original, OriginalTable
from synth_engine.stages.statistics import FILE_NAME
from synth_engine.stages.summaries import Summariser, share_for, summarise_sample
from synth_engine.workspace import Artefact, Workspace


def equal(one: ValueCounts, other: ValueCounts) -> bool:
    def counts(of: ValueCounts) -> list[list[int]]:
        return [each.tolist() for each in (of.rows, of.entities, of.lowest, of.highest, of.contributions[0])]

    same_nulls = (one.null_rows, one.null_entities) == (other.null_rows, other.null_entities)
    return one.values.equals(other.values) and counts(one) == counts(other) and same_nulls


def shop(n_rows: int = 3_000) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "customer": rng.integers(0, 400, n_rows),
            "amount": rng.lognormal(3, 1, n_rows),
            "kind": rng.choice(["a", "b", None], n_rows),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 10**7, n_rows), unit="s"),
        }
    )


@pytest.mark.parametrize("n_partitions", [1, 4, 13])
@pytest.mark.parametrize("key", [None, "customer"])
def test_partitions_add_up_to_the_whole_table(tmp_path: Path, n_partitions: int, key: str | None):
    found = []
    for parts in (1, n_partitions):
        root = tmp_path / str(parts)
        types = {"when": "TABULAR_DATETIME_RELATIVE"}
        split(shop(), tgt_context_key=key, tgt_encoding_types=types, n_partitions=parts, workspace_dir=root)
        analysis = Analysis.begin(Workspace(root), AnalyzeConfig(value_protection=False))
        found.append(Summaries.merged(map(analysis.summary, analysis.parts)).counts)
    whole, parts = found
    assert list(whole) == list(parts)
    assert all(equal(whole[name], parts[name]) for name in whole)


def summary_of(values: pa.Array, max_distinct: int | None, *, seed: int = 0, entities=None, n_parts: int = 5):
    by = fitter(Kind.TABULAR_NUMERIC_BINNED)
    size = -(-len(values) // n_parts)
    share = share_for(by.summarise(values[:size]), size, len(values), max_distinct) if max_distinct else 1.0
    found = []
    for part in range(n_parts):
        rows = slice(part * size, (part + 1) * size)
        of_part = None if entities is None else np.unique(entities[rows], return_inverse=True)[1]
        found.append(summarise_sample(by, f"part {part}", values[rows], of_part, share=share, seed=seed))
    return ValueCounts.merged(found)


def test_few_values_are_summed_up_exactly():
    values = pa.array(np.random.default_rng(0).integers(0, 900, 50_000))
    exact = fitter(Kind.TABULAR_NUMERIC_BINNED).summarise(values)
    assert equal(summary_of(values, 10_000), exact)


@pytest.mark.parametrize("max_distinct", [500, 2_000])
def test_many_values_are_sampled_to_about_as_many_as_asked_for(max_distinct: int):
    values = pa.array(np.random.default_rng(0).random(50_000))
    counts = summary_of(values, max_distinct)
    # the number of rows kept is binomial: within 6 standard deviations but once in 500 million times
    assert abs(len(counts.values) - max_distinct) < 6 * np.sqrt(max_distinct)
    assert pc.all(pc.is_in(counts.values, values)).as_py()
    quantiles = np.quantile(counts.values.to_numpy(), [0.1, 0.5, 0.9])
    assert np.abs(quantiles - [0.1, 0.5, 0.9]).max() < 6 * 0.5 / np.sqrt(max_distinct)


def test_a_sample_shows_no_more_entities_than_there_are():
    """So whatever protection hides in all rows, it hides in a sample of them."""
    rng = np.random.default_rng(1)
    entities = np.sort(rng.integers(0, 2_000, 20_000))
    values = pa.array(np.round(rng.lognormal(3, 1, 20_000), 2))
    exact = summary_of(values, None, entities=entities, n_parts=1)
    sample = summary_of(values, 1_000, entities=entities, n_parts=1)
    assert 0 < len(sample.values) < len(exact.values)
    place = pc.index_in(sample.values, exact.values).to_numpy()
    assert (sample.entities <= exact.entities[place]).all()
    assert (sample.rows <= exact.rows[place]).all()
    assert sample.lowest.sum() < exact.lowest.sum()


def test_a_subject_is_in_the_sample_with_all_its_rows_or_none():
    entities = np.repeat(np.arange(1_000), 10)
    values = pa.array(np.arange(10_000.0))
    counts = summary_of(values, 1_000, entities=entities, n_parts=1)
    _, rows = np.unique(counts.values.to_numpy() // 10, return_counts=True)
    assert 50 < len(rows) < 150
    assert (rows == 10).all()


def test_samples_follow_the_seed():
    values = pa.array(np.random.default_rng(0).random(5_000))
    one, same, other = (summary_of(values, 500, seed=seed) for seed in (0, 0, 1))
    assert equal(one, same)
    assert not one.values.equals(other.values)


def test_empty_partitions_say_nothing_of_how_many_values_there_are(tmp_path: Path):
    split(pa.table({"x": np.random.default_rng(0).random(1_000)}), n_partitions=2, workspace_dir=tmp_path)
    table = Original.read(Workspace(tmp_path)).target
    summariser = Summariser(table, max_distinct=100, seed=0)
    whole = OriginalTable.table
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OriginalTable, "table", lambda *args: whole(*args).slice(0, 0))
        assert not len(summariser.summary(table.parts[0]).columns["x"].values)
    assert summariser.shares == {"x": None}
    assert len(summariser.summary(table.parts[0]).columns["x"].values) < 200
    assert summariser.shares["x"] == pytest.approx(0.1)


def test_analyze_samples_only_under_protection_without_differential_privacy(tmp_path: Path, monkeypatch):
    split(shop(), workspace_dir=tmp_path)
    seen = []

    class Watched(Summariser):
        def __init__(self, *args, max_distinct, **options):
            seen.append(max_distinct)
            super().__init__(*args, max_distinct=max_distinct, **options)

    monkeypatch.setattr("synth_engine.stages.analysis.Summariser", Watched)
    analyze(workspace_dir=tmp_path)
    analyze(workspace_dir=tmp_path, value_protection=False)
    analyze(workspace_dir=tmp_path, differential_privacy={"value_protection_epsilon": 10})
    assert seen == [summaries.MAX_DISTINCT, None, None]


def test_values_that_an_encoding_cannot_take_name_their_column(tmp_path: Path):
    days = pa.array([10_000_000] + [1] * 49, pa.int32()).cast(pa.date32())
    split(pa.table({"fine": range(50), "broken": days}), n_partitions=3, workspace_dir=tmp_path)
    with pytest.raises(InputError, match="column 'broken': expected dates of the years 1 to 9999"):
        analyze(workspace_dir=tmp_path)
    assert not Workspace(tmp_path).has(Artefact.TGT_STATS)


def test_columns_may_be_summed_up_in_any_number_of_threads(tmp_path: Path, monkeypatch):
    split(shop(), n_partitions=3, workspace_dir=tmp_path)
    found = []
    for n_threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", n_threads)
        analyze(workspace_dir=tmp_path, random_state=5)
        found.append(Workspace(tmp_path).read(Artefact.TGT_STATS).bytes(FILE_NAME))
    assert found[0] == found[1]
