"""Words of texts, and how many entities have each: of a whole column at a time.

A word is a run of letters, of digits or of other characters, with the one space before it, as byte-level byte-pair
tokenizers take texts apart (Radford et al., "Language models are unsupervised multitask learners", 2019).

Belongs here: taking apart, counting. Does not belong here: which words may be known.
"""

import unicodedata
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.encodings.code_points import CodePoints, all_points, lengths_of, utf8_sizes
from synth_engine.encodings.value_counts import Counts

Integers = npt.NDArray[np.int64]

_OTHER, _LETTER, _NUMBER, _SPACE = range(4)
_KINDS = {"L": _LETTER, "M": _LETTER, "N": _NUMBER}  # marks belong to the letters before them
# Odd numbers with bits all over (those of FNV-1a and of MurmurHash3).
_BASE, _MIX = np.uint64(0x100000001B3), np.uint64(0xFF51AFD7ED558CCD)


@dataclass(frozen=True, eq=False)
class Words:
    """Which words are in which texts, each of them once.

    Args:
        words: Distinct words, ascending, as ``large_string``.
        text: Index of the text of each pair of a text and a word, ascending.
        word: Index of the word of each pair, ascending inside a text.
        n_texts: Number of texts.
    """

    words: pa.Array
    text: Integers
    word: Integers
    n_texts: int

    @classmethod
    def of(cls, texts: pa.Array) -> Self:
        """Take ``large_string`` without nulls apart. White space alone is no word."""
        points, lengths = all_points(texts), lengths_of(texts)
        if len(points) == 0:
            return cls(pa.array([], pa.large_string()), np.zeros(0, np.int64), np.zeros(0, np.int64), len(texts))
        first = np.cumsum(lengths) - lengths
        kinds = _kinds(points)
        starts = np.flatnonzero(_begins(points, kinds, first[lengths > 0]))
        is_word = kinds[np.append(starts[1:], len(points)) - 1] != _SPACE
        encoded = _slices(texts, points, starts).filter(pa.array(is_word)).dictionary_encode()
        order = pc.array_sort_indices(encoded.dictionary)
        place = np.empty(len(order), np.int64)
        place[order.to_numpy()] = np.arange(len(order))
        n_words = max(len(order), 1)
        text = np.searchsorted(first, starts[is_word], side="right") - 1
        pairs = np.sort(text * n_words + place[encoded.indices.to_numpy()])
        pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]]  # several times as fast as `np.unique`
        return cls(encoded.dictionary.take(order), pairs // n_words, pairs % n_words, len(texts))

    def holders(self, of_text: Counts) -> Counts:
        """How many entities have each word, for so many that have each text, and have only that one."""
        held = np.bincount(self.word, weights=of_text[self.text], minlength=len(self.words))
        return held.astype(np.int64)

    def representatives(self, of_text: Counts) -> Counts:
        """How many entities stand for each word, where each stands for one word of its text.

        Entities with the same text stand for its words in turn. So one entity more adds one to one word, which depends
        on its text, and on how many have that, alone.
        """
        n_words = np.bincount(self.text, minlength=self.n_texts)
        first = np.cumsum(n_words) - n_words
        place = np.arange(len(self.word)) - first[self.text]
        n_turns = np.maximum(n_words, 1)
        begin = (self._hashes() % n_turns.astype(np.uint64)).astype(np.int64)
        each, more = np.divmod(of_text, n_turns)
        turn = (place - begin[self.text]) % n_turns[self.text]
        return self._added(each[self.text] + (turn < more[self.text]))

    def _hashes(self) -> npt.NDArray[np.uint64]:
        """A number for each text that depends on its words alone, and looks random."""
        hashes = np.zeros(self.n_texts, np.uint64)
        np.add.at(hashes, self.text, _hashes(self.words)[self.word])
        hashes = (hashes ^ hashes >> np.uint64(33)) * _MIX
        return hashes ^ hashes >> np.uint64(33)

    def _added(self, of_pair: Counts) -> Counts:
        added = np.bincount(self.word, weights=of_pair, minlength=len(self.words))
        return added.astype(np.int64)


def _kinds(points: CodePoints) -> npt.NDArray[np.uint8]:
    """What kind of character each code point is."""
    kinds = np.zeros(int(points.max()) + 1, np.uint8)
    for point in np.flatnonzero(np.bincount(points)).tolist():
        kinds[point] = _SPACE if chr(point).isspace() else _KINDS.get(unicodedata.category(chr(point))[0], _OTHER)
    return kinds[points]


def _begins(points: CodePoints, kinds: npt.NDArray[np.uint8], first: Integers) -> npt.NDArray[np.bool_]:
    """At which code points a word begins, or a character of white space that belongs to none; and so does a text."""
    is_first = np.zeros(len(points), np.bool_)
    is_first[first] = True
    begins = is_first | (kinds == _SPACE) | np.append(True, kinds[1:] != kinds[:-1])
    is_after_space = np.append(False, points[:-1] == ord(" ")) & ~is_first
    found: npt.NDArray[np.bool_] = begins & ~(is_after_space & (kinds != _SPACE))
    return found


def _slices(texts: pa.Array, points: CodePoints, starts: Integers) -> pa.Array:
    """What texts consist of from each start to the next, as ``large_string``; starts count code points."""
    first, last = np.frombuffer(texts.buffers()[1], np.int64)[[texts.offset, texts.offset + len(texts)]]
    offsets = np.append(starts, len(points))
    if last - first > len(points):  # some are of several bytes
        offsets = np.concatenate([[0], np.cumsum(utf8_sizes(points))])[offsets]
    offsets = offsets + first
    return pa.LargeStringArray.from_buffers(len(starts), pa.py_buffer(offsets), texts.buffers()[2])


def _hashes(words: pa.Array) -> npt.NDArray[np.uint64]:
    """Polynomials of the bytes of each of some ``large_string``, none of which is empty."""
    if len(words) == 0:
        return np.zeros(0, np.uint64)
    offsets = np.frombuffer(words.buffers()[1], np.int64)[words.offset : words.offset + len(words) + 1]
    content = np.frombuffer(words.buffers()[2], np.uint8)[offsets[0] : offsets[-1]].astype(np.uint64)
    sizes, starts = np.diff(offsets), offsets[:-1] - offsets[0]
    powers = np.cumprod(np.full(sizes.max(), _BASE, np.uint64))
    place = np.arange(len(content)) - np.repeat(starts, sizes)
    hashes: npt.NDArray[np.uint64] = np.add.reduceat(content * powers[place], starts)
    return hashes
