"""Lists of every type that a column may have, in every layout; what is no list of single values is refused by name."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth_engine import analyze, encode, split
from synth_engine.domain import InputError
from synth_engine.encodings.list_arrays import elements_of, offsets_of, with_elements
from synth_engine.stages.contexts import encoded_context
from synth_engine.stages.layouts import plain_type
from synth_engine.stages.original import Original
from synth_engine.workspace import Artefact, Workspace
from tests.stages.arrow_types import COLUMNS, REFUSED, N
from tests.stages.helpers import refused
from tests.stages.lists import EVENTS, codes_of, context
from tests.stages.subjects import RELATED, parts, statistics


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "ws")


LAYOUTS = {
    "list": lambda values: pa.ListArray.from_arrays(pa.array([0, 0, 1, 3, 6, N], pa.int32()), values),
    "large_list": lambda values: pa.LargeListArray.from_arrays(pa.array([0, 0, 1, 3, 6, N]), values),
    "fixed_size_list": lambda values: pa.FixedSizeListArray.from_arrays(values, 12),
    "list_view": lambda values: pa.ListViewArray.from_arrays(
        pa.array([9, 0, 0, 5, 2], pa.int32()), pa.array([3, 9, 0, 4, 50], pa.int32()), values
    ),
    "large_list_view": lambda values: pa.LargeListViewArray.from_arrays(
        pa.array([9, 0, 0, 5, 2]), pa.array([3, 9, 0, 4, 50]), values
    ),
}


def all_lists() -> pa.Table:
    """Lists of every type that a column may have, in every layout that Arrow can make of it."""
    columns = {
        f"{place} {layout}": make(column) for place, column in enumerate(COLUMNS) for layout, make in LAYOUTS.items()
    }
    return pa.table({"id": range(5), **columns})


def test_lists_of_every_type_and_layout_are_stored_exactly_and_encoded(root: str):
    table = all_lists()
    split(EVENTS, ctx_data=table, workspace_dir=root, **RELATED)
    original = Original.read(Workspace(root)).context
    assert original is not None
    stored = pa.concat_tables([original.table(part) for part in original.parts])
    stored = stored.take(pa.array(np.argsort(stored["id"].to_numpy())))
    for name in table.column_names[1:]:
        assert stored.schema.field(name).type == plain_type(table.schema.field(name).type), name
        if stored.schema.field(name).type.value_type == table.schema.field(name).type.value_type:
            assert comparable(stored[name].to_pylist()) == comparable(table[name].to_pylist()), name
    analyze(value_protection=False, workspace_dir=root)
    encode(workspace_dir=root)
    beside = statistics(root, Artefact.CTX_STATS)
    assert set(beside.lists) == set(table.column_names[1:])
    found = encoded_context(parts(root, Artefact.ENCODED_DATA, "trn")[0], beside)
    assert len(found.lists) == len(table.column_names) - 1


def comparable(lists: list) -> list:
    return [[bytes(each) if isinstance(each, bytes) else str(each) for each in row] for row in lists]


@pytest.mark.parametrize("values", [[[1, 2], [], None, [3]], [[1, 2], None, [3, 4]]], ids=str)
def test_lists_are_taken_apart_and_put_together(values: list):
    whole = pa.array(values)
    fixed = [pa.array(values, pa.list_(pa.int64(), 2))] if [] not in values else []
    for lists in (
        whole,
        *fixed,
        pa.array(values, pa.list_view(pa.int64())),
        pa.array(values, pa.large_list(pa.int64())),
    ):
        for some in (lists, lists[1:], lists[1:3], lists[:0]):
            again = with_elements(some, elements_of(some))
            again.validate(full=True)
            assert again.to_pylist() == some.to_pylist()
            assert offsets_of(some)[-1] == len(elements_of(some))


@pytest.mark.parametrize(
    "lists",
    [
        [[1, 2], None, float("nan"), [3]] * 20,
        [np.array([1.5, 2]), np.array([])] * 40,
        [("a", "b"), ("c",)] * 40,
        [[pd.Timestamp("2020-01-01")], []] * 40,
    ],
    ids=str,
)
def test_lists_and_arrays_of_pandas(root: str, lists: list):
    subjects = pd.DataFrame({"id": range(len(lists)), "lists": lists})
    codes, encoding = codes_of(root, subjects)
    wanted = [len(each) if isinstance(each, list | tuple | np.ndarray) else 0 for each in lists]
    assert [len(row) for row in codes["lists__list"].to_pylist()] == wanted
    assert encoding.lengths.max == max(wanted)


# --- what is refused --------------------------------------------------------------------------------------------------


NESTED = [
    pa.array([[[1]]] * N),
    pa.array([[{"a": 1}]] * N),
    pa.array([[[("a", 1)]]] * N, pa.list_(pa.map_(pa.string(), pa.int32()))),
    *(column for column in REFUSED if not pa.types.is_nested(column.type) or not hasattr(column.type, "value_type")),
]


@pytest.mark.parametrize("column", NESTED, ids=lambda column: str(column.type))
def test_what_is_no_list_of_single_values_is_refused_by_name(root: str, column: pa.Array):
    subjects = pa.table({"id": range(N), "the culprit": column})
    message = r"^ctx_data: column 'the culprit' holds .* values; expected one plain value per row, or one list of plain"
    with refused(root, InputError, message):
        split(EVENTS, ctx_data=subjects, workspace_dir=root, **RELATED)


def test_lists_of_the_target_are_refused_with_what_to_do(root: str):
    events = EVENTS.assign(lists=pd.Series([], dtype=object)).astype({"owner": "int64"})
    table = pa.Table.from_pandas(events, preserve_index=False)
    table = table.set_column(2, "lists", pa.array([], pa.list_(pa.string())))
    with refused(
        root, InputError, "^tgt_data: column 'lists' holds list<.*make events of them: a table with a row per"
    ):
        split(table, ctx_data=context([[1]]), workspace_dir=root, **RELATED)


def test_a_key_of_lists_is_refused(root: str):
    subjects = pa.table({"id": [[1], [2]]})
    with refused(root, InputError, "^ctx_primary_key: column 'id' must be text or numbers, found large_list"):
        split(EVENTS, ctx_data=subjects, workspace_dir=root, **RELATED)


def test_infinities_and_mixtures_inside_lists_are_refused_by_name(root: str):
    bad: dict[str, tuple[list, str]] = {
        "infinite": ([[1.0, math.inf], []], "must hold finite numbers or nulls, found 1 infinite"),
        "mixed": ([[1, "a"], []], "holds list values that no plain column type can hold"),
        "surrogates": ([["\ud800"], []], "holds text that is not valid Unicode"),
        "dates": ([[pd.Timestamp("2020-01-01").date()], [pd.Timestamp("2020-01-01 05:00")]], "found date, datetime"),
    }
    for name, (lists, message) in bad.items():
        subjects = pd.DataFrame({"id": range(2), name: lists})
        with refused(root, InputError, f"^ctx_data: column '{name}' .*{message}"):
            split(EVENTS, ctx_data=subjects, workspace_dir=root, **RELATED)


def test_an_element_that_its_encoding_cannot_take_names_the_column(root: str):
    subjects = context(pa.array([[2**40]] * 60, pa.large_list(pa.timestamp("s"))))
    split(EVENTS, ctx_data=subjects, workspace_dir=root, **RELATED)
    with pytest.raises(InputError, match=r"column 'lists': "):
        analyze(workspace_dir=root)
