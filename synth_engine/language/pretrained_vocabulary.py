"""Vocabularies of pretrained models, by their Hugging Face tokenizers."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import torch
from tokenizers import Tokenizer

from synth_engine.language.segments import Ids, Segments, Wording

if TYPE_CHECKING:
    import xgrammar

TOKENIZER_FILE, VOCABULARY_FILE = "tokenizer.json", "vocabulary.json"


class PretrainedVocabulary:
    """The tokens of a model that was trained before, each literal by itself.

    Guarantees: a literal becomes none of the model's special tokens, whatever it says; and no space is put before it.

    Args:
        tokenizer: Any fast tokenizer; need not have tokens for padding, beginning or end.
        size: Columns of the model's logits, which may be more than the tokenizer has tokens.
        begins: What the model expects before every text; None where that is nothing.
        ends: The token that ends every text; one of the ids, if there is none such.
    """

    def __init__(self, tokenizer: Tokenizer, size: int, *, begins: int | None, ends: int | None) -> None:
        self._tokenizer = without_space_before(tokenizer)
        self._tokenizer.encode_special_tokens = True  # split them up where a literal looks like one
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.size, self._begins, self._ends = size, begins, ends
        self.pad = 0 if ends is None else ends

    @classmethod
    def of(cls, tokenizer: Any, size: int) -> "PretrainedVocabulary":
        """By a tokenizer of `transformers`, which has to be a fast one."""
        return cls(tokenizer.backend_tokenizer, size, begins=tokenizer.bos_token_id, ends=tokenizer.eos_token_id)

    def encode(self, texts: Sequence[str] | pa.Array, column: str | None = None) -> Segments:
        """Ids of literals; equal ones are looked at once, and columns make no difference."""
        del column
        values = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.large_string())
        codes = values.dictionary_encode()
        pieces = self._tokenizer.encode_batch(codes.dictionary.to_pylist(), add_special_tokens=False)
        indices = torch.from_numpy(np.asarray(codes.indices, dtype=np.int64))
        return Segments.of([piece.ids for piece in pieces]).take(indices)

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Texts."""
        return [b"".join(self._bytes[i] for i in each).decode("utf-8", errors="replace") for each in ids]

    def wording(self, context: Sequence[str], target: Sequence[str]) -> Wording:
        """Ids of what is the same in every record."""
        first = () if self._begins is None else (self._begins,)
        return Wording(
            prompt_begin=first + self._ids("{") if context else (),
            prompt_names=tuple(map(self._name, context)),
            prompt_between=self._ids(", "),
            prompt_end=self._ids("}\n") if context else (),
            begin=self._ids("{") if context else first + self._ids("{"),
            names=tuple(map(self._name, target)),
            between=self._ids(", "),
            end=self._ids("}"),
        )

    def for_grammars(self) -> "xgrammar.TokenizerInfo":
        """The bytes of every token; special ones have none."""
        return self._info

    def files(self) -> dict[str, bytes]:
        """The tokenizer in Hugging Face's format, and what is not said there; inverse of `load`."""
        others = {"size": self.size, "begins": self._begins, "ends": self._ends}
        return {TOKENIZER_FILE: self._tokenizer.to_str().encode(), VOCABULARY_FILE: json.dumps(others).encode()}

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> "PretrainedVocabulary":
        """Inverse of `files`."""
        return cls(Tokenizer.from_str(files[TOKENIZER_FILE].decode()), **json.loads(files[VOCABULARY_FILE]))

    @cached_property
    def _info(self) -> "xgrammar.TokenizerInfo":
        import xgrammar

        ends = None if self._ends is None else [self._ends]
        return xgrammar.TokenizerInfo(self._bytes, stop_token_ids=ends)

    @cached_property
    def _bytes(self) -> list[bytes]:
        """What every token writes. `xgrammar` knows how, but would let special tokens be drawn as texts."""
        import xgrammar
        from transformers import PreTrainedTokenizerFast

        wrapped = PreTrainedTokenizerFast(tokenizer_object=self._tokenizer)  # type: ignore[no-untyped-call]
        info = xgrammar.TokenizerInfo.from_huggingface(wrapped, vocab_size=self.size, stop_token_ids=[self.pad])
        added = self._tokenizer.get_added_tokens_decoder()
        special = {i for i, token in added.items() if token.special} | {self._begins, self._ends}
        return [b"" if i in special else written for i, written in enumerate(info.decoded_vocab)]

    def _ids(self, text: str) -> Ids:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _name(self, name: str) -> Ids:
        return self._ids(f"{json.dumps(name, ensure_ascii=False)}: ")


def without_space_before(tokenizer: Tokenizer) -> Tokenizer:
    """A copy that writes texts as they are. Many put a space before each, as a text would begin with a word."""
    parts = json.loads(tokenizer.to_str())
    parts["pre_tokenizer"] = _without_space(parts["pre_tokenizer"])
    parts["normalizer"] = _without_space(parts["normalizer"])
    return Tokenizer.from_str(json.dumps(parts))


def _without_space(part: dict[str, Any] | None) -> dict[str, Any] | None:
    """A normaliser or pre-tokenizer in the tokenizers' own notation."""
    if part is None or part["type"] == "Prepend":
        return None
    if part["type"] == "Sequence":
        name = "normalizers" if "normalizers" in part else "pretokenizers"
        return part | {name: [each for each in map(_without_space, part[name]) if each is not None]}
    changes: dict[str, dict[str, Any]] = {
        "ByteLevel": {"add_prefix_space": False},
        "Metaspace": {"prepend_scheme": "never"},
    }
    return part | changes.get(part["type"], {})
