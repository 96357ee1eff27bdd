"""generate for tables with a context key: whole subjects, in order, with keys that refer; for given context or anew."""

import itertools
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth_engine.domain import ArtefactError, GenerateConfig, InputError
from synth_engine.sequences import history
from synth_engine.stages import draw_shards, finish_generation, plan_generation
from synth_engine.stages.generating.shard_sizes import SHARD_ROWS, subjects_per_shard
from synth_engine.stages.lengths import SequenceLengths
from tests.stages.helpers import fit, refused, synthetic
from tests.stages.subjects import EVENT_LENGTHS, RELATED, make_tables, people, statistics, tables
from tests.stages.test_stages_generate import files, make
from tests.stages.test_stages_keys import set_shard_rows


def in_runs(values: list[Any]) -> list[Any]:
    """Every value once for each run of it."""
    return [value for value, _ in itertools.groupby(values)]


# --- subjects that are given ------------------------------------------------------------------------------------------


def test_events_belong_to_the_subjects_that_are_given(related: str, monkeypatch: pytest.MonkeyPatch):
    """In their order, each one's next to each other, dates forwards, keys of events new and unique."""
    set_shard_rows(monkeypatch, 20)
    subjects = people(101)
    twin = make(related, ctx_data=subjects)
    assert len(files(related)) > 1
    assert twin.column_names == ["owner", "number", "event", "size", "word", "day"]
    owners = in_runs(twin["owner"].to_pylist())
    assert owners == [name for name in subjects["id"] if name in set(owners)]
    assert 40 < len(owners) < 101, "some have no events"
    assert twin["event"].to_pylist() == list(range(1, twin.num_rows + 1))
    assert twin.group_by("owner").aggregate([("day", "count")])["day_count"].to_pandas().max() <= 4
    days = twin.to_pandas().groupby("owner", sort=False)["day"]
    assert all(day.is_monotonic_increasing for _, day in days)


def test_types_are_the_original_ones(related: str):
    assert make(related, ctx_data=people(50)).schema.remove_metadata() == (
        pa.Table.from_pandas(make_tables()[1]).schema.remove_metadata()
    )


def test_the_context_table_may_have_other_columns_types_and_order(related: str):
    subjects = people(30)
    expected = make(related, ctx_data=subjects)
    odd = pa.table(
        {
            "unknown": [[place] for place in range(30)],  # could not even be read as a column
            "kind": pa.array(subjects["kind"]).dictionary_encode(),
            "id": pa.array(subjects["id"], pa.large_string()),
        }
    )
    assert make(related, ctx_data=odd).equals(expected)
    assert make(related, ctx_data=subjects.assign(unknown=1).set_index("id", drop=False)).equals(expected)


def test_the_original_subjects_are_welcome_where_they_are_given(related: str):
    twin = make(related, ctx_data=make_tables()[0])
    assert set(twin["owner"].to_pylist()) <= {f"s{place}" for place in range(200)}


def test_context_that_was_never_there_and_nulls_of_it(related: str):
    subjects = people(40).assign(kind=[None, "never there"] * 20)
    assert make(related, ctx_data=subjects).num_rows > 0


def test_keys_of_another_type_become_those_of_the_target(tmp_path: Path):
    subjects, events = tables([2] * 30)
    number = {f"s{place}": place for place in range(30)}
    subjects["id"], events["owner"] = subjects["id"].map(number), events["owner"].map(number).astype("int16")
    fit(events, str(tmp_path), ctx_data=subjects, max_epochs=0, **RELATED)
    twin = make(str(tmp_path), ctx_data=pd.DataFrame({"id": [7.0, 5.0], "kind": "a"}))
    assert twin["owner"].to_pylist() == [7, 7, 5, 5]
    assert twin.schema.field("owner").type == pa.int16()
    with refused(
        str(tmp_path), InputError, r"^ctx_data: column 'id' holds int64 values that do not fit its type .*int16"
    ):
        make(str(tmp_path), ctx_data=pd.DataFrame({"id": [70_000], "kind": "a"}))


