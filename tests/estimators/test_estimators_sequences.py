"""Subjects with their events: how likely they are as a whole, samples of them, and what is not for them."""

import itertools
import pickle
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth_engine import TabularARGN
from synth_engine.domain import InputError, UserError
from synth_engine.stages.encode import encode_events
from synth_engine.stages.learning.sequential import records_of
from synth_engine.stages.relations import Subjects
from tests.estimators.helpers import fast
from tests.sequences.helpers import losses_as_drawn
from tests.sequences.known_process import KEYS, Sample, make_process


@pytest.fixture(scope="module")
def sample() -> Sample:
    return make_process(250, seed=3)


@pytest.fixture(scope="module")
def related(sample: Sample) -> Iterator[TabularARGN]:
    with fast(max_epochs=2, ctx_data=sample.subjects, **KEYS) as model:
        yield model.fit(sample.events)


@pytest.fixture(scope="module")
def alone(sample: Sample) -> Iterator[TabularARGN]:
    """Of subjects that nothing is known of, learned from in short windows."""
    with fast(max_epochs=2, tgt_context_key="owner", max_sequence_window=3) as model:
        yield model.fit(sample.events)


# --- log_prob ---------------------------------------------------------------------------------------------------------


def test_probabilities_of_all_sequences_that_there_can_be_add_up_to_one():
    """But for what codes have that are never drawn: those of rare and of missing lengths."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 4, 300)
    subjects = pd.DataFrame({"id": range(300), "kind": rng.choice(["x", "y"], 300)})
    events = pd.DataFrame({"owner": np.repeat(np.arange(300), lengths)})
    events["what"] = rng.choice(["a", "b"], len(events))
    with fast(ctx_data=subjects, **KEYS) as model:
        model.fit(events)
        sequences = [each for n in range(4) for each in itertools.product(["a", "b", "never seen"], repeat=n)]
        asked = pd.DataFrame({"id": range(len(sequences)), "kind": "x"})
        rows = [(owner, what) for owner, each in enumerate(sequences) for what in each]
        found = model.log_prob(pd.DataFrame(rows, columns=["owner", "what"]), ctx_data=asked)
    assert len(found) == len(sequences) == 40
    assert 0.97 < np.exp(found).sum() <= 1 + 1e-5
    assert np.exp(found[0]) == pytest.approx(0.25, abs=0.1), "no event at all"


def test_it_is_that_of_drawing_event_after_event(alone: TabularARGN, sample: Sample, monkeypatch: pytest.MonkeyPatch):
    """Also for sequences longer than the windows of training, and in batches of a few."""
    events = sample.events.sort_values("owner", kind="stable")
    model = alone._model_of_subjects()
    table = pa.Table.from_pandas(events, preserve_index=False)
    statistics, network = model.statistics, model.network
    codes = encode_events(table, Subjects.of(table, "owner"), statistics.columns, statistics.seq_len.max)
    records = records_of(model.described, network.layout, [pa.table(codes)])
    assert records.lengths.max() > 3
    of_lengths, of_events = losses_as_drawn(network, records, range(network.layout.events.n_columns))
    expected = [
        of_length + of_events[start:end].sum()
        for of_length, start, end in zip(of_lengths, records.offsets, records.offsets[1:], strict=False)
    ]
    found = alone.log_prob(events)
    np.testing.assert_allclose(found, -np.array([float(each) for each in expected]), rtol=1e-4)
    assert found.index.tolist() == events["owner"].unique().tolist()
    assert found.index.name == "owner"
    monkeypatch.setattr("synth_engine.estimators.fitted_sequences.BATCH_EVENTS", 7)
    np.testing.assert_allclose(alone.log_prob(events), found, rtol=1e-5)


def test_subjects_stand_as_in_the_context_table_or_as_they_appear(
    related: TabularARGN, alone: TabularARGN, sample: Sample
):
    subjects = sample.subjects[::-1]
    found = related.log_prob(sample.events, ctx_data=subjects)
    assert found.index.tolist() == subjects["id"].tolist()
    assert np.isfinite(found).all()
    pd.testing.assert_series_equal(related.log_prob(sample.events, ctx_data=sample.subjects)[::-1], found, rtol=1e-4)
    shuffled = sample.events.sort_values("owner", ascending=False, kind="stable")
    assert alone.log_prob(shuffled).index.tolist() == shuffled["owner"].unique().tolist()
    pd.testing.assert_series_equal(
        alone.log_prob(shuffled).sort_index(), alone.log_prob(sample.events).sort_index(), rtol=1e-4
    )
    as_arrow = pa.Table.from_pandas(shuffled, preserve_index=False)
    assert alone.log_prob(as_arrow).tolist() == alone.log_prob(shuffled).tolist()


def test_hardly_anything_to_judge(related: TabularARGN, alone: TabularARGN, sample: Sample):
    assert related.log_prob(sample.events[:0], ctx_data=sample.subjects[:0]).empty
    assert alone.log_prob(sample.events[:0]).empty
    without_events = related.log_prob(sample.events[:0], ctx_data=sample.subjects[:5])
    assert np.isfinite(without_events).all()
    assert np.isfinite(alone.log_prob(sample.events[:1])).all()


def test_more_events_than_are_possible_count_as_the_most(alone: TabularARGN):
    longest = alone._model_of_subjects().statistics.seq_len.max
    many = pd.DataFrame(
        {
            "owner": "someone new",
            "at": pd.Timestamp("2020-02-01"),
            "state": "a",
            "tag": "red",
            "level": np.arange(longest + 50),
        }
    )
    assert alone.log_prob(many).tolist() == alone.log_prob(many[:longest]).tolist()


# --- sample -----------------------------------------------------------------------------------------------------------


def test_samples_are_events_of_the_subjects_that_are_given(related: TabularARGN, sample: Sample):
    subjects = sample.subjects.assign(id=[f"new {number}" for number in range(len(sample.subjects))])
    drawn = related.sample(ctx_data=subjects, random_state=1)
    assert drawn.dtypes.equals(sample.events.dtypes)
    assert set(drawn["owner"]) <= set(subjects["id"])
    assert drawn.equals(related.sample(ctx_data=subjects, random_state=1))
    assert not drawn.equals(related.sample(ctx_data=subjects, random_state=2))
    assert np.isfinite(related.log_prob(drawn, ctx_data=subjects)).all()
    with pytest.raises(InputError, match=r"ctx_data: expected the subjects .* synthetic subjects"):
        related.sample()


def test_samples_without_a_context_table_are_of_so_many_new_subjects(alone: TabularARGN, sample: Sample):
    drawn = alone.sample(40)
    assert drawn["owner"].nunique() == 40
    assert not set(drawn["owner"]) & set(sample.events["owner"])
    assert alone.sample()["owner"].nunique() == sample.events["owner"].nunique()
    first = sample.events.groupby("owner", sort=False).head(1)[:5].reset_index(drop=True)
    completed = alone.sample(8, seed_data=first)
    assert completed["owner"].nunique() == 8
    found = completed.groupby("owner", sort=False).head(1)[:5].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, first)


# --- life -------------------------------------------------------------------------------------------------------------


def test_a_pickle_of_a_fitted_one_holds_no_context_table(related: TabularARGN, sample: Sample):
    data = pickle.dumps(related)
    assert b"s000017" not in data
    with pickle.loads(data) as other:
        assert other.ctx_data is None
        assert other.log_prob(sample.events, ctx_data=sample.subjects).equals(
            related.log_prob(sample.events, ctx_data=sample.subjects)
        )
    assert related.ctx_data is sample.subjects
    unfitted = pickle.loads(pickle.dumps(fast(ctx_data=sample.subjects, **KEYS)))
    assert unfitted.ctx_data.equals(sample.subjects), "to be fitted in another process"


def test_a_model_trained_elsewhere_is_opened(sample: Sample, tmp_path):
    fast(max_epochs=0.1, workspace_dir=tmp_path / "ws", ctx_data=sample.subjects, **KEYS).fit(sample.events)
    model = TabularARGN.from_workspace(tmp_path / "ws")
    assert {name: model.get_params()[name] for name in KEYS} == KEYS
    assert np.isfinite(model.log_prob(sample.events, ctx_data=sample.subjects)).all()


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda model, sample: model.predict(sample.events, "state"), "predict, .* are for models of single rows"),
        (lambda model, sample: model.predict_proba(sample.events, "state"), "are for models of single rows"),
        (lambda model, sample: model.impute(sample.events), "are for models of single rows"),
        (lambda model, sample: model.log_prob(sample.events), "ctx_data: expected the subjects that 'owner' refers to"),
        (
            lambda model, sample: model.log_prob(sample.events, 3, ctx_data=sample.subjects),
            "n_orders: .* natural order only",
        ),
        (
            lambda model, sample: model.log_prob(sample.events.drop(columns="tag"), ctx_data=sample.subjects),
            "X: expected a column 'tag', found none",
        ),
        (
            lambda model, sample: model.log_prob(sample.events.drop(columns="owner"), ctx_data=sample.subjects),
            "X: expected a column 'owner', found none",
        ),
        (
            lambda model, sample: model.log_prob(sample.events, ctx_data=sample.subjects[:9]),
            r"X: column 'owner' must refer to rows of ctx_data, found \d+ row",
        ),
        (
            lambda model, sample: model.log_prob(sample.events, ctx_data=sample.subjects.drop(columns="kind")),
            "ctx_data: expected a column 'kind'",
        ),
        (
            lambda model, sample: model.log_prob(sample.events.assign(owner=None), ctx_data=sample.subjects),
            "X: column 'owner' must not have nulls",
        ),
        (
            lambda model, sample: model.sample(3, ctx_data=sample.subjects),
            "sample_size",
        ),
        (
            lambda model, sample: model.sample(
                ctx_data=sample.subjects, fairness={"target_column": "state", "sensitive_columns": ["tag"]}
            ),
            "fairness",
        ),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(related: TabularARGN, sample: Sample, ask, message):
    with pytest.raises(UserError, match=message):
        ask(related, sample)


def test_a_context_table_is_refused_where_the_model_has_none(alone: TabularARGN, fitted, table, sample: Sample):
    with pytest.raises(InputError, match="ctx_data: the model has no context table"):
        alone.log_prob(sample.events, ctx_data=sample.subjects)
    with pytest.raises(InputError, match="ctx_data: the model has no context table"):
        alone.sample(ctx_data=sample.subjects)
    with pytest.raises(InputError, match="ctx_data: the model has no context table"):
        fitted.log_prob(table, ctx_data=sample.subjects)
    with pytest.raises(InputError, match="ctx_data: the model has no context table"):
        fitted.sample(ctx_data=sample.subjects)
