"""Training of language models: resumed exactly, reused, private, and of pretrained models."""

import shutil

import pandas as pd
import pytest

from synth_engine import LanguageModel, generate, train
from synth_engine.domain import InputError
from synth_engine.stages.model_files import CONFIGS_FILE
from synth_engine.workspace import Artefact, Workspace
from tests.language.pretrained_helpers import save_model
from tests.stages.helpers import refused, synthetic
from tests.stages.listings import KINDS, fit, make_listings, prepare
from tests.workspace.helpers import tree

TABLE = make_listings(120)[["title", "kind", "price"]]


def weights(root: str) -> bytes:
    return Workspace(root).read(Artefact.MODEL_DATA).bytes("model.safetensors")


def facts(root: str) -> dict:
    return Workspace(root).manifest(Artefact.MODEL_DATA).facts


@pytest.fixture
def prepared(tmp_path):
    root = str(tmp_path / "ws")
    prepare(TABLE, root)
    return root


@pytest.fixture(params=["from scratch", "pretrained"])
def model(request, tmp_path):
    return None if request.param == "from scratch" else str(save_model(tmp_path / "base", "llama"))


def test_a_training_that_is_resumed_is_one_in_one_go(prepared, tmp_path, model):
    other = str(tmp_path / "other")
    shutil.copytree(prepared, other)
    train(model=model, max_epochs=1.5, random_state=1, workspace_dir=prepared)
    train(model=model, max_epochs=0.6, random_state=1, workspace_dir=other)
    assert weights(other) != weights(prepared)
    train(model=model, max_epochs=1.5, random_state=1, workspace_dir=other, model_state_strategy="RESUME")
    assert weights(other) == weights(prepared)


def test_settings_of_a_resumed_training_must_be_the_same(prepared):
    train(max_epochs=0.5, random_state=1, workspace_dir=prepared)
    with refused(prepared, InputError, "enable_flexible_generation was True and is False now"):
        train(enable_flexible_generation=False, workspace_dir=prepared, model_state_strategy="RESUME")


def test_an_untrained_model_writes_valid_records(prepared, model):
    train(model=model, max_epochs=0, workspace_dir=prepared)
    generate(sample_size=20, workspace_dir=prepared, random_state=1)
    assert set(synthetic(prepared)["kind"].to_pylist()) <= set(KINDS)


def test_what_is_known_of_tokens_is_reused_for_other_columns_and_words(prepared):
    train(max_epochs=3, random_state=1, workspace_dir=prepared)
    table = make_listings(120, seed=3).rename(columns={"price": "rent"})[["kind", "title", "rent"]]
    table["kind"] = table["kind"].replace("room", "castle")
    prepare(table, prepared)
    train(max_epochs=0, workspace_dir=prepared, model_state_strategy="REUSE")
    reused = facts(prepared)["reused"]
    assert {part["column"] for part in reused["parts"]} == {"tgt/title", "tgt/kind"}
    assert reused["new"] == [["tgt/rent", "text"]]
    known = LanguageModel.from_workspace(prepared).log_prob(table).mean()
    train(max_epochs=0, random_state=1, workspace_dir=prepared)
    assert known > LanguageModel.from_workspace(prepared).log_prob(table).mean() + 5


def test_adapters_are_reused_for_the_same_model_only(prepared, tmp_path):
    base = str(save_model(tmp_path / "base", "llama"))
    train(model=base, max_epochs=1, random_state=1, workspace_dir=prepared)
    before = weights(prepared)
    with refused(prepared, InputError, "cannot be reused for a model of another name"):
        train(model="MOSTLY_AI/LSTMFromScratch-3m", workspace_dir=prepared, model_state_strategy="REUSE")
    train(max_epochs=0, workspace_dir=prepared, model_state_strategy="REUSE")
    assert weights(prepared) == before
    assert Workspace(prepared).read(Artefact.MODEL_DATA).json(CONFIGS_FILE)["model"] == base


