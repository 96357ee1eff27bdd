"""The decision whether a stage must run."""

import pytest

from synth_engine.workspace import Manifest
from synth_pipeline.freshness import Wanted, why_rebuild

FOUND = Manifest.model_validate(
    {
        "artefact": "ModelStore/model-data",
        "stage": "train",
        "engine_version": "1.0",
        "digest": "d",
        "inputs": {"OriginalData/encoded-data": "e1", "ModelStore/tgt-stats": "s1"},
        "config": {"max_epochs": 3, "model": None},
        "row_counts": {},
        "facts": {"finished": True},
        "files": {"model-weights.pt": {"sha256": "x", "bytes": 10}},
    }
)
WANTED = Wanted(config=FOUND.config, inputs=FOUND.inputs, engine_version="1.0")


def test_the_same_again_is_current():
    assert why_rebuild(FOUND, WANTED, []) is None


@pytest.mark.parametrize(
    ("found", "wanted", "damaged", "said"),
    [
        (None, {}, [], "it was not there"),
        ({}, {"engine_version": "1.1"}, [], "version 1.0 of the engine, this is 1.1"),
        (
            {},
            {"inputs": {"OriginalData/encoded-data": "e2", "ModelStore/tgt-stats": "s1"}},
            [],
            "encoded-data changed",
        ),
        ({}, {"inputs": {"OriginalData/encoded-data": "e1", "ModelStore/tgt-stats": None}}, [], "tgt-stats changed"),
        ({}, {"config": {"max_epochs": 5, "model": None}}, [], "max_epochs from 3 to 5"),
        ({}, {"config": {"max_epochs": 3, "model": None, "new": 1}}, [], "new from None to 1"),
        ({"facts": {"finished": False}}, {}, [], "interrupted"),
        ({}, {}, ["model-weights.pt"], "lost or damaged: model-weights.pt"),
    ],
    ids=["absent", "engine", "input", "lost input", "setting", "new setting", "unfinished", "lost file"],
)
def test_each_difference_is_a_reason(found, wanted, damaged, said):
    manifest = None if found is None else FOUND.model_copy(update=found)
    reason = why_rebuild(manifest, Wanted(**{**vars(WANTED), **wanted}), damaged)
    assert reason is not None
    assert said in reason


def test_settings_that_another_artefact_answers_for_are_not_compared():
    assert why_rebuild(FOUND, Wanted(None, FOUND.inputs, "1.0"), []) is None
