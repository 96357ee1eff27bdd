"""Language tables up to encoded data: which types and keys they may have, what is told of them, what is written."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth_engine import analyze, encode, split
from synth_engine.domain import InputError, ModelType
from synth_engine.stages.original import Original
from synth_engine.stages.statistics import TableStatistics
from synth_engine.workspace import Artefact, Workspace
from tests.stages.helpers import original, refused
from tests.stages.plants import PLANTS, found, shareable, table
from tests.stages.subjects import RELATED, make_tables

LANGUAGE = {"model_type": "LANGUAGE"}
WORDS = ["bright", "flat", "near", "the", "river", "quiet", "room"]


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "ws")


def listings(n_rows: int = 200) -> pd.DataFrame:
    """A key and a column of each kind."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": np.arange(n_rows),
            "title": [" ".join(rng.choice(WORDS, 6)) + f" {row}" for row in range(n_rows)],
            "kind": rng.choice(["flat", "house"], n_rows),
            "price": rng.normal(100, 20, n_rows).round(2),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 1000, n_rows), unit="D"),
            "open": rng.random(n_rows) < 0.7,
        }
    )


def statistics(root: str, artefact: Artefact = Artefact.TGT_STATS) -> TableStatistics:
    return TableStatistics.model_validate(Workspace(root).read(artefact).json("stats.json"))


def encoded(root: str) -> list[pa.Table]:
    reader = Workspace(root).read(Artefact.ENCODED_DATA)
    return [reader.table(name) for role in ("trn", "val") for name in reader.parts(role)]


def run(data: Any, root: str, protected: bool = True, **options: Any) -> pa.Table:
    """Split, analyze and encode; all encoded rows."""
    split(data, workspace_dir=root, **options)
    analyze(workspace_dir=root, value_protection=protected, random_state=0)
    encode(workspace_dir=root)
    return pa.concat_tables(encoded(root))


def kinds(root: str, artefact: Artefact = Artefact.TGT_STATS) -> dict[str, str]:
    return {
        name: encoding.type.removeprefix("LANGUAGE_") for name, encoding in statistics(root, artefact).language.items()
    }


# --- types ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [LANGUAGE, {"model_type": "language"}, {"tgt_encoding_types": {"title": "LANGUAGE_TEXT"}}],
    ids=str,
)
def test_every_kind_of_column_in_a_language_table(root: str, options: dict[str, Any]):
    rows = run(listings(), root, tgt_primary_key="id", n_partitions=2, **options)
    assert kinds(root) == {
        "title": "TEXT",
        "kind": "CATEGORICAL",
        "price": "NUMERIC",
        "since": "DATETIME",
        "open": "CATEGORICAL",
    }
    assert not statistics(root).columns
    assert rows.num_rows == 200
    assert rows.column_names == ["tgt/title", "tgt/kind", "tgt/price", "tgt/since", "tgt/open"]
    assert set(rows.schema.types) == {pa.large_string()}
    assert not any(column.null_count for column in rows.columns)
    assert Original.read(Workspace(root)).target.model_type == ModelType.LANGUAGE


def test_encoded_rows_are_those_of_the_table(root: str):
    run(listings(), root, protected=False, tgt_primary_key="id", n_partitions=2, **LANGUAGE)
    encodings = statistics(root).language
    for rows, part in zip(encoded(root), original(root, "trn") + original(root, "val"), strict=True):
        for name, encoding in encodings.items():
            assert encoding.read(rows[f"tgt/{name}"].combine_chunks()).equals(part[name].combine_chunks())


MIXED = [
    (
        {"tgt_encoding_types": {"title": "LANGUAGE_TEXT", "price": "TABULAR_NUMERIC_BINNED"}},
        "tgt_.* TABULAR_.* 'price'",
    ),
    ({"model_type": "LANGUAGE", "tgt_encoding_types": {"kind": "TABULAR_CATEGORICAL"}}, "tgt_.*TABULAR_.* 'kind'"),
    ({"model_type": "TABULAR", "tgt_encoding_types": {"kind": "LANGUAGE_CATEGORICAL"}}, "tgt_.*LANGUAGE_.* 'kind'"),
    (
        {"tgt_encoding_types": {"price": "LANGUAGE_DATETIME"}},
        "column 'price': encoding type LANGUAGE_DATETIME does not",
    ),
    (
        {"tgt_encoding_types": {"kind": "LANGUAGE_NUMERIC"}},
        "column 'kind': encoding type LANGUAGE_NUMERIC does not take",
    ),
    ({"tgt_encoding_types": {"price": "LANGUAGE_TEXT"}}, "column 'price': encoding type LANGUAGE_TEXT does not take"),
    ({"tgt_encoding_types": {"none": "LANGUAGE_TEXT"}}, "expected columns of the table, found 'none'"),
]


