"""Arguments that cannot be used: named in the message, and the workspace stays as it was."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from synth_engine import analyze, encode, generate, split, train
from synth_engine.domain import (
    InputError,
    ModelEncodingType,
    ModelStateStrategy,
    ModelType,
    RareCategoryReplacementMethod,
)
from synth_engine.workspace import Artefact, Workspace
from tests.stages.helpers import SMALL, refused

NAN, INF = float("nan"), float("inf")
TABLE = pd.DataFrame({"a": range(10), "text": ["x"] * 10})


def split_table(**arguments: Any) -> None:
    split(TABLE, **arguments)


WRONG: dict[Callable[..., None], dict[str, list[Any]]] = {
    split_table: {
        "n_partitions": [0, -1, 1.5, NAN, INF, "many", None, [1], 10**7],
        "trn_val_split": [0, 1, -0.1, 1.5, NAN, INF, None, "most"],
        "random_state": [-1, 1.5, NAN, "seed", 2**63],
        "model_type": ["NEURAL", 3],
        "tgt_encoding_types": ["AUTO", ["a"], {1: "AUTO"}, {"a": None}, {"a": "NONE"}],
        "tgt_primary_key": [5, ["a"], ("a",)],
        "ctx_primary_key": [5, ["a"]],
        "tgt_context_key": [5, ["a"]],
        "ctx_encoding_types": ["AUTO", {"a": "NONE"}],
        "update_progress": [5, "callback"],
        "workspace_dir": ["", None, 5],
    },
    analyze: {
        "value_protection": ["perhaps", None, 2],
        "differential_privacy": ["strong", 5, {"max_eps": 1}, {"delta": 0}, {"max_epsilon": -1}, {"delta": NAN}],
        "random_state": [-1, 1.5, NAN],
        "update_progress": [5],
        "workspace_dir": ["", None, 5],
    },
    encode: {"update_progress": [5], "workspace_dir": ["", None, 5]},
    train: {
        "model": ["MOSTLY_AI/Huge", "", 5],
        "max_training_time": [-1, NAN, INF, "long"],
        "max_epochs": [-1, -0.1, NAN, INF, "many"],
        "batch_size": [0, -1, 1.5, NAN, "big"],
        "gradient_accumulation_steps": [0, -1, 1.5],
        "enable_flexible_generation": ["perhaps", None, 2],
        "max_sequence_window": [0, -1],
        "differential_privacy": ["strong", {"noise": 1}, {"noise_multiplier": -1}, {"max_grad_norm": 0}],
        "model_state_strategy": ["RESTART", None],
        "device": ["tpu", "meta", "cpu:x", 5],
        "random_state": [-1, 1.5],
        "update_progress": [5],
        "upload_model_data_callback": [5],
        "workspace_dir": ["", None, 5],
    },
    generate: {
        "sample_size": [-1, 1.5, NAN, INF, "all"],
        "batch_size": [0, -1, 1.5],
        "sampling_temperature": [-1, NAN, INF, None, "hot"],
        "sampling_top_p": [0, -1, 1.1, NAN, None],
        "device": ["tpu", "meta"],
        "rare_category_replacement_method": ["DROP", None],
        "random_state": [-1, 1.5],
        "update_progress": [5],
        "workspace_dir": ["", None, 5],
    },
}
CASES = [
    pytest.param(verb, name, value, id=f"{verb.__name__}-{name}-{value}")
    for verb, parameters in WRONG.items()
    for name, values in parameters.items()
    for value in values
]


@pytest.mark.parametrize(("verb", "name", "value"), CASES)
def test_an_argument_that_cannot_be_used_is_named(ready: str, verb: Callable[..., None], name: str, value: Any):
    arguments = {"workspace_dir": ready} | {name: value}
    with refused(ready, InputError, f"^{name}"):
        verb(**arguments)


COUNTS = [
    (split_table, "n_partitions"),
    (split_table, "random_state"),
    (train, "batch_size"),
    (train, "max_epochs"),
    (generate, "sample_size"),
    (generate, "random_state"),
]


@pytest.mark.parametrize(("verb", "name"), COUNTS)
def test_a_truth_value_is_no_number(ready: str, verb: Callable[..., None], name: str):
    with refused(ready, InputError, f"^{name}"):
        verb(workspace_dir=ready, **{name: True})


def test_an_unknown_key_is_answered_with_the_known_ones(ready: str):
    with refused(ready, InputError, "^differential_privacy.max_eps: unknown parameter, expected one of max_epsilon"):
        train(differential_privacy={"max_eps": 1}, workspace_dir=ready)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("verb", [train, generate])
def test_a_gpu_where_there_is_none(ready: str, verb: Callable[..., None]):
    with refused(ready, InputError, "^device: 'cuda' was asked for, but no usable GPU was found; leave it out or use"):
        verb(device="cuda", workspace_dir=ready)


def test_numpy_scalars_are_numbers(ready: str):
    split(
        TABLE,
        n_partitions=np.int64(2),
        trn_val_split=np.float32(0.5),
        random_state=np.uint8(3),
        workspace_dir=ready,
    )
    analyze(value_protection=np.bool_(False), random_state=np.int32(1), workspace_dir=ready)
    encode(workspace_dir=ready)
    train(
        model=np.str_(SMALL),
        max_epochs=np.int16(1),
        max_training_time=np.float64(1),
        batch_size=np.int64(4),
        random_state=np.int64(1),
        workspace_dir=ready,
    )
    generate(
        sample_size=np.int64(3), sampling_temperature=np.float16(1), sampling_top_p=np.float32(1), workspace_dir=ready
    )
    assert Workspace(ready).read(Artefact.SYNTHETIC_DATA).rows() == 3


@pytest.mark.parametrize("spell", [str.lower, str.upper, str.title])
def test_choices_are_taken_as_text_in_any_case(ready: str, spell: Callable[[str], str]):
    types = {"a": spell("TABULAR_NUMERIC_BINNED"), "text": spell("auto")}
    split(TABLE, tgt_encoding_types=types, model_type=spell("tabular"), workspace_dir=ready)
    resolved = Workspace(ready).read(Artefact.TGT_META).json("encoding-types.json")
    assert resolved == {"a": "TABULAR_NUMERIC_BINNED", "text": "AUTO"}
    analyze(workspace_dir=ready)
    fitted = Workspace(ready).read(Artefact.TGT_STATS).json("stats.json")["columns"]
    assert fitted["text"]["encoding_type"] == "TABULAR_CATEGORICAL"
    encode(workspace_dir=ready)
    train(model=SMALL, max_epochs=0, model_state_strategy=spell("reset"), workspace_dir=ready)
    generate(rare_category_replacement_method=spell("sample"), sample_size=1, workspace_dir=ready)


def test_choices_are_taken_as_enumerations(ready: str):
    types = {"a": ModelEncodingType.TABULAR_CATEGORICAL}
    split(TABLE, tgt_encoding_types=types, model_type=ModelType.TABULAR, workspace_dir=ready)
    analyze(workspace_dir=ready)
    encode(workspace_dir=ready)
    train(model=SMALL, max_epochs=0, model_state_strategy=ModelStateStrategy.reset, workspace_dir=ready)
    method = RareCategoryReplacementMethod.sample
    generate(rare_category_replacement_method=method, device=torch.device("cpu"), workspace_dir=ready)
