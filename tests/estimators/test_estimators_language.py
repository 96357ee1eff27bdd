"""`LanguageModel`: what is sampled, how likely records are, and what a pickle holds."""

import pickle

import numpy as np
import pandas as pd
import pytest

from synth_engine import LanguageModel, TabularARGN
from synth_engine.domain import InputError
from tests.stages.listings import KINDS, fit, make_listings

TABLE = make_listings(200)[["title", "kind", "price"]]


@pytest.fixture(scope="module")
def model():
    with LanguageModel(max_epochs=8, random_state=0, tgt_encoding_types={"title": "LANGUAGE_TEXT"}) as model:
        yield model.fit(TABLE)


def test_samples_have_the_columns_and_types_of_the_table(model):
    found = model.sample(30)
    assert found.dtypes.equals(TABLE.dtypes)
    assert set(found["kind"]) <= set(KINDS)
    pd.testing.assert_frame_equal(found, model.sample(30))
    assert not found.equals(model.sample(30, random_state=5))


def test_given_columns_stay(model):
    given = TABLE[["kind"]][:10]
    pd.testing.assert_frame_equal(model.sample(seed_data=given)[["kind"]], given)


def test_records_of_the_table_are_likelier_than_others(model):
    odd = TABLE.assign(title=TABLE["title"].where(TABLE["title"].isna(), "qx\u2603zz"))
    known, strange = model.log_prob(TABLE), model.log_prob(odd)
    assert known.index.equals(TABLE.index)
    assert (known < 0).all()
    differ = TABLE["title"].notna()
    assert (known[differ] > strange[differ]).all()
    np.testing.assert_allclose(known[~differ], strange[~differ], rtol=1e-4)


def test_how_likely_a_record_is_depends_on_no_other(model):
    np.testing.assert_allclose(model.log_prob(TABLE[3:5]), model.log_prob(TABLE)[3:5], rtol=1e-4)
    assert model.log_prob(TABLE[3:5]).index.tolist() == [3, 4]
    assert len(model.log_prob(TABLE[:0])) == 0


def test_a_pickle_holds_the_model(model):
    with pickle.loads(pickle.dumps(model)) as copy:
        pd.testing.assert_frame_equal(copy.sample(5, random_state=1), model.sample(5, random_state=1))


def test_all_columns_are_needed_to_judge_records(model):
    with pytest.raises(InputError, match="X: expected a column 'price'"):
        model.log_prob(TABLE[["title", "kind"]])


def test_each_estimator_opens_models_of_its_own_type(tmp_path):
    fit(TABLE, str(tmp_path), {"max_epochs": 0})
    assert LanguageModel.from_workspace(tmp_path).model == "MOSTLY_AI/LSTMFromScratch-3m"
    with pytest.raises(InputError, match="expected a TABULAR model for TabularARGN, found a LANGUAGE model"):
        TabularARGN.from_workspace(tmp_path)
    with pytest.raises(InputError, match="model: expected MOSTLY_AI/LSTMFromScratch-3m"):
        LanguageModel(model="MOSTLY_AI/Medium").fit(TABLE)


def test_prompts_are_made_from_a_context_table():
    owners = make_listings(80).drop(columns=["title", "listing_id"]).assign(owner=np.arange(80))
    records = pd.DataFrame({"owner": np.arange(80), "title": make_listings(80)["title"]})
    keys = {"tgt_context_key": "owner", "ctx_primary_key": "owner"}
    with LanguageModel(ctx_data=owners, max_epochs=1, random_state=0, **keys) as model:
        model.fit(records)
        assert model.sample(ctx_data=owners[:7])["owner"].tolist() == list(range(7))
        found = model.log_prob(records[:5], ctx_data=owners)
        assert len(found) == 5
        other = owners.assign(kind=owners["kind"].map({"flat": "house", "house": "room", "room": "flat"}))
        assert not np.allclose(found, model.log_prob(records[:5], ctx_data=other))
        with pytest.raises(InputError, match="ctx_data: expected the subjects"):
            model.log_prob(records)
