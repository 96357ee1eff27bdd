"""Drift: the figure by hand, what follows from it, and a changed source on a real instance from report to request."""

import math

import numpy as np
import pandas as pd
import pytest
from dagster import AssetKey, DagsterEventType, RunRequest, SkipReason, build_run_status_sensor_context
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from synth_engine.domain import DifferentialPrivacyConfig, InputError, ModelStateStrategy
from synth_engine.stages import analyze, encode, split, train
from synth_engine.workspace import Artefact, LedgerEntry, Workspace
from synth_pipeline.automation.drift import Measured, judge, strategy_for, why_no_budget
from synth_pipeline.automation.drift_report import measure
from synth_pipeline.automation.retraining import retraining
from synth_pipeline.automation.stability import MOST_GROUPS, Stability, groups, population_stability_index, stability
from synth_pipeline.catalog import DatasetConfig
from synth_pipeline.definitions import build_definitions
from synth_pipeline.resources import Storage
from tests.pipeline.automated import HEARD, Heard

COUNTS = arrays.arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 1000))


def test_the_index_by_hand():
    # shares 50.5/101 = 0.5 twice; 75.5/101 = 0.747525 and 25.5/101 = 0.252475
    by_hand = (0.747525 - 0.5) * math.log(0.747525 / 0.5) + (0.252475 - 0.5) * math.log(0.252475 / 0.5)
    assert population_stability_index(np.array([50, 50]), np.array([75, 25])) == pytest.approx(by_hand, abs=1e-5)
    assert by_hand == pytest.approx(0.26868, abs=1e-5)


@given(COUNTS, st.randoms(use_true_random=False))
def test_laws_of_the_index(old, random):
    new = np.array(random.sample(list(old), len(old)))
    index = population_stability_index(old, new)
    assert index >= 0
    assert index == pytest.approx(population_stability_index(new, old))
    assert population_stability_index(old, old) == pytest.approx(0)
    assert math.isfinite(index)


@given(COUNTS, st.booleans(), st.integers(0, 3))
def test_laws_of_groups(old, ordered, n_reserved):
    n_reserved = min(n_reserved, len(old) - 1)
    ranks = [math.nan] * n_reserved + list(np.linspace(0, 1, len(old) - n_reserved)) if ordered else None
    found = groups(old, ranks)
    assert len(found) == len(old)
    assert set(found) == set(range(max(found) + 1)), "no group is without codes"
    assert max(found) < MOST_GROUPS
    if ordered and len(old) > MOST_GROUPS:
        assert (np.diff(found[n_reserved:]) >= 0).all(), "neighbours stay together"
        assert not set(found[:n_reserved]) & set(found[n_reserved:])


def test_many_ordered_codes_are_groups_of_equal_size():
    found = groups(np.full(1000, 10), list(np.linspace(0, 1, 1000)))
    assert np.bincount(found).tolist() == [50] * 20


@pytest.mark.parametrize(("n_codes", "n_rows"), [(2, 50), (20, 100), (500, 300), (500, 20_000)])
def test_samples_of_one_population_do_not_drift(n_codes, n_rows):
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(n_codes))
    alarms = 0
    for _ in range(200):
        old, new = (rng.multinomial(n_rows, shares) for _ in range(2))
        alarms += stability(old, new, None, (n_rows, n_rows), 10).is_above(0.05)
    assert alarms == 0


def test_a_shift_is_found_also_in_few_rows():
    old, new = np.array([80, 20]), np.array([20, 80])
    assert stability(old, new, None, (100, 100), 10).is_above(0.2)