def test_models_of_tables_are_not_reused_for_records_nor_the_other_way_round(prepared):
    train(max_epochs=0, workspace_dir=prepared)
    options = {"model_type": "TABULAR", "tgt_encoding_types": None}
    prepare(TABLE, prepared, **options)
    with refused(prepared, InputError, "expected a model of rows of one table.*found one of written records"):
        train(workspace_dir=prepared, model_state_strategy="REUSE")
    train(max_epochs=0, workspace_dir=prepared)
    prepare(TABLE, prepared)
    with refused(prepared, InputError, "expected a model of written records.*found one of rows"):
        train(workspace_dir=prepared, model_state_strategy="REUSE")


def test_private_training_keeps_its_budget_and_pays_for_no_marginals(prepared, model):
    privacy = {"max_epsilon": 2, "noise_multiplier": 2.0}
    train(model=model, max_epochs=2, differential_privacy=privacy, random_state=1, workspace_dir=prepared)
    [entry] = [each for each in Workspace(prepared).ledger.entries() if each.stage == "train"]
    assert 0 < entry.epsilon <= 2
    assert entry.parameters["noise_multiplier_of_marginals"] is None
    told = pd.read_csv(f"{prepared}/ModelStore/model-data/progress-messages.csv")
    assert told["trn_loss"].isna().all()
    assert told["val_loss"].isna().all()
    generate(sample_size=20, workspace_dir=prepared, random_state=1)
    assert set(synthetic(prepared)["kind"].to_pylist()) <= set(KINDS)


def test_adapters_need_the_model_that_they_belong_to(prepared, tmp_path):
    base = save_model(tmp_path / "base", "gpt2")
    train(model=str(base), max_epochs=1, random_state=1, workspace_dir=prepared)
    names = Workspace(prepared).manifest(Artefact.MODEL_DATA).files
    assert sum(file.bytes for name, file in names.items() if name != "training-snapshot.pt") < 400_000
    generate(sample_size=5, workspace_dir=prepared, random_state=1)
    shutil.rmtree(base)
    with refused(prepared, InputError, "expected a folder or a name on Hugging Face's hub, found no such folder"):
        generate(sample_size=5, workspace_dir=prepared)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("MOSTLY_AI/Medium", "expected MOSTLY_AI/LSTMFromScratch-3m, the name of a causal language model"),
        ("/no/such/folder", "model '/no/such/folder': expected a folder or a name on Hugging Face's hub"),
        (" ", "expected MOSTLY_AI/LSTMFromScratch-3m"),
    ],
)
def test_a_model_that_cannot_be_had_leaves_what_was_there(prepared, name, message):
    train(max_epochs=0, workspace_dir=prepared)
    before = tree(Workspace(prepared))
    with pytest.raises(InputError, match=message):
        train(model=name, workspace_dir=prepared)
    assert tree(Workspace(prepared)) == before


def test_windows_of_sequences_are_refused(prepared):
    with refused(prepared, InputError, "max_sequence_window: is for sequences of rows"):
        train(max_sequence_window=5, workspace_dir=prepared)


def test_four_bits_want_a_pretrained_model_and_what_it_takes(prepared, tmp_path):
    with refused(prepared, InputError, "four_bit: is for pretrained language models; name one as model"):
        train(four_bit=True, workspace_dir=prepared)
    with refused(prepared, InputError, "four_bit: needs"):
        train(four_bit=True, model=str(save_model(tmp_path / "base", "llama")), device="cpu", workspace_dir=prepared)


def test_a_model_that_is_not_of_tables_is_refused_for_tables(tmp_path):
    fit(TABLE, str(tmp_path), {"max_epochs": 0}, model_type="TABULAR", tgt_encoding_types=None)
    with refused(str(tmp_path), InputError, "four_bit: is for pretrained language models, and this is a table"):
        train(four_bit=True, workspace_dir=str(tmp_path))
    with refused(str(tmp_path), InputError, "model: expected one of MOSTLY_AI/Small"):
        train(model="MOSTLY_AI/LSTMFromScratch-3m", workspace_dir=str(tmp_path))
