"""Context columns of lists: what split takes, what analyze tells of them, and how encode writes them."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from synth_engine import analyze, encode, split
from synth_engine.domain import InputError
from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.encodings import ValueCounts, fitter
from synth_engine.encodings.list_arrays import lengths_of
from synth_engine.stages.contexts import context_of, encoded_context
from synth_engine.stages.encoded_columns import list_codes
from synth_engine.stages.layouts import plain_type
from synth_engine.stages.lengths import SequenceLengths
from synth_engine.stages.lists import MOST_ELEMENTS, ListFitter
from synth_engine.stages.statistics import TableStatistics
from synth_engine.stages.summaries import share_for, summarise_sample
from synth_engine.workspace import Artefact, Workspace
from tests.stages.helpers import refused
from tests.stages.lists import EVENTS, codes_of, context
from tests.stages.subjects import RELATED, parts, statistics


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "ws")


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
    assert "SECRET" not in shareable(root)
    assert "31415926" not in shareable(root)
    found = statistics(root, Artefact.CTX_STATS).lists
    assert [each.lengths.max for each in found.values()] == [2, 2]
    assert "1234" not in json.dumps(found["numbers"].model_dump(mode="json"))
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


def test_of_a_very_long_list_the_first_elements_are_encoded_and_its_whole_length(root: str):
    subjects = context([list(range(MOST_ELEMENTS)), list(range(MOST_ELEMENTS + 500))], 100)
    codes, encoding = codes_of(root, subjects)
    assert (encoding.longest, encoding.lengths.max) == (MOST_ELEMENTS, MOST_ELEMENTS + 500)
    assert {len(row) for row in codes["lists__list"].to_pylist()} == {MOST_ELEMENTS}
    assert len(set(codes["lists__length_bin"].to_pylist()[:2])) == 2


def test_a_column_of_very_many_values_is_sampled_by_subjects():
    """Of a subject that is not seen, no element is: so protection can only grow. Seeds are fixed."""
    lists = pa.array(np.random.default_rng(0).normal(size=(1_000, 10)).tolist(), pa.large_list(pa.float64()))
    by = ListFitter(fitter(Kind.TABULAR_NUMERIC_BINNED))
    share = share_for(by.summarise(lists), len(lists), 1_000, max_distinct=1_000)
    counts = summarise_sample(by, "one", lists, None, share=share, seed=0)
    n_seen = int(counts.lowest.sum())
    assert 60 < n_seen < 140  # a hundred subjects have a thousand values
    assert counts.rows.sum() == 10 * n_seen


def test_statistics_survive_their_json(root: str):
    split(EVENTS, ctx_data=context([[b"\xff", None], [], None, [b""]], 200), workspace_dir=root, **RELATED)
    analyze(workspace_dir=root)
    found = statistics(root, Artefact.CTX_STATS)
    assert TableStatistics.model_validate_json(json.dumps(found.model_dump(mode="json"))) == found
    assert TableStatistics.model_validate(found.model_dump()) == found
    assert found.lists["lists"].dtype == pa.large_list(pa.binary())
    assert found.columns == {}