def test_context_columns_may_hold_lists(tmp_path: Path):
    """Of any layout; some empty, some null."""
    subjects, events = tables([2, 0, 3] * 20)
    visits = [[1.5, 2.0], [], None] * 20
    fit(events, str(tmp_path), ctx_data=subjects.assign(visits=visits), max_epochs=0, **RELATED)
    given = pa.Table.from_pandas(people(6)).append_column("visits", pa.array([[1], [2, 3], None, [], [9], [7]]))
    twin = make(str(tmp_path), ctx_data=given)
    assert set(twin["owner"].to_pylist()) <= set(people(6)["id"])
    in_views = given.set_column(2, "visits", given["visits"].cast(pa.large_list(pa.float32())))
    assert make(str(tmp_path), ctx_data=in_views).equals(twin)
    with refused(str(tmp_path), InputError, "^ctx_data: column 'visits' holds .* values that do not fit its type"):
        make(str(tmp_path), ctx_data=people(6).assign(visits=[["a"]] * 6))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "^ctx_data: expected the subjects whose events .* 'owner' refers to a context table, so give synthetic"),
        (
            people(5).drop(columns="id"),
            "^ctx_data: expected a column 'id', the primary key of the context table; found k",
        ),
        (people(5)[["id"]], "^ctx_data: expected a column 'kind', which the model has learned from; found id$"),
        (people(5).assign(id="x"), r"^ctx_data: column 'id' must be unique, found 4 repeated value\(s\)"),
        (people(5).assign(id=[None, *"abcd"]), "^ctx_data: column 'id' must not have nulls, found 1"),
        (people(5).assign(kind=[["a"]] * 5), "^ctx_data: column 'kind' holds large_list"),
        (people(5).assign(kind=[b"a"] * 4 + [b"\xff"]), "^ctx_data: column 'kind' holds .* that do not fit its type"),
        ([1], "^ctx_data: expected a pandas.DataFrame or a pyarrow.Table, found list"),
        (pd.DataFrame(), "^ctx_data: expected a column 'id', the primary key of the context table; found none"),
    ],
)
def test_context_that_cannot_be_used(related: str, data: Any, message: str):
    with refused(related, InputError, message):
        make(related, ctx_data=data)


def test_the_number_of_subjects_is_that_of_the_context(related: str):
    with refused(related, InputError, r"^sample_size: ctx_data has 5 subject\(s\), .* found 6; leave it out"):
        make(related, ctx_data=people(5), sample_size=6)
    assert make(related, ctx_data=people(5), sample_size=5).equals(make(related, ctx_data=people(5)))


# --- subjects that are made -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_subjects", [0, 1, 60, None])
def test_new_subjects_where_there_is_no_context_table(
    alone: str, monkeypatch: pytest.MonkeyPatch, n_subjects: int | None
):
    """Each one has an event at least, as the original ones have."""
    set_shard_rows(monkeypatch, 20)
    twin = make(alone, sample_size=n_subjects)
    owners = in_runs(twin["owner"].to_pylist())
    assert len(owners) == len(set(owners)) == (160 if n_subjects is None else n_subjects)
    assert not set(owners) & set(make_tables()[0]["id"])
    assert twin["event"].to_pylist() == list(range(1, twin.num_rows + 1))


def test_context_for_a_model_that_knows_none(alone: str):
    with refused(alone, InputError, "^ctx_data: the model has no context table, .* first events, .* in 'owner'"):
        make(alone, ctx_data=people(5))


@pytest.mark.parametrize("name", ["context", "plain"])
def test_nobody_gives_the_original_schema(related: str, alone: str, name: str):
    root, arguments = (related, {"ctx_data": people(50)}) if name == "context" else (alone, {})
    nothing = {"ctx_data": people(0)} if name == "context" else {"sample_size": 0}
    expected = make(root, **arguments).schema
    empty = make(root, **nothing)
    assert (empty.num_rows, empty.schema) == (0, expected)


# --- lengths ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, 3, 40])
@pytest.mark.parametrize("has_context", [True, False])
def test_a_constant_number_of_events_stays_constant(tmp_path: Path, length: int, has_context: bool):
    subjects, events = tables([length] * 40)
    options = {"ctx_data": subjects, **RELATED} if has_context else {"tgt_context_key": "owner"}
    fit(events, str(tmp_path), max_epochs=0, **options)
    n_subjects = 40 if length or has_context else 0
    twin = make(str(tmp_path), ctx_data=people(40) if has_context else None)
    counts = twin["owner"].value_counts().field("counts").to_pylist()
    assert counts == [length] * (n_subjects if length else 0)


