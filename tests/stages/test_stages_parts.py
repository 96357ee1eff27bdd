"""Analysis and encoding by many: whoever does which partition, and however often, the bytes are those of one."""

import json
import random
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth_engine import analyze, encode, split
from synth_engine.demo import make_shop
from synth_engine.domain import AnalyzeConfig, ArtefactError, InputError
from synth_engine.encodings import ValueCounts
from synth_engine.stages import (
    PartsPlan,
    encode_parts,
    finish_analysis,
    finish_encoding,
    plan_analysis,
    plan_encoding,
    summaries,
    summarise_parts,
)
from synth_engine.stages.analysis import Analysis
from synth_engine.stages.exact_summaries import Summaries
from synth_engine.stages.stored_counts import counts_from_arrow, counts_to_arrow
from synth_engine.workspace import Artefact, Workspace
from tests.workspace.helpers import tree

PRIVATE = {"value_protection_epsilon": 5.0, "delta": 1e-3}
MADE = (Artefact.TGT_STATS, Artefact.CTX_STATS, Artefact.ENCODED_DATA)


def flat(root: str) -> None:
    table = make_shop(90, seed=0).customers
    table["größe | 名"] = np.random.default_rng(0).choice(["a", "b", None], len(table))
    split(table, tgt_primary_key="customer_id", n_partitions=4, random_state=0, workspace_dir=root)


def events(root: str) -> None:
    shop = make_shop(30, seed=0)
    context = pa.Table.from_pandas(shop.customers, preserve_index=False)
    lists = pa.array([[1.5] * (place % 4) or None for place in range(len(context))])
    split(
        shop.orders.rename(columns={shop.orders.columns[2]: "ordered_at"}),
        tgt_context_key="customer_id",
        tgt_encoding_types={"ordered_at": "TABULAR_DATETIME_RELATIVE"},
        ctx_data=context.append_column("lists", lists),
        ctx_primary_key="customer_id",
        n_partitions=3,
        random_state=0,
        workspace_dir=root,
    )


def subjects(root: str) -> None:
    orders = make_shop(30, seed=0).orders
    split(orders, tgt_context_key="customer_id", n_partitions=3, random_state=0, workspace_dir=root)


def texts(root: str) -> None:
    table = make_shop(40, seed=0).customers[["customer_id", "name"]]
    types = {"name": "LANGUAGE_TEXT"}
    split(
        table,
        tgt_primary_key="customer_id",
        tgt_encoding_types=types,
        n_partitions=3,
        random_state=0,
        workspace_dir=root,
    )


def bare(root: str) -> None:
    """Nothing but a key to model, and no row for validation."""
    split(pd.DataFrame({"id": range(9)}), tgt_primary_key="id", n_partitions=2, trn_val_split=0.99, workspace_dir=root)


KINDS = [flat, events, subjects, texts, bare]


def made(root: str) -> dict[str, bytes]:
    """Files of statistics and codes. Manifests differ: digests are keyed by workspace, and drafts have names."""
    workspace = Workspace(root)
    return {
        f"{artefact.folder}/{name}": workspace.read(artefact).bytes(name)
        for artefact in MADE
        if workspace.has(artefact)
        for name in workspace.manifest(artefact).files
    }


def as_json(plan: PartsPlan) -> PartsPlan:
    return PartsPlan.model_validate_json(plan.model_dump_json())


def by_many(root: str, config: AnalyzeConfig, *, seed: int = 0, size: int = 1) -> None:
    """Any order, each part by a call of its own or several together, some of them twice."""
    rng = random.Random(seed)

    def calls(plan: PartsPlan) -> list[list[str]]:
        parts = [*plan.missing, *rng.choices(plan.parts, k=2)]
        rng.shuffle(parts)
        return [parts[place : place + size] for place in range(0, len(parts), size)]

    plan = as_json(plan_analysis(config, workspace_dir=root))
    for parts in calls(plan):
        summarise_parts(plan, parts, workspace_dir=root)
    finish_analysis(plan, workspace_dir=root)
    plan = as_json(plan_encoding(workspace_dir=root))
    for parts in calls(plan):
        encode_parts(plan, parts, workspace_dir=root)
    finish_encoding(plan, workspace_dir=root)


