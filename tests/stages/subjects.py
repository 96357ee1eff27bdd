"""What the tests of subjects share: two related tables, and views of what the stages make of them."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from synth_engine import analyze, encode, split
from synth_engine.stages.statistics import TableStatistics
from synth_engine.workspace import Artefact, Workspace

RELATED = {"ctx_primary_key": "id", "tgt_context_key": "owner"}
EVENT_LENGTHS = [place % 5 for place in range(200)]


def tables(lengths: list[int], seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Subjects with a key and a column, and their events with the key, a running number and a value.

    Args:
        lengths: Number of events of each subject.
        seed: Of the order of events, in which those of one subject keep theirs.
    """
    rng = np.random.default_rng(seed)
    subjects = pd.DataFrame({"id": [f"s{place}" for place in range(len(lengths))]})
    subjects["kind"] = rng.choice(["a", "b"], len(lengths))
    owner = rng.permutation(np.repeat(np.arange(len(lengths)), lengths))
    number = pd.Series(owner).groupby(owner).cumcount().to_numpy()
    names = subjects["id"].to_numpy(dtype=object)[owner]
    events = pd.DataFrame(
        {"owner": pd.Series(names, dtype=subjects["id"].dtype), "number": number, "value": owner * 1_000 + number}
    )
    return subjects, events


def make_tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Subjects of two kinds, and events with a key, a number that has gaps, a word and a date that never goes back."""
    rng = np.random.default_rng(0)
    subjects, events = tables(EVENT_LENGTHS)
    events = events.drop(columns=["value"]).assign(
        event=np.arange(len(events)),
        size=pd.Series(rng.normal(size=len(events)).round(2)).where(rng.random(len(events)) < 0.8),
        word=rng.choice(["x", "y", "z"], len(events)),
        day=pd.Timestamp("2024-01-01") + pd.to_timedelta(events["number"] * 3, unit="D"),
    )
    return subjects, events


def people(n: int) -> pd.DataFrame:
    """Subjects who were never there."""
    kinds = np.resize(np.array(["a", "b"], dtype=object), n)
    return pd.DataFrame({"id": [f"new {place}" for place in range(n)], "kind": kinds})


def parts(root: str, artefact: Artefact, role: str) -> list[pa.Table]:
    """The partitions of a role, in order."""
    reader = Workspace(root).read(artefact)
    return [reader.table(name) for name in reader.parts(role)]


def encoded(root: str, events: Any, subjects: Any = None, **options: Any) -> pa.Table:
    """All codes of two tables, after the first three stages."""
    split(events, ctx_data=subjects, workspace_dir=root, **options)
    analyze(workspace_dir=root, random_state=1)
    encode(workspace_dir=root)
    reader = Workspace(root).read(Artefact.ENCODED_DATA)
    return pa.concat_tables([reader.table(name) for role in ("trn", "val") for name in reader.parts(role)])


def statistics(root: str, artefact: Artefact = Artefact.TGT_STATS) -> TableStatistics:
    """The statistics of a table."""
    return TableStatistics.model_validate(Workspace(root).read(artefact).json("stats.json"))