@pytest.mark.parametrize(("options", "message"), MIXED, ids=lambda part: str(part)[:50])
def test_types_that_do_not_go_together(root: str, options: dict[str, Any], message: str):
    with refused(root, InputError, message):
        split(listings(), workspace_dir=root, **options)


@pytest.mark.parametrize("asked", ["TABULAR_CATEGORICAL", "TABULAR_NUMERIC_AUTO"])
def test_types_of_the_context_that_do_not_go_with_the_target(root: str, asked: str):
    context = pd.DataFrame({"key": [1, 2], "city": ["x", "y"], "age": [1, 2]})
    with refused(root, InputError, "ctx_encoding_types: expected AUTO or LANGUAGE_.* 'age', 'city'; choose others"):
        split(
            pd.DataFrame({"owner": [1, 2], "text": ["a", "b"]}),
            ctx_data=context,
            ctx_primary_key="key",
            tgt_context_key="owner",
            tgt_encoding_types={"text": "LANGUAGE_TEXT"},
            ctx_encoding_types={"age": asked, "city": asked},
            workspace_dir=root,
        )


def test_nothing_but_keys(root: str):
    with refused(root, InputError, "tgt_data: expected a column beside the keys"):
        split(pd.DataFrame({"id": [1, 2]}), tgt_primary_key="id", workspace_dir=root, **LANGUAGE)


# --- context ----------------------------------------------------------------------------------------------------------


def related(root: str, records: pd.DataFrame, **options: Any) -> pa.Table:
    people = pd.DataFrame({"person": np.arange(100), "age": np.arange(100) % 50, "town": ["Ulm", "Linz"] * 50})
    return run(
        records,
        root,
        ctx_data=people,
        ctx_primary_key="person",
        tgt_context_key="who",
        n_partitions=3,
        **LANGUAGE,
        **options,
    )


def test_each_record_is_encoded_with_its_context_and_people_without_one_are_left_out(root: str):
    who = np.random.default_rng(0).permutation(100)[:80]
    records = pd.DataFrame({"who": who, "text": [f"word {age} of {age}" for age in who % 50]})
    rows = related(root, records, protected=False)
    assert rows.column_names == ["tgt/text", "ctx/age", "ctx/town"]
    assert rows.num_rows == 80
    for row in rows.to_pylist():
        age = int(row["ctx/age"])
        assert row["tgt/text"] == f'"word {age} of {age}"'
        assert row["ctx/town"] == ('"Ulm"' if age % 2 == 0 else '"Linz"')
    assert statistics(root).total_records == 80
    assert not statistics(root).is_sequential
    assert kinds(root, Artefact.CTX_STATS) == {"age": "NUMERIC", "town": "CATEGORICAL"}


def test_more_than_one_record_of_a_subject_is_refused(root: str):
    records = pd.DataFrame({"who": [5, 5, 5, 6, 7, 7], "text": ["a"] * 6})
    message = "^tgt_context_key: a language model makes at most one row .* 'who', found 2 key.* up to 3 rows; keep one"
    with refused(root, InputError, message):
        related(root, records)
    with refused(root, InputError, message):
        split(records, tgt_context_key="who", workspace_dir=root, **LANGUAGE)


def test_a_context_key_without_a_context(root: str):
    rows = run(pd.DataFrame({"who": np.arange(50), "text": ["a b"] * 50}), root, tgt_context_key="who", **LANGUAGE)
    assert rows.column_names == ["tgt/text"]
    assert rows["tgt/text"].to_pylist() == ['"a b"'] * 50
    assert statistics(root).seq_len.is_one


def test_lists_are_refused_by_name(root: str):
    subjects, events = make_tables()
    context = pa.Table.from_pandas(subjects, preserve_index=False)
    context = context.append_column("tags", pa.array([["a"]] * context.num_rows))
    one_each = events.drop_duplicates("owner")
    with refused(root, InputError, "ctx_data: column 'tags': a language model cannot read lists; convert"):
        split(one_each, ctx_data=context, workspace_dir=root, **LANGUAGE, **RELATED)


# --- odd tables -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_rows", [0, 1, 3])
def test_tables_with_hardly_any_rows(root: str, n_rows: int):
    rows = run(listings(n_rows), root, tgt_primary_key="id", **LANGUAGE)
    assert rows.num_rows == n_rows
    assert {value for column in rows.columns for value in column.to_pylist()} <= {"null"}
    assert not any(encoding.has_values for encoding in statistics(root).language.values())


