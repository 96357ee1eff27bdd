"""Context columns of lists: what split takes, what analyze tells of them, and how encode writes them."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth_engine import analyze, encode, split
from synth_engine.domain import InputError
from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.encodings import ValueCounts, fitter
from synth_engine.stages.contexts import context_of, encoded_context
from synth_engine.stages.encoded_columns import ListCodes, list_codes
from synth_engine.stages.layouts import plain_type
from synth_engine.stages.lengths import SequenceLengths
from synth_engine.stages.list_arrays import elements_of, lengths_of, offsets_of, with_elements
from synth_engine.stages.lists import ListFitter
from synth_engine.stages.original import Original
from synth_engine.stages.statistics import TableStatistics
from synth_engine.workspace import Artefact, Workspace
from tests.stages.arrow_types import COLUMNS, REFUSED, N
from tests.stages.helpers import refused
from tests.stages.subjects import RELATED, encoded, parts, statistics

EVENTS = pd.DataFrame({"owner": pd.Series([], dtype="int64"), "value": pd.Series([], dtype="float64")})


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "ws")


def context(lists: Any, n_rows: int | None = None) -> pa.Table:
    """Subjects with a column of lists, from an Arrow array or from Python lists."""
    column = lists if isinstance(lists, pa.Array) else pa.array(lists)
    rows = column if n_rows is None else column.take(pa.array(np.arange(n_rows) % len(column)))
    return pa.table({"id": np.arange(len(rows)), "lists": rows})


def codes_of(root: str, subjects: Any, events: pd.DataFrame = EVENTS, **options: Any) -> tuple[pa.Table, Any]:
    """Encoded data, in the order of the subjects, and the encoding of the list column."""
    codes = encoded(root, events, subjects, **RELATED, **options)
    original = Original.read(Workspace(root)).context
    assert original is not None
    keys = np.concatenate([original.column(part, "id").to_numpy() for part in original.parts])
    return codes.take(pa.array(np.argsort(keys))), statistics(root, Artefact.CTX_STATS).lists["lists"]


def shareable(root: str) -> str:
    return "\n".join(path.read_text() for path in (Path(root) / "ModelStore").rglob("*") if path.is_file())


# --- codes ------------------------------------------------------------------------------------------------------------


def test_elements_have_the_codes_of_flat_values_and_nulls_are_their_own(root: str):
    lists = [["a", None, "b"], [], None, ["b"], ["a", "a"]]
    codes, encoding = codes_of(root, context(lists, 200))
    assert encoding.elements.type == Kind.TABULAR_CATEGORICAL
    assert encoding.elements.has_nulls
    found = codes["lists__list"].to_pylist()
    for row, elements in zip(found, lists * 40, strict=True):
        wanted = encoding.elements.encode(pa.array(elements or [], pa.string()))[:, 0].tolist()
        assert [element["lists__cat"] for element in row] == wanted


def test_a_null_list_and_an_empty_one_differ_by_their_length(root: str):
    codes, encoding = codes_of(root, context([[], None, [1], [1, 2]], 200))
    assert (encoding.lengths.min, encoding.lengths.max) == (0, 2)
    assert codes["lists__list"].to_pylist()[:2] == [[], []]
    empty, null, one, two = codes["lists__length_bin"].to_pylist()[:4]
    assert len({empty, null, one, two}) == 4
    assert encoding.lengths.encoding.decode(
        np.array([[null], [two]], np.int32), np.random.default_rng(0)
    ).to_pylist() == [
        None,
        2,
    ]


def test_columns_are_small_and_never_null_and_stand_behind_the_flat_ones(root: str):
    subjects = context([[1.5], [2.5, 3.25]], 400).append_column("flat", pa.array(["x", "y"] * 200))
    codes, _ = codes_of(root, subjects)
    assert codes.column_names[:3] == ["flat__cat", "lists__length_bin", "lists__list"]
    kind = codes.schema.field("lists__list").type.value_type
    assert not codes.schema.field("lists__list").type.value_field.nullable
    assert not any(field.nullable for field in kind)
    assert {str(field.type) for field in kind} == {"uint8"}


def test_a_list_column_may_be_called_like_any_other_of_the_codes(root: str):
    table = context([["a"], ["b", "a"]], 200)
    names = ["id", "lists", "events", "lists__cat", "lists__list", "length", "ü__length_bin", "ü"]
    subjects = pa.table([table["id"], *[table["lists"]] * 5, pa.array(["x", "y"] * 100), table["lists"]], names=names)
    codes, _ = codes_of(root, subjects)
    assert len(set(codes.column_names)) == len(codes.column_names) == 2 + 1 + 2 * 6
    beside = statistics(root, Artefact.CTX_STATS)
    assert (set(beside.columns), set(beside.lists)) == ({"ü__length_bin"}, set(names) - {"id", "ü__length_bin"})


@pytest.mark.parametrize("kind", ["TABULAR_CATEGORICAL", "TABULAR_CHARACTER"])
def test_an_encoding_type_is_that_of_the_elements(root: str, kind: str):
    words = ["é", "e\N{COMBINING ACUTE ACCENT}", "👩‍👩‍👧", "", "ss"]
    subjects = context([words[:3], words[3:], words], 300)
    codes, encoding = codes_of(root, subjects, ctx_encoding_types={"lists": kind})
    assert encoding.elements.type == kind
    read = list_codes(codes["lists__list"])
    if kind == "TABULAR_CATEGORICAL":
        decoded = encoding.elements.decode(read.codes, np.random.default_rng(0)).to_pylist()
        assert decoded == [word for row in subjects["lists"].to_pylist() for word in row]
    with refused(root, InputError, "'lists': encoding type TABULAR_DATETIME does not take values of type large_list"):
        split(
            EVENTS, ctx_data=subjects, ctx_encoding_types={"lists": "TABULAR_DATETIME"}, workspace_dir=root, **RELATED
        )


def test_relative_dates_are_relative_within_a_list(root: str):
    days = [[18_000 + row % 50 + 7 * place for place in range(3)] for row in range(300)]
    subjects = context(pa.array(days, pa.list_(pa.date32())))
    codes, encoding = codes_of(root, subjects, ctx_encoding_types={"lists": "TABULAR_DATETIME_RELATIVE"})
    read = list_codes(codes["lists__list"])
    owners = np.repeat(np.arange(300), 3)
    decoded = encoding.elements.decode_events(read.codes, owners, np.random.default_rng(0)).cast(pa.int32()).to_numpy()
    assert (np.diff(decoded.reshape(-1, 3), axis=1) == 7).all()


@pytest.mark.parametrize("n_rows", [0, 1, 3])
@pytest.mark.parametrize("lists", [[["a"]], [[]], [None, ["a"]], [[None]], [["a", "b"] * 500]], ids=str)
def test_hardly_anything_to_encode(root: str, lists: list, n_rows: int):
    subjects = context(pa.array(lists, pa.list_(pa.string())), n_rows)
    codes, encoding = codes_of(root, subjects, n_partitions=2)
    assert codes.num_rows == n_rows
    assert (encoding.lengths.encoding, encoding.lengths.max, encoding.length_cardinalities) == (None, 1, {})
    assert [len(row) for row in codes["lists__list"].to_pylist()] == [
        min(len(row or []), 1) for row in subjects["lists"].to_pylist()
    ]
    assert encoded_context(codes, statistics(root, Artefact.CTX_STATS)).codes_SC.shape == (n_rows, 0)


def test_lists_without_any_element(root: str):
    for lists in (pa.array([[]] * 60), pa.array([None] * 60, pa.list_(pa.int64())), pa.array([[None]] * 60)):
        codes, encoding = codes_of(root, context(lists))
        assert [len(row) for row in codes["lists__list"].to_pylist()] == lengths_of(lists).fill_null(0).to_pylist()
        assert encoding.elements.dtype == plain_type(lists.type).value_type


def test_what_is_read_is_what_was_encoded_however_many_partitions(tmp_path: Path):
    rng = np.random.default_rng(0)
    lists = [rng.normal(size=size).round(1).tolist() for size in rng.integers(0, 6, 300)]
    made = []
    for n_partitions in (1, 5):
        codes, encoding = codes_of(str(tmp_path / str(n_partitions)), context(lists), n_partitions=n_partitions)
        read, direct = list_codes(codes["lists__list"]), encoding.encode(pa.array(lists, pa.large_list(pa.float64())))
        assert np.array_equal(read.codes, direct.codes)
        assert np.array_equal(read.offsets, direct.offsets)
        made.append(encoding.model_dump(mode="json"))
    assert made[0] == made[1]


def test_contexts_that_are_given_have_the_codes_of_the_encoded_data(root: str):
    subjects = context([["a", None], [], None, ["b"]], 200).append_column("flat", pa.array([1.5, 2.5] * 100))
    codes, _ = codes_of(root, subjects)
    beside = statistics(root, Artefact.CTX_STATS)
    given = subjects.select(["flat", "lists"]).cast(
        pa.schema([beside.schema.field(name) for name in ("flat", "lists")])
    )
    one, other = context_of(given, beside), encoded_context(codes, beside)
    assert one.codes_SC.equal(other.codes_SC)
    assert one.codes_SC.shape[0] == 200
    assert [each.codes_MK.tolist() for each in one.lists] == [each.codes_MK.tolist() for each in other.lists]
    assert [each.offsets.tolist() for each in one.lists] == [each.offsets.tolist() for each in other.lists]


# --- what is told of them ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"differential_privacy": {"value_protection_epsilon": 1e5, "delta": 0.9}}], ids=["thresholds", "dp"]
)
def test_lists_are_counted_and_not_elements(root: str, options: dict[str, Any]):
    """The one subject has its secret a thousand times. With so large an epsilon noise is zero but for exp(-50)."""
    lists = [["common", "usual"]] * 300 + [["SECRET"] * 1_000]
    numbers = [[1.0, 2.0]] * 300 + [[31_415_926.5] * 1_234]
    subjects = context(lists).append_column("numbers", pa.array(numbers))
    split(EVENTS, ctx_data=subjects, workspace_dir=root, **RELATED)
    analyze(workspace_dir=root, random_state=1, **options)
    assert not {"SECRET", "31415926", "1000", "1234"} & set(json.dumps(shareable(root)).replace('"', " ").split())
    assert "SECRET" not in shareable(root)
    assert "31415926" not in shareable(root)
    found = statistics(root, Artefact.CTX_STATS).lists
    assert [each.lengths.max for each in found.values()] == [2, 2]
    encode(workspace_dir=root)
    codes = [*parts(root, Artefact.ENCODED_DATA, "trn"), *parts(root, Artefact.ENCODED_DATA, "val")]
    rows = [len(row) for table in codes for row in table["lists__list"].to_pylist()]
    assert rows == [2] * 301  # those beyond are cut
    analyze(value_protection=False, workspace_dir=root)
    assert "SECRET" in shareable(root)
    assert "31415926" in shareable(root)
    assert statistics(root, Artefact.CTX_STATS).lists["numbers"].lengths.max == 1_234


@pytest.mark.parametrize("kind", [Kind.TABULAR_CATEGORICAL, Kind.TABULAR_NUMERIC_AUTO, Kind.TABULAR_NUMERIC_DIGIT])
@pytest.mark.parametrize("seed", range(5))
def test_one_list_more_changes_one_count_by_one(kind: Kind, seed: int):
    """Of what differential privacy looks at: the elements' contributions, and the lengths."""
    rng = np.random.default_rng(seed)
    lists = [rng.integers(0, 9, rng.integers(0, 8)).tolist() for _ in range(40)] + [None]
    for more in ([], None, [3] * 1_000, [None, 4], list(range(500))):
        one, other = (pa.array(each, pa.large_list(pa.int64())) for each in (lists, [*lists, more]))
        by = ListFitter(fitter(kind))
        assert by.accepts(one.type)
        assert changes(by.summarise(one), by.summarise(other)) == (1 if more else 0)
        of_lengths = (SequenceLengths.summarise(lengths_of(each)) for each in (one, other))
        assert changes(*of_lengths) == 1


