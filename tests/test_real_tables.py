"""The five verbs on real tables: exact types, plausible marginals, nothing outside the protected ranges."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from synth_engine import analyze, encode, generate, split, train
from synth_engine.io import read_table
from synth_engine.summary import synthetic_table
from synth_engine.workspace import Artefact, Workspace

# File, epochs, and the largest mean distance (total variation) between marginals that so few epochs must reach.
# Held-out rows of these tables differ from training rows by 0.01 to 0.03, an untrained model by more than 0.3.
TABLES = [("census.csv.gz", 2, 0.05), ("bank_marketing.csv.gz", 2, 0.05), ("titanic.csv", 20, 0.08)]


@pytest.fixture(scope="module", params=TABLES, ids=[name.split(".")[0] for name, _, _ in TABLES])
def made(request, shared_data: Path, tmp_path_factory) -> tuple[pa.Table, pa.Table, float]:
    name, epochs, largest = request.param
    workspace = str(tmp_path_factory.mktemp("workspace"))
    original = read_table(shared_data / name)
    split(original, workspace_dir=workspace)
    analyze(workspace_dir=workspace, random_state=0)
    encode(workspace_dir=workspace)
    train(workspace_dir=workspace, max_epochs=epochs, random_state=0)
    generate(workspace_dir=workspace, random_state=0)
    return original, synthetic_table(workspace), largest


def test_same_columns_types_and_size(made):
    original, synthetic, _ = made
    assert synthetic.schema.equals(original.schema)
    assert synthetic.num_rows == original.num_rows


def test_marginals_are_close(made):
    original, synthetic, largest = made
    distances = [distance(original[name].to_pandas(), synthetic[name].to_pandas()) for name in original.column_names]
    assert sum(distances) / len(distances) < largest


def test_numbers_stay_inside_the_original_range(made):
    original, synthetic, _ = made
    for name in original.column_names:
        if pa.types.is_integer(original.schema.field(name).type):
            assert synthetic[name].to_pandas().min() >= original[name].to_pandas().min(), name
            assert synthetic[name].to_pandas().max() <= original[name].to_pandas().max(), name


def test_nulls_only_where_there_were_some(made):
    original, synthetic, _ = made
    for name in original.column_names:
        if original[name].null_count == 0:
            assert synthetic[name].null_count == 0, name


def distance(one: pd.Series, other: pd.Series) -> float:
    """Total variation between two columns; numbers in ten quantile bins."""
    if pd.api.types.is_numeric_dtype(one) and one.nunique() > 10:
        edges = one.quantile([i / 10 for i in range(1, 10)]).drop_duplicates()
        one, other = (
            pd.Series(edges.searchsorted(values, side="left")).where(values.notna()) for values in (one, other)
        )
    shares = [values.value_counts(normalize=True, dropna=False) for values in (one, other)]
    return float(shares[0].sub(shares[1], fill_value=0).abs().sum() / 2)


def test_baseball_players_and_their_seasons(shared_data: Path, tmp_path):
    """Two related tables up to their codes: all players, all seasons in their order, and lengths as they are."""
    players, batting = (read_table(shared_data / f"{name}.csv.gz") for name in ("players", "batting"))
    root = str(tmp_path)
    split(
        batting,
        ctx_data=players,
        ctx_primary_key="id",
        tgt_context_key="players_id",
        n_partitions=3,
        workspace_dir=root,
    )
    analyze(workspace_dir=root, random_state=0)
    encode(workspace_dir=root)
    workspace = Workspace(root)
    codes = workspace.read(Artefact.ENCODED_DATA)
    assert codes.rows("trn") + codes.rows("val") == players.num_rows
    lengths = workspace.read(Artefact.TGT_STATS).json("stats.json")["seq_len"]
    seasons = batting.to_pandas().groupby("players_id").size()
    assert (lengths["min"], lengths["median"]) == (0, 3)  # 189 players never batted
    assert (seasons >= lengths["max"]).sum() >= 5
    assert (seasons > lengths["max"]).mean() < 0.001
    data, kept = workspace.read(Artefact.TGT_DATA), 0
    for part in data.parts("trn") + data.parts("val"):
        frame, beside = data.table(part).to_pandas(), codes.table(part)
        frame = frame[frame.groupby("players_id").cumcount() < lengths["max"]]
        assert (frame.groupby("players_id")["year"].diff().dropna() >= 0).all()
        assert beside["length"].to_pandas().sum() == len(frame)
        assert beside["events"].combine_chunks().offsets.to_pylist()[-1] == len(frame)
        kept += len(frame)
    assert kept == seasons.clip(upper=lengths["max"]).sum()