@pytest.mark.parametrize("split_table", KINDS)
@pytest.mark.parametrize("settings", [{}, {"value_protection": False}, {"differential_privacy": PRIVATE}])
def test_many_make_what_one_makes(tmp_path, split_table: Callable[[str], None], settings: dict[str, Any]):
    one, many = str(tmp_path / "one"), str(tmp_path / "many")
    for root in (one, many):
        split_table(root)
    analyze(**settings, random_state=3, workspace_dir=one)
    encode(workspace_dir=one)
    for seed, size in ((0, 1), (1, 2)) if not settings else ((2, 3),):
        by_many(many, AnalyzeConfig(**settings, random_state=3), seed=seed, size=size)
        assert made(many) == made(one)
    config = [Workspace(root).manifest(Artefact.TGT_STATS).config for root in (one, many)]
    assert config[0].keys() == config[1].keys()
    assert not [name for name in tree(Workspace(many)) if "draft" in name or "summaries" in name]


@pytest.mark.parametrize("split_table", [flat, events])
def test_columns_of_many_values_are_sampled_alike(tmp_path, split_table, monkeypatch):
    monkeypatch.setattr("synth_engine.stages.disclosure.MAX_DISTINCT", 40)
    one, many = str(tmp_path / "one"), str(tmp_path / "many")
    for root in (one, many):
        split_table(root)
    analyze(random_state=3, workspace_dir=one)
    encode(workspace_dir=one)
    by_many(many, AnalyzeConfig(random_state=3))
    assert made(many) == made(one)
    assert summaries.MAX_DISTINCT == 250_000


def test_settings_are_recorded_as_by_one_process(tmp_path):
    root = str(tmp_path)
    flat(root)
    analyze(random_state=3, workspace_dir=root)
    one = Workspace(root).manifest(Artefact.TGT_STATS)
    by_many(root, AnalyzeConfig(random_state=3))
    many = Workspace(root).manifest(Artefact.TGT_STATS)
    assert (many.config, many.inputs, many.digest) == (one.config, one.inputs, one.digest)


@pytest.mark.parametrize("split_table", KINDS)
def test_any_division_adds_up_to_the_whole(tmp_path, split_table):
    split_table(str(tmp_path))
    analysis = Analysis.begin(Workspace(tmp_path), AnalyzeConfig())
    parts = [analysis.summary(part) for part in analysis.parts]
    whole = Summaries.merged(parts)
    rng = random.Random(0)
    for _ in range(5):
        rng.shuffle(parts)
        cut = rng.randrange(len(parts) + 1)
        halves = [Summaries.merged(half) for half in (parts[:cut], parts[cut:]) if half]
        stored = [Summaries.from_bytes(half.to_bytes()) for half in halves]
        assert Summaries.merged(stored).to_bytes() == whole.to_bytes()


