"""Events are learned from lists of the context; what was learned is the same after a break."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from synth_engine import generate, train
from synth_engine.domain import InputError
from synth_engine.sequences.sampler import draw_events, draw_lengths
from synth_engine.stages.contexts import context_of
from synth_engine.stages.model_files import Described, load_sequence_network
from synth_engine.workspace import Artefact, Workspace
from tests.stages.helpers import SMALL, synthetic
from tests.stages.subjects import RELATED, encoded
from tests.stages.test_stages_train import stop_after, weights


def of_a_kind(n_subjects: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Subjects of whom half have a mark somewhere in a list, and as many events as elements that say whether."""
    rng = np.random.default_rng(seed)
    has_mark = rng.random(n_subjects) < 0.5
    others = [list(rng.choice(["a", "b", "c"], size)) for size in rng.integers(0, 4, n_subjects)]
    lists = [
        list(rng.permutation([*each, *["mark"] * mark])) for each, mark in zip(others, has_mark.tolist(), strict=True)
    ]
    subjects = pd.DataFrame({"id": range(n_subjects), "lists": [each or None for each in lists]})
    owner = np.repeat(np.arange(n_subjects), [len(each) for each in lists])
    return subjects, pd.DataFrame({"owner": owner, "value": np.where(has_mark[owner], "yes", "no")})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A workspace with a model of events that follow from lists. Read it only."""
    folder = str(tmp_path_factory.mktemp("lists") / "ws")
    subjects, events = of_a_kind(1_500, 0)
    encoded(folder, events, subjects, **RELATED)
    train(workspace_dir=folder, model=SMALL, max_epochs=8, random_state=1)
    return folder


def test_a_training_with_lists_goes_on_where_it_was(tmp_path: Path):
    """To the bit: weights of one that was stopped after an epoch and resumed, and of one that was left alone."""
    subjects, events = of_a_kind(120, 0)
    settings: dict[str, Any] = {"model": SMALL, "batch_size": 16, "random_state": 5}
    for name in ("whole", "broken"):
        encoded(str(tmp_path / name), events, subjects, n_partitions=2, **RELATED)
    settings["max_epochs"] = 3
    train(workspace_dir=tmp_path / "whole", **settings)
    train(workspace_dir=tmp_path / "broken", update_progress=stop_after(1), **settings)
    assert weights(str(tmp_path / "broken")) != weights(str(tmp_path / "whole"))
    train(workspace_dir=tmp_path / "broken", model_state_strategy="RESUME", **settings)
    assert weights(str(tmp_path / "broken")) == weights(str(tmp_path / "whole"))


def test_events_are_generated_for_given_lists(tmp_path: Path):
    """Of elements that the model does not know, and of lists that are null; as pandas has them, too."""
    subjects, events = of_a_kind(120, 0)
    encoded(str(tmp_path), events, subjects, **RELATED)
    train(workspace_dir=tmp_path, model=SMALL, max_epochs=1, random_state=1)
    given = pd.DataFrame({"id": range(500, 504), "lists": [["mark", "new"], None, [], ["a", None]]})
    generate(workspace_dir=tmp_path, ctx_data=given, random_state=1)
    assert set(synthetic(str(tmp_path))["owner"].to_pylist()) <= {500, 501, 502, 503}
    for bad in (given.drop(columns="lists"), given.assign(lists="a"), given.assign(lists=[[["a"]]] * 4)):
        with pytest.raises(InputError, match=r"^ctx_data: .*column 'lists'"):
            generate(workspace_dir=tmp_path, ctx_data=bad, random_state=1)


@pytest.mark.slow
def test_events_follow_from_lists(trained: str):
    """Of new subjects: their number from that of the elements, and their value from what one of these is."""
    model = Workspace(trained).read(Artefact.MODEL_DATA)
    described = Described.of_model(model)
    network = load_sequence_network(model, described, torch.device("cpu"))
    lists = of_a_kind(300, 1)[0]["lists"].tolist()
    rows = pa.table({"lists": pa.array(lists, described.context.schema.field("lists").type)})
    context = context_of(rows, described.context)
    codes = draw_lengths(network, context, torch.Generator().manual_seed(0)).numpy()
    lengths = described.target.seq_len.encoding.decode(codes, np.random.default_rng(0)).cast(pa.int64()).to_numpy()
    wanted = np.array([len(each or []) for each in lists])
    assert (lengths == wanted).mean() > 0.98
    drawn = draw_events(network, context, torch.from_numpy(wanted), lambda step: step).numpy()
    values = np.array(described.target.columns["value"].decode(drawn, np.random.default_rng(0)).to_pylist())
    marked = np.repeat(["mark" in (each or []) for each in lists], wanted)
    assert (values == np.where(marked, "yes", "no")).mean() > 0.98