def changes(one: ValueCounts, other: ValueCounts) -> int:
    """By how much the counts of two neighbouring tables differ, added up."""
    counts = []
    for each in (one, other):
        of_value, of_null = each.contributions
        counts.append(dict(zip(each.values.to_pylist(), of_value.tolist(), strict=True)) | {None: of_null})
    return sum(abs(counts[0].get(value, 0) - counts[1].get(value, 0)) for value in counts[0].keys() | counts[1].keys())


def test_the_ledger_adds_up_with_a_question_for_elements_and_one_for_their_number(root: str):
    split(EVENTS, ctx_data=context([["a"], ["b", "b"]], 300), workspace_dir=root, **RELATED)
    analyze(differential_privacy={"value_protection_epsilon": 4.0, "delta": 1e-4}, workspace_dir=root)
    entries = Workspace(root).ledger.entries()
    assert math.fsum(entry.epsilon for entry in entries) == pytest.approx(4.0, rel=1e-9)
    assert math.fsum(entry.delta for entry in entries) <= 0.5e-4 * (1 + 1e-9)
    asked = ["value", "lists (context)", "lists (context), number of elements", "number of rows of a subject"]
    spent = [math.fsum(entry.epsilon for entry in entries if entry.column == name) for name in asked]
    assert spent == pytest.approx([0.95] * 4)
    assert {entry.column for entry in entries} == {None, *asked}


