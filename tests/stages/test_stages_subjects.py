"""split with subjects: nobody is torn apart, nobody is lost, both tables stay together, and wrong keys are told."""

import uuid
from collections import Counter
from collections.abc import Iterable
from contextlib import nullcontext
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth_engine import analyze, encode, split
from synth_engine.domain import ArtefactError, InputError
from synth_engine.workspace import Artefact, Workspace
from synth_engine.workspace.staging import Staging
from tests.stages.helpers import refused
from tests.stages.subjects import RELATED, parts, statistics, tables
from tests.workspace.helpers import tree


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "ws")


LENGTHS = {
    "mixed": [3, 0, 1, 7, 2, 0, 5, 1, 1, 4] * 3,
    "one each": [1] * 20,
    "all empty": [0] * 12,
    "a single one": [9],
    "a single one without events": [0],
    "none": [],
    "one long and many short": [500, *[1] * 50],
}


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())
@pytest.mark.parametrize("n_partitions", [1, 3, 40])
@pytest.mark.parametrize("has_context", [True, False])
def test_subjects_are_whole_and_in_one_file(root: str, lengths: list[int], n_partitions: int, has_context: bool):
    subjects, events = tables(lengths)
    options: dict[str, Any] = {"ctx_data": subjects, **RELATED} if has_context else {"tgt_context_key": "owner"}
    split(events, n_partitions=n_partitions, workspace_dir=root, **options)
    owners: list[str] = []
    for role in ("trn", "val"):
        files = parts(root, Artefact.TGT_DATA, role)
        assert len(files) == n_partitions
        for table in files:
            runs = [place for place, number in enumerate(table["number"].to_pylist()) if number == 0]
            owners += [table["owner"][place].as_py() for place in runs]
            for start, stop in pairwise([*runs, table.num_rows]):
                assert len(set(table["owner"][start:stop].to_pylist())) == 1
                assert table["number"][start:stop].to_pylist() == list(range(stop - start))
    counts = Counter(events["owner"])
    assert Counter(owners) == Counter(counts.keys())
    tables_of = [table for role in ("trn", "val") for table in parts(root, Artefact.TGT_DATA, role)]
    assert sum(table.num_rows for table in tables_of) == len(events)


@pytest.mark.parametrize("n_partitions", [1, 4, 50])
@pytest.mark.parametrize("share", [0.01, 0.8])
def test_both_tables_are_divided_alike(root: str, n_partitions: int, share: float):
    subjects, events = tables(LENGTHS["mixed"])
    split(events, ctx_data=subjects, n_partitions=n_partitions, trn_val_split=share, workspace_dir=root, **RELATED)
    seen: list[str] = []
    for role in ("trn", "val"):
        beside = parts(root, Artefact.CTX_DATA, role)
        sizes = [table.num_rows for table in beside]
        assert max(sizes) - min(sizes) <= 1
        assert sum(sizes) == pytest.approx(
            len(subjects) * share if role == "trn" else len(subjects) * (1 - share), abs=1
        )
        for own, other in zip(parts(root, Artefact.TGT_DATA, role), beside, strict=True):
            ids = other["id"].to_pylist()
            in_order = list(dict.fromkeys(own["owner"].to_pylist()))
            assert in_order == [name for name in ids if name in set(in_order)]
            seen += ids
    assert sorted(seen) == sorted(subjects["id"])


def test_a_seed_means_the_same_files_and_another_one_does_not(tmp_path: Path):
    subjects, events = tables(LENGTHS["mixed"])
    for name, seed in (("one", 5), ("two", 5), ("other", 6), ("default", None), ("zero", 0)):
        split(events, ctx_data=subjects, random_state=seed, workspace_dir=tmp_path / name, **RELATED)

    def contents(name: str) -> dict[str, bytes]:
        files = tree(Workspace(tmp_path / name))
        return {path: data for path, data in files.items() if "manifest" not in path and "key" not in path}

    assert contents("one") == contents("two")
    assert contents("default") == contents("zero")
    assert contents("one") != contents("other") != contents("zero")


def test_what_is_written_beside_the_data(root: str):
    subjects, events = tables(LENGTHS["mixed"])
    split(events, ctx_data=subjects, ctx_encoding_types={"kind": "tabular_categorical"}, workspace_dir=root, **RELATED)
    workspace = Workspace(root)
    meta, about = workspace.read(Artefact.TGT_META), workspace.read(Artefact.CTX_META)
    assert meta.json("keys.json") == {"primary_key": None, "context_key": "owner"}
    assert about.json("keys.json") == {"primary_key": "id", "context_key": None}
    assert meta.json("encoding-types.json").keys() == {"number", "value"}
    assert about.json("encoding-types.json") == {"kind": "TABULAR_CATEGORICAL"}
    stored = pa.ipc.read_schema(pa.py_buffer(about.bytes("schema.arrow")))
    assert stored.names == ["id", "kind"]


