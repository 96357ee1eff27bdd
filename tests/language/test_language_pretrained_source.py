"""What pretrained models and their tokenizers may be, and what is said where they cannot be used."""

import json

import pytest
import torch

from synth_engine.domain import InputError
from synth_engine.language.pretrained_source import load_pretrained
from synth_engine.language.pretrained_vocabulary import PretrainedVocabulary
from tests.language.helpers import CONTEXT, TARGET, make_records, natural
from tests.language.pretrained_helpers import KIND_OF_TOKENIZER, make_tokenizer, save_model

CPU = torch.device("cpu")
TEXTS = ['"bright room"', "null", '" two  spaces"', '"東京 <s> </s>"', "-3.50", '""']


def make_vocabulary(kind: str) -> PretrainedVocabulary:
    tokenizer = make_tokenizer(kind)
    return PretrainedVocabulary.of(tokenizer, len(tokenizer) + 5)


@pytest.mark.parametrize("kind", KIND_OF_TOKENIZER)
def test_texts_are_read_as_they_were_written(kind):
    vocabulary = make_vocabulary(kind)
    ids = vocabulary.encode(TEXTS, "title").lists()
    assert vocabulary.decode(ids) == TEXTS
    assert not {0, 1} & {i for each in ids for i in each} or kind == "no special tokens"
    loaded = PretrainedVocabulary.load(vocabulary.files())
    assert loaded.encode(TEXTS).lists() == ids
    assert (loaded.size, loaded.pad) == (vocabulary.size, vocabulary.pad)


@pytest.mark.parametrize("kind", KIND_OF_TOKENIZER)
@pytest.mark.parametrize("context", [{}, CONTEXT], ids=len)
def test_records_read_as_json(kind, context):
    vocabulary = make_vocabulary(kind)
    records = make_records(vocabulary, context=context)
    tokens_BT, _, lengths_B = records.batch(torch.arange(6), natural(6))
    ids = [tokens[:length] for tokens, length in zip(tokens_BT.tolist(), lengths_B, strict=True)]
    for row, (text, each) in enumerate(zip(vocabulary.decode(ids), ids, strict=True)):
        assert each.count(0) == (kind != "no special tokens")
        if kind != "no special tokens":
            assert each[0] == 0  # what the model expects before a text
        *before, target = text.split("\n")
        assert [json.loads(each) for each in before] == [
            {name: json.loads(values[row]) for name, values in part.items()} for part in (context,) if part
        ]
        assert json.loads(target) == {name: json.loads(values[row]) for name, values in TARGET.items()}


@pytest.mark.parametrize("kind", KIND_OF_TOKENIZER)
def test_grammars_see_the_bytes_of_tokens(kind):
    vocabulary = make_vocabulary(kind)
    info = vocabulary.for_grammars()
    assert info.vocab_size == vocabulary.size
    ids = vocabulary.encode(TEXTS).lists()
    assert [b"".join(info.decoded_vocab[i] for i in each).decode() for each in ids] == TEXTS


@pytest.mark.parametrize("kind", KIND_OF_TOKENIZER)
def test_any_tokenizer_will_do(kind, tmp_path):
    network, vocabulary = load_pretrained(str(save_model(tmp_path, "llama", kind)), CPU)
    assert network.size == vocabulary.size
    batch = make_records(vocabulary).batch(torch.arange(6), natural(6))
    assert network.losses(batch).isfinite().all()


@pytest.mark.parametrize("name", ["./nothing", "/no/such/folder", "a/b/c", "~/nothing-here"])
def test_a_folder_that_is_not_there(name):
    with pytest.raises(InputError, match="found no such folder"):
        load_pretrained(name, CPU)


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(InputError, match=r"expected config\.json"):
        load_pretrained(str(tmp_path), CPU)


def test_a_model_without_weights(tmp_path):
    folder = save_model(tmp_path)
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match="found no weights"):
        load_pretrained(str(folder), CPU)


def test_pickled_weights_are_refused(tmp_path):
    folder = save_model(tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(InputError, match="pickled weights only"):
        load_pretrained(str(folder), CPU)


def test_a_model_that_brings_code_is_refused(tmp_path):
    folder = save_model(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text("raise SystemExit('code was run')")
    with pytest.raises(InputError, match="cannot be loaded"):
        load_pretrained(str(folder), CPU)


def test_a_model_that_the_hub_does_not_have(monkeypatch):
    def no_connection(*_, **__):
        raise OSError("We couldn't connect to 'https://huggingface.co'\nand so on")

    monkeypatch.setattr("transformers.AutoConfig.from_pretrained", no_connection)
    with pytest.raises(InputError, match=r"'somebody/something'.*The name or the connection may be at fault"):
        load_pretrained("somebody/something", CPU)


def test_folders_are_loaded_without_the_network(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("there was access to the network")

    monkeypatch.setattr("socket.socket.connect", refuse)
    load_pretrained(str(save_model(tmp_path)), CPU)


def test_four_bits_want_what_is_not_here(tmp_path):
    with pytest.raises(InputError, match="four_bit: needs"):
        load_pretrained(str(save_model(tmp_path)), CPU, four_bit=True)