def test_a_rare_length_is_cut_and_not_told(root: str):
    subjects = context([[1, 2, 3]] * 300 + [[1, 2, 3, 4]] * 200 + [list(range(777))])
    codes, encoding = codes_of(root, subjects)
    assert (encoding.lengths.min, encoding.lengths.max) == (3, 4)
    assert max(len(row) for row in codes["lists__list"].to_pylist()) == 4
    assert "777" not in json.dumps(encoding.model_dump(mode="json"))


def test_a_column_of_very_many_values_is_sampled_by_subjects(root: str, monkeypatch: pytest.MonkeyPatch):
    """Of a subject that is not seen, no element is: so protection can only grow."""
    monkeypatch.setattr("synth_engine.stages.disclosure.MAX_DISTINCT", 1_000)
    rng = np.random.default_rng(0)
    lists = [rng.normal(size=10).tolist() for _ in range(1_000)]
    codes, encoding = codes_of(root, context(lists))
    assert encoding.elements.encode(pa.array([0.0])).shape == (1, 2)
    assert encoding.lengths.max == 10
    assert {len(row) for row in codes["lists__list"].to_pylist()} == {10}


def test_statistics_survive_their_json(root: str):
    split(EVENTS, ctx_data=context([[b"\xff", None], [], None, [b""]], 200), workspace_dir=root, **RELATED)
    analyze(workspace_dir=root)
    found = statistics(root, Artefact.CTX_STATS)
    assert TableStatistics.model_validate_json(json.dumps(found.model_dump(mode="json"))) == found
    assert TableStatistics.model_validate(found.model_dump()) == found
    assert found.lists["lists"].dtype == pa.large_list(pa.binary())
    assert found.columns == {}


# --- types ------------------------------------------------------------------------------------------------------------


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


def test_no_codes_without_lists():
    empty = ListCodes(np.zeros((0, 2), np.int32), np.zeros(1, np.int64))
    assert (len(empty.codes), len(empty.offsets)) == (0, 1)