def test_lengths_stay_within_what_may_be_known(related: str):
    counts = make(related, ctx_data=people(500))["owner"].value_counts().field("counts").to_pylist()
    assert set(counts) == {1, 2, 3, 4}
    assert statistics(related).seq_len.max == 4
    # 1 of 5 has none; a trained model is not off by so much (binomial, six standard deviations)
    assert abs(500 - len(counts) - 100) < 6 * 9


def test_tables_of_nothing_but_keys(tmp_path: Path):
    subjects, events = tables(EVENT_LENGTHS)
    fit(events[["owner"]], str(tmp_path), ctx_data=subjects[["id"]], max_epochs=2, **RELATED)
    twin = make(str(tmp_path), ctx_data=people(100)[["id"]])
    assert twin.column_names == ["owner"]
    assert 50 < twin.num_rows < 350


@pytest.mark.parametrize("lengths", [[], [0], [4], [0, 3]], ids=str)
@pytest.mark.parametrize("has_context", [True, False])
def test_hardly_anything_to_learn_from(tmp_path: Path, lengths: list[int], has_context: bool):
    subjects, events = tables(lengths)
    options = {"ctx_data": subjects, **RELATED} if has_context else {"tgt_context_key": "owner"}
    fit(events, str(tmp_path), max_epochs=0, **options)
    twin = make(str(tmp_path), ctx_data=subjects if has_context else None)
    assert twin.column_names == list(events.columns)
    assert set(twin["owner"].to_pylist()) <= set(subjects["id"]) or not has_context


# --- shards -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("median", "longest"), [(1, 1), (0, 0), (5, 23), (3, 10_000), (10_000, 10_000), (10**8, 10**9)]
)
def test_shards_are_neither_tiny_nor_beyond_memory(median: int, longest: int):
    n = subjects_per_shard(SequenceLengths(min=0, max=longest, median=median))
    assert 1 <= n <= SHARD_ROWS
    assert n == 1 or n * longest <= 64 * SHARD_ROWS
    assert n == 1 or n * median <= 16 * SHARD_ROWS
    assert n * max(median, longest / 8, 4) >= SHARD_ROWS


@pytest.mark.parametrize("kind", [int, str])
def test_shards_may_be_drawn_in_any_order(alone: str, monkeypatch: pytest.MonkeyPatch, kind: type):
    """Keys count up through shards although nobody knows beforehand how many events there are."""
    set_shard_rows(monkeypatch, 20)
    if kind is str:
        events = make_tables()[1].astype({"event": str})
        fit(events, alone, max_epochs=0, tgt_primary_key="event", tgt_context_key="owner")
    make(alone, sample_size=90)
    expected = files(alone)
    plan = plan_generation(GenerateConfig(sample_size=90, random_state=1), workspace_dir=alone)
    assert (plan.n_rows, plan.unit, plan.n_shards) == (90, "subjects", len(expected))
    for shard in reversed(plan.missing):
        draw_shards(plan, [shard], workspace_dir=alone)
    finish_generation(plan, workspace_dir=alone)
    assert files(alone) == expected
    twin = synthetic(alone)
    assert len(set(twin["event"].to_pylist())) == twin.num_rows


def test_every_worker_is_given_the_same_subjects(related: str):
    subjects = people(30)
    plan = plan_generation(GenerateConfig(random_state=1), ctx_data=subjects, workspace_dir=related)
    for wrong in (subjects[::-1], subjects.assign(kind="a"), subjects[:29]):
        with refused(related, InputError, "^ctx_data: expected the table that was planned with, found another one"):
            draw_shards(plan, ctx_data=wrong, workspace_dir=related)
    draw_shards(plan, ctx_data=subjects.assign(unknown=1), workspace_dir=related)
    finish_generation(plan, workspace_dir=related)
    assert synthetic(related).equals(make(related, ctx_data=subjects))
    assert "new 1" not in plan.model_dump_json()