@pytest.mark.parametrize("kind", ["AUTO", "LANGUAGE_TEXT", "LANGUAGE_CATEGORICAL"])
def test_a_text_column_of_nulls(root: str, kind: str):
    table = pa.table({"text": pa.nulls(60, pa.string()), "n": np.arange(60)})
    rows = run(table, root, tgt_encoding_types={"text": kind}, **LANGUAGE)
    assert set(rows["tgt/text"].to_pylist()) == {"null"}
    assert statistics(root).language["text"].grammar(nulls=False).startswith('value ::= "null"')


def test_null_and_empty_text_are_different_things(root: str):
    texts = ["", None, "null", "x y"] * 30
    rows = run(pa.table({"text": texts}), root, tgt_encoding_types={"text": "LANGUAGE_TEXT"})
    assert set(rows["tgt/text"].to_pylist()) == {'""', "null", '"null"', '"x y"'}
    text = statistics(root).language["text"]
    assert sorted(text.read(rows["tgt/text"].combine_chunks()).to_pylist(), key=str) == sorted(texts, key=str)


def test_very_long_texts_are_cut_and_their_column_is_named(root: str):
    texts = [f"{letter} ünï\n" * 20_000 for letter in "abcdefghij" * 4]
    split(
        pa.table({"letter": texts, "n": range(40)}), workspace_dir=root, tgt_encoding_types={"letter": "LANGUAGE_TEXT"}
    )
    with pytest.warns(UserWarning, match="column 'letter': 10 different texts have more than 4,096 characters") as seen:
        analyze(workspace_dir=root, random_state=0)
    assert len(seen) == 1
    assert "ünï" not in str(seen[0].message)
    encode(workspace_dir=root)
    text = statistics(root).language["letter"]
    assert text.limit == 4_096
    for literal in pa.concat_tables(encoded(root))["tgt/letter"].to_pylist():
        assert len(literal) <= text.longest
        assert json.loads(literal) == texts[0].replace("a", literal[1])[: len(json.loads(literal))]


def test_texts_that_are_long_enough_are_no_reason_to_warn(root: str):
    split(pa.table({"text": ["é" * 4_096] * 40}), workspace_dir=root, tgt_encoding_types={"text": "LANGUAGE_TEXT"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        analyze(workspace_dir=root)


NAMES = ['a "quoted" name', "{curly}", "two\nlines", "naïve 名前 👩‍👩‍👧", "\\", "tgt/x", "ctx/x", "a__b", " "]


def test_names_of_columns_are_kept_as_they_are(root: str):
    table = pa.table({name: [f"v{row % 3}" for row in range(60)] for name in NAMES})
    rows = run(table, root, **LANGUAGE)
    assert rows.column_names == [f"tgt/{name}" for name in NAMES]
    assert list(statistics(root).language) == NAMES


def test_infinite_numbers_are_refused_and_nan_is_null(root: str):
    values = [1.5, float("nan"), None, 2.5] * 20
    rows = run(pa.table({"x": pa.array(values, pa.float64())}), root, **LANGUAGE)
    assert set(rows["tgt/x"].to_pylist()) == {"1.5", "null", "2.5"}
    with refused(root, InputError, "column 'x'"):
        split(pa.table({"x": [float("inf")] * 20}), workspace_dir=root, **LANGUAGE)


# --- protection -------------------------------------------------------------------------------------------------------

PRIVATE = {
    "value_protection_epsilon": 1e5,
    "delta": 0.9,
}  # so much that there is no noise: a single person is unnoticed


@pytest.mark.parametrize("options", [{}, {"differential_privacy": PRIVATE}], ids=["thresholds", "no noise"])
@pytest.mark.parametrize("seed", range(1))
def test_no_shareable_file_tells_of_a_plant(root: str, options: dict[str, Any], seed: int):
    split(table(), n_partitions=2, workspace_dir=root, **LANGUAGE)
    analyze(workspace_dir=root, random_state=seed, **options)
    encode(workspace_dir=root)
    assert found(shareable(root)) == set()
    assert len(statistics(root).language) == len(PLANTS)


def test_without_protection_plants_are_found(root: str):
    split(table(), workspace_dir=root, **LANGUAGE)
    analyze(workspace_dir=root, value_protection=False)
    assert {"category", "level", "amount", "count", "name", "precise"} <= found(shareable(root))


def test_private_statistics_spend_what_was_asked_for(root: str):
    split(listings(), workspace_dir=root, tgt_primary_key="id", **LANGUAGE)
    analyze(workspace_dir=root, differential_privacy={"value_protection_epsilon": 3.0})
    told = statistics(root).differential_privacy
    assert told is not None
    assert told.epsilon == 3.0
    spent = [entry.epsilon for entry in Workspace(root).ledger.entries()]
    assert sum(spent) == pytest.approx(3.0)
