"""Tiny pretrained models and tokenizers of several kinds, saved as any other model is."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from tests.language.helpers import KINDS, TARGET, WORDS

pytest.importorskip("transformers")
pytest.importorskip("peft")

import transformers

LINES = [
    *KINDS,
    *WORDS,
    *(text for texts in TARGET.values() for text in texts),
    '{"title": "bright room", "kind": null}',
]
KIND_OF_MODEL = ["llama", "gpt2", "qwen2"]
KIND_OF_TOKENIZER = ["bytes", "metaspace", "prepend", "no special tokens"]


def make_tokenizer(kind: str = "bytes"):
    """A fast tokenizer that was trained on a few lines; those with spaces in front are as Llama's were."""
    special = [] if kind == "no special tokens" else ["<s>", "</s>"]
    if kind in ("bytes", "no special tokens"):
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=kind == "bytes")
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=320, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        )
        tokenizer.train_from_iterator(LINES, trainer)
    else:
        tokenizer = _with_spaces_in_front(kind, special)
    if special:
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    names = {"bos_token": "<s>", "eos_token": "</s>"} if special else {}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def _with_spaces_in_front(kind, special):
    alphabet = sorted({character for line in LINES for character in line} - {" "} | {"▁", ",", "}", "\n", ":"})
    vocabulary = {
        token: i for i, token in enumerate([*special, "<unk>", *(f"<0x{i:02X}>" for i in range(256)), *alphabet])
    }
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>", byte_fallback=True))
    if kind == "metaspace":
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    else:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens(special)
    return tokenizer


def make_config(kind: str, size: int):
    if kind == "gpt2":
        return transformers.GPT2Config(vocab_size=size, n_embd=16, n_layer=2, n_head=2, n_positions=512)
    options = {
        "vocab_size": size,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 512,
    }
    of_kind = {"llama": transformers.LlamaConfig, "qwen2": transformers.Qwen2Config}[kind]
    return of_kind(**options, attention_dropout=0.1)


def save_model(folder: Path, kind: str = "llama", tokenizer: str = "bytes") -> Path:
    """As a user would have it: the model's logits have some columns more than there are tokens."""
    made = make_tokenizer(tokenizer)
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(make_config(kind, len(made) + 5))
    for parameter in model.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))  # so that everything depends on everything
    model.save_pretrained(folder)
    made.save_pretrained(folder)
    return folder