def test_the_verdict_names_the_columns_unless_they_are_private():
    measured = Measured(["column z is new"], {"a": Stability(0.9, 0.01, 5), "b": Stability(0.1, 0.01, 5)})
    kinds = {"is_private": False, "budget": None, "strategy": ModelStateStrategy.reuse}
    verdict = judge(measured, 0.2, **kinds)
    assert verdict.outcome == "train"
    assert verdict.reason == "column z is new; drift above 0.2 in a"
    assert judge(measured, 0.2, **kinds | {"is_private": True}).reason == "its source drifted"
    refused = judge(measured, 0.2, **kinds | {"budget": "0.1 is left"})
    assert refused.outcome == "refuse"
    assert "0.1 is left" in refused.reason
    kept = judge(Measured([], measured.columns), 1.0, **kinds)
    assert kept.outcome == "keep"
    assert judge(Measured([], {"a": Stability(0.9, 1.5, 5)}), 0.2, **kinds).outcome == "keep", "by chance"


def entry(stage: str, epsilon: float, total: float, **run: str) -> LedgerEntry:
    return LedgerEntry(
        stage=stage, mechanism="m", purpose="p", parameters=run, epsilon=epsilon, delta=1e-6, data_version="1",
        cumulated_epsilon=total, cumulated_delta=total * 1e-6,
    )  # fmt: skip


def test_the_budget_is_asked_for_what_the_last_training_cost():
    entries = [entry("analyze", 0.5, 0.5), entry("train", 1.0, 1.5, run="1"), entry("train", 0.5, 2.0, run="1")]
    assert why_no_budget(None, entries) is None
    assert why_no_budget(DifferentialPrivacyConfig(), entries) is None
    assert why_no_budget(DifferentialPrivacyConfig(dataset_epsilon=4.0), entries) is None
    assert "so 1.5 is left" in why_no_budget(DifferentialPrivacyConfig(dataset_epsilon=3.5), entries)


def test_weights_that_leave_no_privacy_are_not_taken_up():
    bound = {"privacy": {"epsilon": 1.0}}
    assert strategy_for(None, {}) is ModelStateStrategy.reuse
    assert strategy_for(DifferentialPrivacyConfig(), bound) is ModelStateStrategy.reuse
    assert strategy_for(DifferentialPrivacyConfig(), {}) is ModelStateStrategy.reset
    assert strategy_for(DifferentialPrivacyConfig(target_epsilon=2.0), bound) is ModelStateStrategy.reset


class Watched:
    """A trained dataset whose source changes."""

    def __init__(self, pipeline) -> None:
        self.pipeline = pipeline
        HEARD.clear()
        self.definitions = build_definitions(storage=Storage(root=str(pipeline.root)), notifier=Heard())

    def report(self) -> tuple[dict, RunRequest | SkipReason]:
        """What the report shows, and what the sensor makes of it."""
        instance = self.pipeline.instance
        instance.add_dynamic_partitions("dataset", ["customers"])
        job = self.definitions.resolve_job_def("measure_drift")
        result = job.execute_in_process(instance=instance, partition_key="customers", tags={"synth/content": "x"})
        run = instance.get_run_by_id(result.run_id)
        [record] = instance.get_records_for_run(run.run_id, of_type=DagsterEventType.RUN_SUCCESS).records
        event = record.event_log_entry.dagster_event
        with build_run_status_sensor_context(
            "retraining", event, instance, run, resources={"notifier": Heard()}
        ) as context:
            requested = retraining(context)
        made = instance.get_latest_materialization_event(AssetKey("drift_report")).asset_materialization
        return {name: value.value for name, value in made.metadata.items()}, requested


def test_from_a_shifted_source_to_the_request_of_a_training(finished):
    watched, table = Watched(finished), pd.read_parquet(finished.source)
    finished.configure(drift={})
    table.sample(frac=1.0, replace=True, random_state=0).to_parquet(finished.source, index=False)
    shown, requested = watched.report()
    assert shown["outcome"] == "keep"
    assert isinstance(requested, SkipReason)
    assert "no column drifted above 0.2" in requested.skip_message
    number = next(name for name in table if pd.api.types.is_integer_dtype(table[name]) and name != "customer_id")
    table.assign(**{number: table[number].max()}).to_parquet(finished.source, index=False)
    shown, requested = watched.report()
    assert shown["outcome"] == "train"
    assert shown["drift_by_column"].splitlines()[2].startswith(f"| {number} |"), "the worst comes first"
    assert shown["largest_population_stability_index"] > 0.2
    assert isinstance(requested, RunRequest)
    assert requested.partition_key == "customers"
    assert requested.tags["synth/model_state_strategy"] == "REUSE"
    assert requested.tags["synth/content"] == "x"
    assert number in requested.tags["synth/reason"]
    names = table["name"]
    assert not [name for name in names if name in str(shown)], "no value of a row is shown"
    assert HEARD == []