def test_a_former_context_leaves_nothing_behind(root: str):
    subjects, events = tables(LENGTHS["mixed"])
    for options in ({"ctx_data": subjects, **RELATED}, {"tgt_context_key": "owner"}, {}):
        split(events, workspace_dir=root, **options)
        analyze(workspace_dir=root)
        encode(workspace_dir=root)
        for artefact in (Artefact.CTX_DATA, Artefact.CTX_META, Artefact.CTX_STATS):
            assert Workspace(root).has(artefact) == ("ctx_data" in options)
            assert (Path(root) / artefact.folder).exists() == ("ctx_data" in options)


def test_parts_of_different_splits_are_not_taken_together(root: str, tmp_path: Path):
    subjects, events = tables(LENGTHS["mixed"])
    split(events, ctx_data=subjects, workspace_dir=root, **RELATED)
    other = str(tmp_path / "other")
    split(events, ctx_data=subjects.assign(kind="c"), workspace_dir=other, **RELATED)
    folder = Artefact.CTX_DATA.folder
    for path in (Path(root) / folder).iterdir():
        path.write_bytes((Path(other) / folder / path.name).read_bytes())
    with pytest.raises(ArtefactError, match=r"was made from another version of OriginalData/tgt-data.*run split again"):
        analyze(workspace_dir=root)


def test_statistics_of_a_former_context_are_not_taken(root: str):
    subjects, events = tables(LENGTHS["mixed"])
    for kind in ("a", "b"):
        split(events, ctx_data=subjects.assign(kind=kind), workspace_dir=root, **RELATED)
        if kind == "a":
            analyze(workspace_dir=root)
    with pytest.raises(ArtefactError, match=r"ModelStore/.*run analyze again"):
        encode(workspace_dir=root)


@pytest.mark.parametrize("last", range(5))
def test_a_split_that_was_cut_short_is_whole_or_told(root: str, monkeypatch: pytest.MonkeyPatch, last: int):
    """Four artefacts take their places one after the other; here the run dies after the first `last` of them."""
    subjects, events = tables(LENGTHS["mixed"])
    split(events, ctx_data=subjects, workspace_dir=root, **RELATED)
    publish, published = Staging.publish, []

    def dying(staging: Staging, names: Iterable[str]) -> None:
        if len(published) == last:
            raise KeyboardInterrupt
        publish(staging, names)
        published.append(staging)

    monkeypatch.setattr(Staging, "publish", dying)
    with pytest.raises(KeyboardInterrupt) if last < 4 else nullcontext():
        split(events[:30], ctx_data=subjects, random_state=1, workspace_dir=root, **RELATED)
    monkeypatch.setattr(Staging, "publish", publish)
    if last in {1, 2, 3}:
        with pytest.raises(ArtefactError, match=r"run split again"):
            analyze(workspace_dir=root)
        return
    analyze(value_protection=False, workspace_dir=root)
    encode(workspace_dir=root)
    codes = [table for role in ("trn", "val") for table in parts(root, Artefact.ENCODED_DATA, role)]
    assert sum(sum(table["length"].to_pylist()) for table in codes) == (len(events) if last == 0 else 30)


# --- kinds of keys ----------------------------------------------------------------------------------------------------

NAMES = ["ä", "漢字", "😀", "e\u0301", "é", "", " ", "\0", "_RARE_", "null"]
UUIDS = pa.uuid().wrap_array(pa.array([uuid.UUID(int=place).bytes for place in range(10)], pa.binary(16)))
NUMBERS = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89]
KEYS = {
    "text": (pa.array(NAMES), pa.array(NAMES, pa.large_string())),
    "dictionary": (pa.array(NAMES).dictionary_encode(), pa.array(NAMES)),
    "two dictionaries": (pa.array(NAMES).dictionary_encode(), pa.array(NAMES[::-1]).dictionary_encode()[::-1]),
    "uuid": (UUIDS, UUIDS),
    "integers": (pa.array(NUMBERS, pa.int32()), pa.array(NUMBERS, pa.int64())),
    "signed and unsigned": (pa.array(NUMBERS, pa.int8()), pa.array(NUMBERS, pa.uint64())),
    "huge": (pa.array([2**64 - 1 - n for n in NUMBERS], pa.uint64()),) * 2,
    "integers and whole floats": (pa.array(NUMBERS, pa.float64()), pa.array(NUMBERS, pa.int64())),
    "half floats": (pa.array(np.array(NUMBERS, np.float16)), pa.array(NUMBERS, pa.float32())),
    "decimals": (
        pa.array([Decimal(n) / 4 for n in NUMBERS], pa.decimal128(9, 2)),
        pa.array([Decimal(n) / 4 for n in NUMBERS], pa.decimal64(12, 3)),
    ),
    "narrow decimals": (pa.array([Decimal(n) for n in NUMBERS], pa.decimal32(5, 0)), pa.array(NUMBERS, pa.int16())),
}


