"""Tokens: what every vocabulary offers, and the one that is made for a table.

Belongs here: from literals to ids and back. Does not belong here: vocabularies of pretrained models
(`pretrained_vocabulary`), and what literals there are (the encodings).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor

from synth_engine.language.segments import Segments, Wording

if TYPE_CHECKING:
    import xgrammar

# Of byte pairs; with single bytes, without whole literals and fixed wording. See docs/decisions/033.
N_PIECES = 2000
TOKENIZER_FILE, VOCABULARY_FILE = "tokenizer.json", "vocabulary.json"


class Vocabulary(Protocol):
    """Writes literals as token ids, each by itself, and reads them."""

    @property
    def size(self) -> int:
        """Number of ids: columns of a network's logits."""
        ...

    @property
    def pad(self) -> int:
        """An id to fill up with. It need not be one of its own: what is filled up is never looked at."""
        ...

    def encode(self, texts: Sequence[str] | pa.Array, column: str | None = None) -> Segments:
        """Ids of literals.

        Args:
            texts: Literals, without nulls.
            column: Whose they are; None allows for those of any.
        """
        ...

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Texts; bytes that are not UTF-8 become U+FFFD."""
        ...

    def wording(self, context: Sequence[str], target: Sequence[str]) -> Wording:
        """Ids of what is the same in every record with these columns."""
        ...

    def for_grammars(self) -> "xgrammar.TokenizerInfo":
        """The bytes of every token, for `xgrammar`."""
        ...

    def files(self) -> dict[str, bytes]:
        """What to store, by file names."""
        ...


class OwnVocabulary:
    """Bytes, pieces of common words, whole literals, and one token for each part of the fixed wording.

    Guarantees:
        - any text can be written, and is read as it was;
        - tokens are made from what is given, all of which is protected: no other text leaves a trace in them;
        - a text never contains a token of the fixed wording, and a whole literal's token only as its only one, in
          columns that have it;
        - a digit is a token of its own, so that numbers are written place by place.

    Args:
        tokenizer: Of byte pairs. Its vocabulary has further entries, which no merge leads to, and which are told from
            pieces by a space at the beginning: bytes are written without any.
        whole: Literals with a token of their own, by column.
        context: Names of the context columns.
        target: Names of the target columns.
    """

    def __init__(
        self, tokenizer: Tokenizer, whole: Mapping[str, Sequence[str]], context: Sequence[str], target: Sequence[str]
    ) -> None:
        self._tokenizer, self._whole = tokenizer, {name: list(literals) for name, literals in whole.items()}
        self._context, self._target = list(context), list(target)
        self._id_of = tokenizer.get_vocab(with_added_tokens=True)
        self._whole_ids = {name: self._ids_of_whole(literals) for name, literals in self._whole.items()}
        self._any_whole = {literal: i for ids in self._whole_ids.values() for literal, i in ids.items()}
        self.size, self.pad = len(self._id_of), self._id_of[_PAD]
        self._bytes = self._bytes_of_tokens()

    @classmethod
    def build(
        cls,
        whole: Mapping[str, Sequence[str]],
        words: Iterable[str],
        *,
        context: Sequence[str] = (),
        target: Sequence[str],
        n_pieces: int = N_PIECES,
    ) -> "OwnVocabulary":
        """The vocabulary of a table.

        Args:
            whole: Literals that deserve a token of their own, by column.
            words: Common words of texts, the most common first; nothing else is known of how common they are.
            context: Names of the context columns.
            target: Names of the target columns.
            n_pieces: The most bytes and pieces of words.
        """
        trainer = trainers.BpeTrainer(
            vocab_size=n_pieces,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        pieces = _byte_pairs(models.BPE())
        pieces.train_from_iterator(_as_common(list(words)), trainer)
        model = json.loads(pieces.to_str())["model"]
        further = _further(whole, context, target)
        vocabulary = model["vocab"] | {key: len(model["vocab"]) + i for i, key in enumerate(further)}
        merges = [(left, right) for left, right in model["merges"]]
        return cls(_byte_pairs(models.BPE(vocab=vocabulary, merges=merges)), whole, context, target)

    @property
    def ids(self) -> Mapping[str, int]:
        """Ids by what tells tokens apart, also from those of another vocabulary."""
        return self._id_of

    def encode(self, texts: Sequence[str] | pa.Array, column: str | None = None) -> Segments:
        """Ids of literals; equal ones are looked at once."""
        values = pa.array(texts, pa.large_string()) if not isinstance(texts, pa.Array) else texts
        codes = values.dictionary_encode()
        whole = self._any_whole if column is None else self._whole_ids.get(column, {})
        distinct = codes.dictionary.to_pylist()
        pieces = self._tokenizer.encode_batch(
            [text for text in distinct if text not in whole], add_special_tokens=False
        )
        others: Iterator[list[int]] = (piece.ids for piece in pieces)
        found = Segments.of([[whole[text]] if text in whole else next(others) for text in distinct])
        return found.take(_as_tensor(codes.indices))

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Texts."""
        return [b"".join(self._bytes[i] for i in each).decode("utf-8", errors="replace") for each in ids]

    def wording(self, context: Sequence[str], target: Sequence[str]) -> Wording:
        """Ids of what is the same in every record, one for each part of it.

        Raises:
            AssertionError: these are not the columns that the vocabulary was made for.
        """
        assert not {*context} - {*self._context}, f"expected context columns among {self._context}, found {context}"
        assert not {*target} - {*self._target}, f"expected target columns among {self._target}, found {target}"
        of = self._id_of
        return Wording(
            prompt_begin=(of[_PROMPT_BEGIN],) if context else (),
            prompt_names=tuple((of[_prompt_name(name)],) for name in context),
            prompt_between=(of[_PROMPT_BETWEEN],),
            prompt_end=(of[_PROMPT_END],) if context else (),
            begin=(of[_BEGIN],),
            names=tuple((of[_name(name)],) for name in target),
            between=(of[_BETWEEN],),
            end=(of[_END],),
        )

    def for_grammars(self) -> "xgrammar.TokenizerInfo":
        """The bytes of every token. What is never drawn within a record has none."""
        return self._info

    @cached_property
    def _info(self) -> "xgrammar.TokenizerInfo":
        import xgrammar

        drawn = [self._bytes[i] for i in range(self.size)]
        for key, i in self._id_of.items():
            if key.startswith(_NEVER_DRAWN):
                drawn[i] = b""
        return xgrammar.TokenizerInfo(drawn, stop_token_ids=[self.pad])

    def files(self) -> dict[str, bytes]:
        """A tokenizer in Hugging Face's format, and what is not said there; inverse of `load`."""
        others = {"whole": self._whole, "context": self._context, "target": self._target}
        return {
            TOKENIZER_FILE: self._tokenizer.to_str(pretty=True).encode(),
            VOCABULARY_FILE: json.dumps(others, ensure_ascii=False, indent=1).encode(),
        }

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> "OwnVocabulary":
        """Inverse of `files`."""
        return cls(Tokenizer.from_str(files[TOKENIZER_FILE].decode()), **json.loads(files[VOCABULARY_FILE]))

    def _ids_of_whole(self, literals: Iterable[str]) -> dict[str, int]:
        return {literal: self._id_of[_whole(literal)] for literal in literals}

    def _bytes_of_tokens(self) -> list[bytes]:
        byte_of = _byte_of_characters()
        bytes_of = {
            i: _written(key).encode() if key.startswith(" ") else bytes(byte_of[character] for character in key)
            for key, i in self._id_of.items()
        }
        return [bytes_of[i] for i in range(self.size)]


