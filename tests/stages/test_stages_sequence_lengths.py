"""Numbers of events of synthetic subjects: as often as in the data, at the ends too, and given a context."""

import numpy as np
import pandas as pd
import pytest

from synth_engine import analyze, encode, generate, split, train

N = 1_000


def subjects(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """None, one, three or forty events each, more often many where the context says so."""
    rng = np.random.default_rng(seed)
    context = pd.DataFrame({"id": np.arange(N), "kind": rng.choice(["a", "b"], N)})
    shares = {"a": [0.5, 0.3, 0.15, 0.05], "b": [0.1, 0.2, 0.3, 0.4]}
    lengths = np.array([rng.choice([0, 1, 3, 40], p=shares[kind]) for kind in context["kind"]])
    events = pd.DataFrame({"id": np.repeat(np.arange(N), lengths)})
    events["x"] = rng.integers(0, 3, len(events))
    return context, events


@pytest.mark.parametrize("private", [False, True])
def test_every_number_of_events_is_as_frequent_as_in_the_data(tmp_path, private):
    """Rows are drawn for the contexts of the data. Hoeffding over four shares, error 1e-6, and 0.02 for the model.

    A private training may only look at noisy marginals: 0.1 then.
    """
    context, events = subjects(0)
    split(
        events, ctx_data=context, ctx_primary_key="id", tgt_context_key="id", trn_val_split=0.9, workspace_dir=tmp_path
    )
    analyze(workspace_dir=tmp_path)
    encode(workspace_dir=tmp_path)
    privacy = {"target_epsilon": 8, "delta": 1e-3} if private else None
    train(model="MOSTLY_AI/Small", max_epochs=2, differential_privacy=privacy, workspace_dir=tmp_path, random_state=0)
    generate(ctx_data=context, workspace_dir=tmp_path, random_state=0)
    drawn = pd.read_parquet(tmp_path / "SyntheticData")
    before, after = (frame["id"].value_counts().reindex(context["id"], fill_value=0) for frame in (events, drawn))
    assert set(after) == {0, 1, 3, 40}
    chance = np.sqrt(np.log(2 * 4 / 1e-6) / (2 * N))
    for length in (0, 1, 3, 40):
        assert abs((after == length).mean() - (before == length).mean()) < chance + (0.1 if private else 0.02)