def test_other_columns_are_drift_by_themselves(finished):
    table = pd.read_parquet(finished.source)
    name, other = [column for column in table if column != "customer_id"][:2]
    table.drop(columns=[name]).assign(new=1, **{other: True}).to_parquet(finished.source, index=False)
    finished.configure(drift={"threshold": 100.0})
    shown, _ = Watched(finished).report()
    assert shown["outcome"] == "train"
    for part in (f"column {name} is missing", "column new is new", f"column {other} was"):
        assert part in shown["reason"]


def test_without_a_budget_nothing_is_trained_and_operators_are_told(finished):
    spent = LedgerEntry(stage="train", mechanism="m", purpose="p", epsilon=1.0, delta=1e-6, data_version="1")
    finished.workspace.ledger.add([spent])
    privacy = {"dataset_epsilon": 1.5}
    finished.configure(drift={}, train={"model": "MOSTLY_AI/Small", "differential_privacy": privacy})
    pd.read_parquet(finished.source).assign(more=1).to_parquet(finished.source, index=False)
    shown, requested = Watched(finished).report()
    assert shown["outcome"] == "refuse"
    assert isinstance(requested, SkipReason)
    assert "0.5 is left" in requested.skip_message
    assert "more" not in shown["reason"].split("epsilon")[0], "columns of a private dataset are not named"
    assert "drift_by_column" not in shown
    assert [notice.title for notice in HEARD] == ["customers: drift without a budget"]


def test_sequences_are_compared_event_by_event_and_by_their_lengths(tmp_path):
    rng = np.random.default_rng(0)

    def events(longest: int, kinds: str) -> pd.DataFrame:
        lengths = rng.integers(1, longest + 1, 300)
        keys = np.repeat(np.arange(300), lengths)
        return pd.DataFrame({"who": keys, "kind": rng.choice(list(kinds), len(keys)), "x": rng.normal(size=len(keys))})

    workspace = Workspace(tmp_path / "ws")
    split(events(4, "ab"), tgt_context_key="who", workspace_dir=tmp_path / "ws")
    for stage in (analyze, encode):
        stage(workspace_dir=tmp_path / "ws")
    train(workspace_dir=tmp_path / "ws", max_epochs=0, model="MOSTLY_AI/Small")
    config = DatasetConfig(source=str(tmp_path / "new.parquet"), context_key="who")

    def drifted(table: pd.DataFrame) -> list[str]:
        table.sample(frac=1.0, random_state=1).to_parquet(config.source, index=False)
        return measure(config, workspace).drifted(0.2)

    assert drifted(events(4, "ab")) == []
    assert drifted(events(4, "aaaaaaab")) == ["kind"]
    shorter = events(4, "ab").drop_duplicates("who")
    assert drifted(shorter) == ["number of rows per subject"]


def test_texts_are_refused_with_what_to_do(finished):
    config = DatasetConfig(source=str(finished.source))
    assert measure(config, finished.workspace).changes == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "synth_pipeline.automation.drift_report.TableStatistics.model_validate",
            lambda _: type("Statistics", (), {"language": {"name": 1}}),
        )
        with pytest.raises(InputError, match="leave drift out"):
            measure(config, finished.workspace)


def test_without_a_model_there_is_nothing_to_compare_with(finished):
    finished.workspace.remove(Artefact.MODEL_DATA)
    finished.configure(drift={})
    shown, requested = Watched(finished).report()
    assert shown["reason"] == "there is no model yet"
    assert isinstance(requested, RunRequest)