@pytest.mark.parametrize("pair", KEYS.values(), ids=KEYS.keys())
def test_keys_of_every_kind(root: str, pair: tuple[pa.Array, pa.Array]):
    own, other = pair
    rows = pa.array([place for place in range(9) for _ in range(place)])
    subjects = pa.table({"id": other, "row": pa.array(range(10))})
    events = pa.table({"id": own.take(rows), "row": rows})
    split(events, ctx_data=subjects, ctx_primary_key="id", tgt_context_key="id", n_partitions=3, workspace_dir=root)
    analyze(workspace_dir=root)
    encode(workspace_dir=root)
    lengths = {}
    for role in ("trn", "val"):
        encoded = parts(root, Artefact.ENCODED_DATA, role)
        for beside, codes in zip(parts(root, Artefact.CTX_DATA, role), encoded, strict=True):
            lengths |= dict(zip(beside["row"].to_pylist(), codes["length"].to_pylist(), strict=True))
    assert lengths == {place: min(place if place < 9 else 0, statistics(root).seq_len.max) for place in range(10)}
    without = pa.table({"id": own.take(rows), "row": rows})
    split(without, tgt_context_key="id", workspace_dir=root)
    analyze(workspace_dir=root)
    assert statistics(root).total_records == 8


# --- what is refused --------------------------------------------------------------------------------------------------

SUBJECTS, EVENTS = tables([2, 1, 3])
BOTH = {"tgt_data": EVENTS, "ctx_data": SUBJECTS, **RELATED}
WITHOUT_NAME = {"owner": {"s1": None}, "id": {"s1": None}}

INCOMPLETE: list[tuple[dict[str, Any], str]] = [
    ({"ctx_data": SUBJECTS}, "ctx_primary_key: expected the name of a column beside ctx_data, found None"),
    ({"ctx_data": SUBJECTS, "ctx_primary_key": "id"}, "tgt_context_key: expected the name of a column beside ctx_data"),
    ({"ctx_data": SUBJECTS, "tgt_context_key": "owner"}, "ctx_primary_key: expected the name of a column beside"),
    ({"ctx_primary_key": "id"}, "ctx_primary_key: there is no ctx_data that it could be about"),
    ({"ctx_encoding_types": {"kind": "AUTO"}}, "ctx_encoding_types: there is no ctx_data that it could be about"),
]


@pytest.mark.parametrize(("arguments", "message"), INCOMPLETE)
def test_what_belongs_together_is_asked_for(ready: str, arguments: dict[str, Any], message: str):
    with refused(ready, InputError, f"^{message}"):
        split(EVENTS, workspace_dir=ready, **arguments)


UNRELATED: list[tuple[dict[str, Any], str]] = [
    ({"tgt_context_key": "none"}, "tgt_context_key: expected a column of the table, found 'none'"),
    ({"ctx_primary_key": "none"}, "ctx_primary_key: expected a column of the table, found 'none'"),
    ({"tgt_data": EVENTS.replace(WITHOUT_NAME)}, "tgt_context_key: column 'owner' must not have nulls, found 1"),
    ({"ctx_data": SUBJECTS.replace(WITHOUT_NAME)}, "ctx_primary_key: column 'id' must not have nulls, found 1"),
    ({"ctx_data": pd.concat([SUBJECTS, SUBJECTS[:2]])}, "ctx_primary_key: column 'id' must be unique, found 2 repeat"),
    ({"ctx_data": SUBJECTS[:2]}, r"tgt_context_key: column 'owner' must refer to rows of ctx_data, found 3 row\(s\)"),
    ({"ctx_data": SUBJECTS[:0]}, r"tgt_context_key: column 'owner' must refer to rows of ctx_data, found 6 row\(s\)"),
    ({"tgt_context_key": "number"}, "tgt_context_key: column 'number' of tgt_data holds int64, and column 'id' of ctx"),
    ({"tgt_data": EVENTS.assign(owner=True)}, "tgt_context_key: column 'owner' must be text or numbers, found bool"),
    ({"tgt_encoding_types": {"owner": "AUTO"}}, "tgt_encoding_types: 'owner' is the context key, which is not mod"),
    ({"ctx_encoding_types": {"id": "AUTO"}}, "ctx_encoding_types: 'id' is the primary key, which is not modelled"),
    ({"ctx_encoding_types": {"value": "AUTO"}}, "ctx_encoding_types: expected columns of the table, found 'value'"),
    ({"ctx_encoding_types": {"kind": "TABULAR_DATETIME"}}, "ctx_data: column 'kind': encoding type TABULAR_DATETIME d"),
    ({"ctx_data": [1]}, "ctx_data: expected a pandas.DataFrame or a pyarrow.Table, found list"),
]


@pytest.mark.parametrize(("changed", "message"), UNRELATED)
def test_what_cannot_be_related_is_told(ready: str, changed: dict[str, Any], message: str):
    with refused(ready, InputError, f"^{message}"):
        split(**(BOTH | changed), workspace_dir=ready)
