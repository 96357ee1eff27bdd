"""analyze and encode with subjects: people are counted and not rows, and codes of both tables are aligned."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth_engine import analyze, encode, split
from synth_engine.demo import make_shop
from synth_engine.privacy import MINIMUM_ENTITIES
from synth_engine.workspace import Artefact, Workspace
from tests.stages.subjects import RELATED, encoded, parts, statistics, tables


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "ws")


def shareable(root: str) -> str:
    """Everything that may be handed over after analyze."""
    return "\n".join(path.read_text() for path in (Path(root) / "ModelStore").rglob("*") if path.is_file())


# --- people, not rows -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_context", [True, False])
def test_one_subject_with_a_thousand_rows_is_one(root: str, has_context: bool):
    subjects, events = tables([5] * 100)
    often = pd.DataFrame({"owner": "s0", "number": 31_415_926, "value": range(1_000), "word": "SECRET"})
    events = pd.concat([events.assign(word="common"), often])
    options: dict[str, Any] = {"ctx_data": subjects, **RELATED} if has_context else {"tgt_context_key": "owner"}
    split(events, workspace_dir=root, n_partitions=3, **options)
    analyze(workspace_dir=root)
    assert "SECRET" not in shareable(root)
    assert "31415926" not in shareable(root)
    split(events, workspace_dir=root, n_partitions=3)  # the same rows as if each was a person's
    analyze(workspace_dir=root)
    assert "SECRET" in shareable(root)
    assert "31415926" in shareable(root)


def test_any_number_of_partitions_gives_the_same_statistics(tmp_path: Path):
    subjects, events = tables([place % 7 for place in range(300)])
    made = []
    for n_partitions in (1, 2, 13):
        root = str(tmp_path / str(n_partitions))
        split(events, ctx_data=subjects, n_partitions=n_partitions, workspace_dir=root, **RELATED)
        analyze(workspace_dir=root, random_state=3)
        made.append([statistics(root), statistics(root, Artefact.CTX_STATS)])
    assert made[0] == made[1] == made[2]


def test_columns_of_the_same_name_in_both_tables_stay_apart(root: str):
    subjects, events = tables([2] * 60)
    codes = encoded(root, events.assign(kind=1.5), subjects, **RELATED)
    assert [str(each.columns["kind"].dtype) for each in (statistics(root), statistics(root, Artefact.CTX_STATS))] == [
        "double",
        "large_string",
    ]
    assert "kind__cat" in codes.column_names
    assert "kind__cat" in [field.name for field in codes.schema.field("events").type.value_type]


# --- lengths ----------------------------------------------------------------------------------------------------------


def test_lengths_are_counted_with_the_zeros(root: str):
    lengths = [0] * 30 + [1] * 40 + [2] * 31 + [9] * 20
    subjects, events = tables(lengths)
    encoded(root, events, subjects, **RELATED)
    found = statistics(root)
    assert (found.seq_len.min, found.seq_len.max, found.seq_len.median) == (0, 9, 1)
    assert found.is_sequential
    assert found.total_records == len(lengths)
    assert found.no_of_training_records == 97
    beside = statistics(root, Artefact.CTX_STATS)
    assert (beside.total_records, beside.is_sequential, beside.seq_len.encoding) == (len(lengths), False, None)
    assert beside.keys.primary_key == "id"
    encoded(root, events, tgt_context_key="owner")
    assert (statistics(root).seq_len.min, statistics(root).total_records) == (1, 91)


def test_a_rare_length_is_not_told_and_its_events_beyond_are_left_out(root: str):
    for seed, longest in enumerate([50, 700, 50_000]):
        subjects, events = tables([3] * 300 + [4] * 200 + [longest], seed)
        codes = encoded(root, events, subjects, **RELATED)
        found = statistics(root).seq_len
        assert (found.min, found.max, found.median) == (3, 4, 3)
        assert str(longest) not in json.dumps(found.model_dump(mode="json"))
        assert max(codes["length"].to_pylist()) == 4
        assert sorted(codes["length"].to_pylist()) == [3] * 300 + [4] * 201


def test_a_rare_empty_sequence_stays_empty_and_is_not_told(root: str):
    subjects, events = tables([2] * 300 + [3] * 300 + [0] * (MINIMUM_ENTITIES - 1))
    codes = encoded(root, events, subjects, **RELATED)
    assert statistics(root).seq_len.min == 2
    assert codes["length"].to_pylist().count(0) == MINIMUM_ENTITIES - 1


@pytest.mark.parametrize("length", [0, 1, 3, 150])
def test_a_constant_length_stays_constant(root: str, length: int):
    subjects, events = tables([length] * 60)
    encoded(root, events, subjects, **RELATED)
    found = statistics(root)
    assert (found.seq_len.min, found.seq_len.max, found.seq_len.median) == (length,) * 3
    assert found.is_sequential == (length != 1)
    drawn = found.seq_len.encoding.decode(np.ones((20, 1), np.int32), np.random.default_rng(0))
    assert set(drawn.to_pylist()) == {length}


def test_a_flat_table_has_no_lengths(root: str):
    encoded(root, tables([2] * 50)[1])
    found = statistics(root)
    assert (found.seq_len.encoding, found.seq_len.max, found.is_sequential, found.total_records) == (
        None,
        1,
        False,
        100,
    )


def test_with_few_subjects_only_lengths_that_enough_have_are_told(root: str):
    encoded(root, *tables([2] * 15 + [5] * 3 + [70])[::-1], **RELATED)
    assert statistics(root).seq_len.encoding.numbers == [2]
    encoded(root, *tables([1, 2, 3])[::-1], **RELATED)
    found = statistics(root)
    assert (found.seq_len.max, found.seq_len.encoding, found.is_sequential) == (1, None, False)


def test_without_protection_every_length_is_kept(root: str):
    subjects, events = tables([0, 1, 2, 300])
    split(events, ctx_data=subjects, workspace_dir=root, **RELATED)
    analyze(value_protection=False, workspace_dir=root)
    encode(workspace_dir=root)
    assert (statistics(root).seq_len.min, statistics(root).seq_len.max) == (0, 300)
    codes = [table for role in ("trn", "val") for table in parts(root, Artefact.ENCODED_DATA, role)]
    lengths = [length for table in codes for length in table["length"].to_pylist()]
    assert sorted(lengths) == [0, 1, 2, 300]


# --- codes ------------------------------------------------------------------------------------------------------------


def test_codes_of_subjects_and_events_are_those_of_their_rows(root: str):
    subjects, events = tables([place % 5 for place in range(200)])
    encoded(root, events, subjects, n_partitions=3, **RELATED)
    own, beside = statistics(root), statistics(root, Artefact.CTX_STATS)
    for role in ("trn", "val"):
        data, context = parts(root, Artefact.TGT_DATA, role), parts(root, Artefact.CTX_DATA, role)
        for codes, rows, people in zip(parts(root, Artefact.ENCODED_DATA, role), data, context, strict=True):
            kind = beside.columns["kind"].encode(people["kind"].combine_chunks())
            assert codes["kind__cat"].to_pylist() == kind[:, 0].tolist()
            values = own.columns["value"].encode(rows["value"].combine_chunks())[:, 0].tolist()
            of_owner: dict[str, list[int]] = {}
            for owner, code in zip(rows["owner"].to_pylist(), values, strict=True):
                of_owner.setdefault(owner, []).append(code)
            found = [[event["value__bin"] for event in each] for each in codes["events"].to_pylist()]
            assert found == [of_owner.get(name, []) for name in people["id"].to_pylist()]
            assert codes["length"].to_pylist() == [len(each) for each in found]


def test_codes_are_small_and_never_null(root: str):
    codes = encoded(root, *tables([2] * 80)[::-1], **RELATED)
    assert codes.schema.field("length").type == pa.uint32()
    events = codes.schema.field("events").type.value_type
    assert {str(field.type) for field in events} == {"uint8"}
    assert not any(field.nullable for field in events)


@pytest.mark.parametrize("lengths", [[], [0], [0] * 50, [4], [1] * 50], ids=str)
@pytest.mark.parametrize("n_partitions", [1, 7])
@pytest.mark.parametrize("has_context", [True, False])
def test_hardly_anything_to_encode(root: str, lengths: list[int], n_partitions: int, has_context: bool):
    subjects, events = tables(lengths)
    options: dict[str, Any] = {"subjects": subjects, **RELATED} if has_context else {"tgt_context_key": "owner"}
    codes = encoded(root, events, n_partitions=n_partitions, **options)
    assert codes.num_rows == (len(lengths) if has_context else sum(length > 0 for length in lengths))
    assert codes["length"].to_pylist() == [len(each) for each in codes["events"].to_pylist()]


@pytest.mark.parametrize("has_context", [True, False])
def test_tables_of_nothing_but_keys(root: str, has_context: bool):
    subjects, events = tables([place % 4 for place in range(80)])
    options: dict[str, Any] = {"subjects": subjects[["id"]], **RELATED} if has_context else {"tgt_context_key": "owner"}
    codes = encoded(root, events[["owner"]], **options)
    assert codes.column_names == ["length"]
    wanted = [place % 4 for place in range(80) if has_context or place % 4]
    assert sorted(codes["length"].to_pylist()) == sorted(wanted)


def test_50_000_subjects_with_one_event_each_are_a_flat_table_with_context(root: str):
    subjects, events = tables([1] * 50_000)
    codes = encoded(root, events, subjects, n_partitions=4, **RELATED)
    assert codes.num_rows == 50_000
    assert set(codes["length"].to_pylist()) == {1}
    assert not statistics(root).is_sequential


# --- the demo shop ----------------------------------------------------------------------------------------------------


def test_orders_of_the_demo_shop_with_relative_dates(root: str):
    shop = make_shop(400, seed=2)
    types = {"ordered_at": "TABULAR_DATETIME_RELATIVE"}
    codes = encoded(
        root,
        shop.orders,
        shop.customers,
        ctx_primary_key="customer_id",
        tgt_context_key="customer_id",
        tgt_primary_key="order_id",
        tgt_encoding_types=types,
        n_partitions=2,
    )
    assert codes.num_rows == 400
    found = statistics(root)
    assert found.keys.model_dump() == {"primary_key": "order_id", "context_key": "customer_id"}
    assert set(found.columns) == set(shop.orders.columns) - {"order_id", "customer_id"}
    encoding = found.columns["ordered_at"]
    data = Workspace(root).read(Artefact.TGT_DATA)
    for name in data.parts("trn") + data.parts("val"):
        rows = data.table(name)
        owners = rows["customer_id"].combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
        dates = rows["ordered_at"].combine_chunks()
        decoded = encoding.decode_events(encoding.encode_events(dates, owners), owners, np.random.default_rng(0))
        for column in (dates, decoded):
            backwards = np.diff(column.cast(pa.int64()).to_numpy())[owners[1:] == owners[:-1]] < 0
            assert not backwards.any()