@pytest.mark.parametrize(
    "values",
    [
        pa.array([2, None, 1, 2], pa.int8()),
        pa.array(["ä", "", None, "ä"]),
        pa.array([b"x", b"", b"x", None], pa.large_binary()),
        pa.array([None, 0.5, float("nan"), -0.0]),
        pa.array([1, 2, 2, None], pa.timestamp("ns", tz="Europe/Berlin")),
        pa.array([1, None, 2, 2], pa.date32()),
        pa.array([True, False, None, True]),
        pa.array([None] * 4, pa.string()),
        pa.nulls(4),
        pa.array([], pa.int64()),
    ],
    ids=lambda values: str(values.type),
)
@pytest.mark.parametrize("owned", [False, True])
def test_summaries_of_any_type_come_back(values: pa.Array, owned: bool):
    counts = ValueCounts.of(values, np.arange(len(values)) // 2 if owned else None)
    again = counts_from_arrow(counts_to_arrow(counts))
    assert again.values.equals(counts.values)
    for name in ("rows", "entities", "lowest", "highest", "one_each", "null_rows", "null_entities", "levels"):
        assert np.array_equal(getattr(again, name), getattr(counts, name)), name
    assert (again.entities is again.rows) == (counts.entities is counts.rows)


def test_what_is_begun_is_gone_on_with_and_a_lost_part_is_made_again(tmp_path):
    root = str(tmp_path)
    flat(root)
    config = AnalyzeConfig(random_state=1)
    plan = plan_analysis(config, workspace_dir=root)
    assert plan.done == ()
    summarise_parts(plan, plan.parts[:2], workspace_dir=root)
    assert plan_analysis(config, workspace_dir=root).done == plan.parts[:2]
    with pytest.raises(ArtefactError, match="partitions are missing"):
        finish_analysis(plan, workspace_dir=root)
    lost = next(Workspace(root).root.glob("OriginalData/.summaries.*/*/part.000000*"))
    lost.unlink()
    again = plan_analysis(config, workspace_dir=root)
    assert again.draft_id == plan.draft_id
    assert again.done == plan.parts[1:2]
    summarise_parts(plan, workspace_dir=root)
    finish_analysis(plan, workspace_dir=root)
    finish_analysis(plan, workspace_dir=root)  # a step that is retried after its success
    summarise_parts(plan, workspace_dir=root)
    assert not [name for name in tree(Workspace(root)) if "summaries" in name]


def test_an_encoding_that_was_cut_short_is_gone_on_with(tmp_path):
    root, done = str(tmp_path), []
    flat(root)
    analyze(random_state=1, workspace_dir=root)

    def stop(message: dict[str, Any] | None = None, **_: Any) -> None:
        done.extend([message["file"]] if message and "file" in message else [])
        if len(done) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode(workspace_dir=root, update_progress=stop)
    assert not Workspace(root).has(Artefact.ENCODED_DATA)
    assert list(plan_encoding(workspace_dir=root).done) == sorted(done)
    told = []
    encode(workspace_dir=root, update_progress=lambda message=None, **_: told.append(message))
    assert told[1]["continued_from"] == 2
    assert not [name for name in tree(Workspace(root)) if "draft" in name]


def test_the_plan_and_the_draft_tell_no_seed_and_no_count(tmp_path, monkeypatch):
    monkeypatch.setattr("synth_engine.stages.disclosure.MAX_DISTINCT", 40)
    root = str(tmp_path)
    flat(root)
    plan = plan_analysis(AnalyzeConfig(random_state=123456789), workspace_dir=root)
    everything = plan.model_dump_json()
    assert "123456789" not in everything
    assert not re.search(r"0\.\d{3,}", everything)
    assert all(not name.lstrip("/").startswith("ModelStore") for name in tree(Workspace(root)))
    assert json.loads(everything)["done"] == list(plan.parts[:1]), "what tells how much to sample is not done twice"


def test_what_does_not_fit_together_is_refused(tmp_path):
    root = str(tmp_path / "root")
    flat(root)
    plan = plan_analysis(AnalyzeConfig(), workspace_dir=root)
    with pytest.raises(InputError, match="expected names of partitions of the plan, found 'part-9'"):
        summarise_parts(plan, ["part-9"], workspace_dir=root)
    with pytest.raises(InputError, match="plan: expected one of encode, found one of analyze"):
        encode_parts(plan, workspace_dir=root)
    with pytest.raises(ArtefactError, match="go on with the same version"):
        summarise_parts(plan.model_copy(update={"engine_version": "0"}), workspace_dir=root)
    flat(root)
    split(make_shop(50, seed=1).customers, workspace_dir=root)
    with pytest.raises(ArtefactError, match="plan it again"):
        summarise_parts(plan, workspace_dir=root)


def test_a_column_that_cannot_be_encoded_is_named_and_nothing_stays(tmp_path):
    root = str(tmp_path)
    days = pa.array([10_000_000] + [1] * 49, pa.int32()).cast(pa.date32())
    split(pa.table({"fine": range(50), "broken": days}), n_partitions=3, workspace_dir=root)
    plan = plan_analysis(AnalyzeConfig(), workspace_dir=root)
    with pytest.raises(InputError, match="column 'broken': expected dates of the years 1 to 9999"):
        summarise_parts(plan, workspace_dir=root)
    assert not Workspace(root).has(Artefact.TGT_STATS)