# Entries of the vocabulary beside pieces: a kind, and what is written.
_KINDS = " pad ", " prompt ", " record ", " whole "
_NEVER_DRAWN = " pad ", " prompt "
_PAD, _PROMPT_BEGIN, _PROMPT_BETWEEN, _PROMPT_END = " pad ", " prompt {", " prompt , ", " prompt }\n"
_BEGIN, _BETWEEN, _END = " record {", " record , ", " record }"


def _prompt_name(name: str) -> str:
    return f" prompt {json.dumps(name, ensure_ascii=False)}: "


def _name(name: str) -> str:
    return f" record {json.dumps(name, ensure_ascii=False)}: "


def _whole(literal: str) -> str:
    return f" whole {literal}"


def _written(key: str) -> str:
    return next(key.removeprefix(kind) for kind in _KINDS if key.startswith(kind))


def _further(whole: Mapping[str, Sequence[str]], context: Sequence[str], target: Sequence[str]) -> list[str]:
    """Entries beside pieces, each once."""
    fixed = [_PAD, _PROMPT_BEGIN, _PROMPT_BETWEEN, _PROMPT_END, _BEGIN, _BETWEEN, _END]
    names = [*map(_prompt_name, context), *map(_name, target)]
    return list(dict.fromkeys([*fixed, *names, *(_whole(each) for literals in whole.values() for each in literals)]))


def _byte_pairs(model: models.BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _as_common(words: Sequence[str]) -> Iterator[str]:
    """Each word as often as Zipf's law has it, mostly behind a space, as words within a text are."""
    for rank, word in enumerate(words, 1):
        times = -(-len(words) // rank)
        yield from [f" {word}"] * times
        yield from [word] * -(-times // 8)


def _byte_of_characters() -> dict[str, int]:
    """The byte that each character of a piece stands for: printable ones for themselves, the others from U+0100 on."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(0x100 + i): byte for i, byte in enumerate(others)}


def _as_tensor(indices: pa.Array) -> Tensor:
    return torch.from_numpy(np.asarray(indices, dtype=np.int64))