def test_an_interrupted_run_is_gone_on_with(alone: str, monkeypatch: pytest.MonkeyPatch):
    set_shard_rows(monkeypatch, 20)
    make(alone, sample_size=90)
    expected = files(alone)

    def die(completed: float, **facts: Any) -> None:
        if completed >= 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        make(alone, sample_size=90, update_progress=die)
    assert caught.value.__notes__ == ["60 of 90 subjects are kept: generate goes on from there."]
    seen = []
    make(alone, sample_size=90, update_progress=lambda **facts: seen.append((facts["completed"], facts["total"])))
    assert seen == [(0, 90), (60, 90), (80, 90), (90, 90)]
    assert files(alone) == expected


def test_progress_counts_subjects(related: str):
    seen: list[Any] = []
    make(related, ctx_data=people(7), update_progress=lambda **facts: seen.append(facts))
    assert [(facts["completed"], facts["total"]) for facts in seen] == [(0, 7), (7, 7)]
    assert {facts["message"]["unit"] for facts in seen} == {"subjects"}


def test_the_same_seed_gives_the_same_bytes_and_others_others(related: str):
    made = [make(related, ctx_data=people(50), random_state=seed) for seed in (1, 1, 2, None)]
    assert made[0].equals(made[1])
    assert not any(made[0].equals(other) for other in made[2:])


def test_generation_needs_nothing_but_the_model_store(related: str, tmp_path: Path):
    expected = make(related, ctx_data=people(20))
    shutil.copytree(Path(related) / "ModelStore", tmp_path / "handed over" / "ModelStore")
    assert make(str(tmp_path / "handed over"), ctx_data=people(20)).equals(expected)


# --- wishes -----------------------------------------------------------------------------------------------------------


def test_what_is_wanted_holds_for_every_event(related: str):
    twin = make(
        related,
        ctx_data=people(300),
        rebalancing={"column": "word", "probabilities": {"z": 0.9}},
        imputation={"columns": ["size"]},
        constraints=[{"type": "range", "column": "number", "low": 1}],
    ).to_pandas()
    assert len(twin) > 300
    assert abs((twin["word"] == "z").mean() - 0.9) < 5 * np.sqrt(0.09 / 300)  # one in a million and more
    assert twin["size"].notna().all()
    assert twin["number"].min() >= 1


def test_temperature_zero_is_always_the_most_likely(alone: str):
    twin = make(alone, sample_size=30, sampling_temperature=0, random_state=5)
    again = make(alone, sample_size=30, sampling_temperature=0, random_state=6)
    assert twin["word"].equals(again["word"])
    assert len(set(twin["owner"].value_counts().field("counts").to_pylist())) == 1


@pytest.mark.parametrize("batch_size", [1, 7, 10_000])
def test_the_batch_size_does_not_change_the_rows(alone: str, batch_size: int):
    expected, twin = (make(alone, sample_size=40, batch_size=size).to_pandas() for size in (None, batch_size))
    # a batch of another size rounds otherwise, which may tip a draw on the very border of two codes, and what follows
    assert (
        twin["owner"].value_counts(sort=False).to_numpy() == expected["owner"].value_counts(sort=False)
    ).mean() > 0.9
    assert twin["word"].head(20).equals(expected["word"].head(20))


def test_fairness_is_for_rows_alone(alone: str):
    with refused(alone, InputError, "^fairness: .* 'owner' is a context key; leave it out"):
        make(alone, fairness={"target_column": "word", "sensitive_columns": ["size"]})


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (
            {"rebalancing": {"column": "kind", "probabilities": {"a": 1}}},
            "^rebalancing: column 'kind' is not in the orig",
        ),
        ({"imputation": {"columns": ["owner"]}}, "^imputation: column 'owner' is a key"),
        (
            {"constraints": [{"type": "range", "column": "day", "low": "2024-01-05"}]},
            "^constraints.0: column 'day' must be encoded as numbers or dates; .* TABULAR_DATETIME_RELATIVE",
        ),
    ],
)
def test_wishes_about_columns_that_have_none(related: str, wish: dict[str, Any], message: str):
    with refused(related, InputError, message):
        make(related, ctx_data=people(5), **wish)


def test_weights_of_another_version_are_refused(related: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(history, "N_LAYERS", history.N_LAYERS + 1)
    with refused(related, ArtefactError, "does not fit the networks of this version of synth_engine; train the model"):
        make(related, ctx_data=people(3))
